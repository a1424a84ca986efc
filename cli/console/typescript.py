"""The contract as TypeScript: what the page is compiled against."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, Literal

from halab.cli.console.contract import CONTRACT


def typescript() -> str:
    """The text of page/contract.ts."""
    found: dict[str, type] = {}
    for one in CONTRACT:
        _collect(one, found)
    head = "// Written from cli/console/contract.py by cli/developer/generate.py: change that, not this.\n"
    return head + "".join(f"\n{_interface(one)}\n" for one in found.values())


def _collect(one: type, found: dict[str, type]) -> None:
    for kind in typing.get_type_hints(one).values():
        for inner in _inside(kind):
            if is_dataclass(inner) and isinstance(inner, type) and inner.__name__ not in found:
                _collect(inner, found)
    found.setdefault(one.__name__, one)


def _inside(kind: Any) -> Iterator[Any]:
    yield kind
    for argument in typing.get_args(kind):
        yield from _inside(argument)


def _interface(one: type) -> str:
    hints = typing.get_type_hints(one)
    lines = [f"  readonly {each.name}: {_name(hints[each.name])};" for each in fields(one)]
    return "\n".join((f"export interface {one.__name__} {{", *lines, "}"))


def _name(kind: Any) -> str:
    simple = {str: "string", float: "number", int: "number", bool: "boolean", type(None): "null"}
    if kind in simple:
        return simple[kind]
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return " | ".join(f'"{one}"' for one in arguments)
    if origin in (types.UnionType, typing.Union):
        return " | ".join(_name(one) for one in arguments)
    if origin is tuple:
        return (
            f"readonly ({_name(arguments[0])})[]" if " " in _name(arguments[0]) else f"readonly {_name(arguments[0])}[]"
        )
    if origin is dict:
        return f"Readonly<Record<string, {_name(arguments[1])}>>"
    return str(kind.__name__)
