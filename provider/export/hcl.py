"""HCL text of values. Only what configurations of ours need: no expressions but references, which are given as such."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
# A heredoc keeps its text as it is but for ${ and %{; control characters have no place in it.
_LONG = re.compile(r"(?!\A\s)[^\x00-\x08\x0b-\x1f\x7f]*\n\Z")
_WIDTH = 110


@dataclass(frozen=True, slots=True)
class Reference:
    """Stands for itself, without quotes: halab_cluster.summit.name"""

    text: str


def value(given: Any, indent: str = "") -> str:
    """One value, over several lines where it is long."""
    if isinstance(given, Reference):
        return given.text
    if given is None:
        return "null"
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, str):
        return string(given, indent)
    if isinstance(given, Mapping):
        return _mapping(given, indent)
    if isinstance(given, (list, tuple)):
        return _sequence(given, indent)
    return repr(given)


def string(text: str, indent: str = "") -> str:
    """A quoted string; a heredoc for whole lines of text."""
    text = text.replace("${", "$${").replace("%{", "%%{")
    if text.count("\n") > 1 and _LONG.fullmatch(text) and not re.search(r"^\s*EOT$", text, re.MULTILINE):
        del indent  # the text's own indentation counts, so it stands at the margin
        return f"<<EOT\n{text}EOT"
    return '"' + "".join(_ESCAPES.get(c, c if c.isprintable() else f"\\u{ord(c):04x}") for c in text) + '"'


def _sequence(given: Any, indent: str) -> str:
    inner = [value(element, indent + "  ") for element in given]
    line = f"[{', '.join(inner)}]"
    if "\n" not in line and len(indent) + len(line) <= _WIDTH:
        return line
    return "[\n" + "".join(f"{indent}  {element},\n" for element in inner) + f"{indent}]"


def _mapping(given: Mapping[str, Any], indent: str) -> str:
    pairs = [f"{key(name)} = {value(inner, indent + '  ')}" for name, inner in given.items()]
    line = f"{{ {', '.join(pairs)} }}" if pairs else "{}"
    if "\n" not in line and len(indent) + len(line) <= _WIDTH:
        return line
    return "{\n" + body(given, indent + "  ") + f"{indent}}}"


def key(name: str) -> str:
    return name if _NAME.fullmatch(name) else string(name)


def body(attributes: Mapping[str, Any], indent: str = "  ") -> str:
    """Attributes, one a line, aligned as `terraform fmt` does where they are of one line."""
    rows = [(key(name), value(given, indent)) for name, given in attributes.items()]
    return "".join(
        f"{indent}{name.ljust(width)} = {text}\n" for (name, text), width in zip(rows, _widths(rows), strict=True)
    )


def _widths(rows: list[tuple[str, str]]) -> list[int]:
    """Names in a row are aligned; one whose value takes several lines ends the row, and is no part of it."""
    widths: list[int] = []
    run: list[int] = []
    for name, text in [*rows, ("", "\n")]:
        if "\n" not in text:
            run.append(len(name))
            continue
        widths += [max(run)] * len(run) if run else []
        widths.append(len(name))
        run = []
    return widths[:-1]


def block(kind: str, labels: tuple[str, ...], attributes: Mapping[str, Any]) -> str:
    """`resource "halab_group" "web" { … }`"""
    quoted = "".join(f' "{label}"' for label in labels)
    return f"{kind}{quoted} {{\n{body(attributes)}}}\n"


def label(text: str, taken: set[str]) -> str:
    """A name in HCL from a name in a cluster, other than those that are taken (it is added to them)."""
    base = re.sub(r"[^A-Za-z0-9_]", "_", text).strip("_") or "it"
    base = base if not base[0].isdigit() else f"n{base}"
    names = (base, *(f"{base}_{number}" for number in range(2, len(taken) + 3)))
    found = next(name for name in names if name not in taken)
    taken.add(found)
    return found
