"""Writes what is derived: bindings and docs/resources/ from the schemas, the table in docs/settings.md, the picture.

`python -m halab.cli.developer.generate` in the checkout; a test fails while the files are not what this writes.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from halab.cli.developer.page import page
from halab.cli.developer.picture import svg
from halab.cli.developer.resource_pages import pages
from halab.provider.protocol import Attr, Block

_HEAD = '''"""Typed bindings of the provider. Written by cli/developer/generate.py: change the specs, not this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

from halab.constructs.cdk import Construct, IDependable, TerraformResourceLifecycle
from halab.constructs.resource import HalabResource
'''
_TABLE_MARKS = ("<!-- settings -->", "<!-- end of settings -->")
_TAKEN = frozenset({"node"})  # constructs' own property: such an attribute can be given, but not be referred to
_SCALARS = {"string": "str", "number": "float", "bool": "bool"}


def schemas() -> dict[str, Block]:
    """Resource type -> schema, of every registered type."""
    from halab.provider.registry import resources

    return {name: make(None).schema for name, make in sorted(resources().items())}


def provider() -> Block:
    """The schema of the provider's own configuration."""
    from halab.provider.lab import HalabProvider

    return HalabProvider.schema


def class_name(type_name: str) -> str:
    return "".join(word.capitalize() for word in type_name.removeprefix("halab_").split("_"))


def bindings(blocks: dict[str, Block]) -> str:
    """The text of constructs/bindings.py, before formatting."""
    return _HEAD + "".join("\n\n" + "\n".join(_binding(name, block)) + "\n" for name, block in blocks.items())


def _binding(type_name: str, block: Block) -> Iterator[str]:
    cls = class_name(type_name)
    given = {name: attr for name, attr in block.attrs.items() if attr.required or attr.optional}
    for name, attr in given.items():
        if attr.nested is not None:
            yield from _typed_dict(_nested_name(cls, name), attr.nested)
    yield f"class {cls}(HalabResource):"
    yield _docstring(_sentence(block.doc))
    yield ""
    yield f'    TYPE = "{type_name}"'
    yield ""
    yield "    def __init__("
    yield "        self, scope: Construct, id: str, *,"
    for name, attr in sorted(given.items(), key=lambda pair: not pair[1].required):
        hint = _hint(attr, _nested_name(cls, name))
        yield f"        {name}: {hint}," if attr.required else f"        {name}: {hint} | None = None,"
    yield "        depends_on: Sequence[IDependable] = (), lifecycle: TerraformResourceLifecycle | None = None,"
    yield "    ) -> None:"
    values = ", ".join(f'"{name}": {name}' for name in given)
    yield f"        super().__init__(scope, id, {{{values}}}, depends_on, lifecycle)"
    for name, attr in block.attrs.items():
        yield from _getter(name, attr)


def _docstring(text: str) -> str:
    """A class's docstring, on two lines if one is not enough."""
    first, *rest = textwrap.wrap(text, 120 - len('    """'), break_long_words=False)
    if not rest and len(first) <= 120 - len('    """"""'):
        return f'    """{first}"""'
    return "\n".join([f'    """{first}', *(f"    {line}" for line in rest), '    """'])


def _sentence(doc: str) -> str:
    """The first sentence of a description, on one line."""
    return re.split(r"(?<=\.)\s", " ".join(doc.split()), maxsplit=1)[0]


def _typed_dict(name: str, attrs: Any) -> Iterator[str]:
    for inner, attr in attrs.items():
        if attr.nested is not None:
            yield from _typed_dict(_nested_name(name, inner), attr.nested)
    total = all(attr.required for attr in attrs.values())
    yield f"class {name}(TypedDict{'' if total else ', total=False'}):"
    for inner, attr in attrs.items():
        if attr.required or attr.optional:
            hint = _hint(attr, _nested_name(name, inner))
            yield f"    {inner}: {hint}" + ("" if attr.required else " | None")
    yield ""
    yield ""


def _nested_name(cls: str, attribute: str) -> str:
    return cls + "".join(word.capitalize() for word in attribute.split("_"))


def _hint(attr: Attr, nested: str) -> str:
    if attr.nested is None:
        return _wire_hint(attr.value_type.wire)
    return nested if attr.nesting == "single" else f"Sequence[{nested}]"


def _wire_hint(wire: Any) -> str:
    if isinstance(wire, str):
        return _SCALARS[wire]
    kind, inner = wire
    return f"Mapping[str, {_wire_hint(inner)}]" if kind == "map" else f"Sequence[{_wire_hint(inner)}]"


def _getter(name: str, attr: Attr) -> Iterator[str]:
    """Attributes with a plain value can be handed to other resources."""
    if name in _TAKEN or attr.nested is not None or attr.value_type.wire not in ("string", "number"):
        return
    kind, getter = (
        ("str", "get_string_attribute") if attr.value_type.wire == "string" else ("float", "get_number_attribute")
    )
    yield ""
    yield "    @property"
    yield f"    def {name}(self) -> {kind}:"
    yield f'        return self.{getter}("{name}")'


def formatted(text: str) -> str:
    """As `ruff format` leaves it."""
    ruff = Path(sys.executable).with_name("ruff")
    command = [str(ruff), "format", "--stdin-filename", "constructs/bindings.py", "-"]
    return subprocess.run(command, input=text, text=True, check=True, capture_output=True).stdout


def settings_table() -> str:
    """The table of all settings."""
    from halab.constructs.settings import names, variable

    rows = ["| setting | variable | default | what it is |", "|---|---|---|---|"]
    for name, item in names().items():
        default = (
            "" if item.default in (None, ()) else f"`{item.default}`".replace("True", "true").replace("False", "false")
        )
        rows.append(f"| `{name}` | `{variable(name)}` | {default} | {item.metadata['doc']} |")
    return "\n".join(rows)


def settings_page(text: str) -> str:
    """docs/settings.md with the table between its two marks."""
    before, _, rest = text.partition(_TABLE_MARKS[0])
    _, _, after = rest.partition(_TABLE_MARKS[1])
    return f"{before}{_TABLE_MARKS[0]}\n{settings_table()}\n{_TABLE_MARKS[1]}{after}"


def files(root: Path, blocks: dict[str, Block]) -> dict[str, str]:
    """Path below the checkout -> what stands there."""
    return {
        "constructs/bindings.py": formatted(bindings(blocks)),
        "docs/settings.md": settings_page((root / "docs/settings.md").read_text()),
        "docs/pictures/deploy.svg": svg((root / "docs/pictures/deploy.ansi").read_text(), "make deploy"),
        **pages(root / "examples/resources", provider(), blocks),
        **page(root),
    }


def main(arguments: Sequence[str]) -> None:
    """Writes them all."""
    argparse.ArgumentParser(prog="python -m halab.cli.developer.generate", description=__doc__).parse_args(arguments)
    root = Path(__file__).resolve().parents[2]
    for name, text in files(root, schemas()).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
