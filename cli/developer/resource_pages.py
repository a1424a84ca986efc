"""The provider's pages of docs/: an index, and for each resource type what it is, an example, all it takes and gives.

The examples stand in examples/resources/, one file for each type; a test has Terraform validate them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from halab.provider.protocol import Attr, Block

_IMPORT = "\nimport {"
_MACHINE = "d2e6b9a4-5f0c-4a1e-9b7d-0c1f2a3b4c5d"
_INDEX = """# The provider halab

{doc} `make prepare` installs it for the user who calls it; Terraform finds it under `terraform.local/halab/halab`.
The lab's constructs are made of these resources; [plain HCL](../../examples/two-nodes/main.tf) can be, too.

## Example

```terraform
{example}
```

## Arguments

{arguments}

## Resources

| type | what it is |
|---|---|
{resources}
"""


def pages(examples: Path, provider: Block, blocks: Mapping[str, Block]) -> dict[str, str]:
    """Path below the checkout -> text. Raises FileNotFoundError when a type has no example."""
    texts = {
        f"docs/resources/{name.removeprefix('halab_')}.md": _page(name, block, (examples / f"{name}.tf").read_text())
        for name, block in blocks.items()
    }
    return {"docs/resources/README.md": _index(provider, blocks, (examples / "provider.tf").read_text()), **texts}


def _index(provider: Block, blocks: Mapping[str, Block], example: str) -> str:
    resources = [
        f"| [{name}]({name.removeprefix('halab_')}.md) | {_sentence(block)} |" for name, block in blocks.items()
    ]
    arguments = "\n".join(_table(provider.attrs, given=True))
    return _INDEX.format(doc=provider.doc, example=example.strip(), arguments=arguments, resources="\n".join(resources))


def _sentence(block: Block) -> str:
    """The first sentence of the description."""
    return re.split(r"(?<=\.)\s|\n\n", block.doc, maxsplit=1)[0].replace("\n", " ")


def _page(name: str, block: Block, example: str) -> str:
    used, _, imported = example.partition(_IMPORT)
    lines = [f"# {name}", "", block.doc, "", "## Example", "", "```terraform", used.strip(), "```", ""]
    lines += ["## Arguments", "", *_table(block.attrs, given=True), ""]
    lines += ["## Attributes", "", *_table(block.attrs, given=False), "", "## Import", ""]
    return "\n".join([*lines, *_import(imported)]) + "\n"


def _import(block: str) -> Iterator[str]:
    if not block:
        yield "It cannot be imported."
        return
    yield from ("```terraform", f"{_IMPORT}{block}".strip(), "```")
    if _MACHINE in block:
        yield from ("", f"`{_MACHINE}` stands for the machine's UUID, as `virsh domuuid` prints it.")


def _table(attrs: Mapping[str, Attr], *, given: bool) -> Iterator[str]:
    """Of what can be given, the required ones first; or of what is only there to be read."""
    chosen = {name: attr for name, attr in attrs.items() if (attr.required or attr.optional) == given}
    if not chosen:
        yield "None."
        return
    yield "| name | type | | what it is |"
    yield "|---|---|---|---|"
    for name, attr in sorted(chosen.items(), key=lambda pair: not pair[1].required):
        yield from _rows(name, attr)


def _rows(name: str, attr: Attr) -> Iterator[str]:
    kind = f"{attr.nesting} of objects" if attr.nested is not None else _wire_name(attr.value_type.wire)
    yield f"| `{name}` | {kind} | {', '.join(_words(attr))} | {attr.doc} |"
    for inner, one in (attr.nested or {}).items():
        yield from _rows(f"{name}.{inner}", one)


def _words(attr: Attr) -> Iterator[str]:
    if attr.required:
        yield "required"
    elif attr.optional and not attr.has_default:
        yield "optional"
    if attr.has_default:
        yield f"default `{json.dumps(attr.default)}`"
    for other, value in attr.default_with.items():
        yield f"`{json.dumps(value)}` with `{other}`"
    if attr.optional and attr.computed and not attr.has_default:
        yield "known after apply when left out"
    if attr.sensitive:
        yield "sensitive"
    if attr.replace:
        yield "a change replaces it"


def _wire_name(wire: Any) -> str:
    return wire if isinstance(wire, str) else f"{wire[0]} of {_wire_name(wire[1])}"
