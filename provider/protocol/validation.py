"""Whether a configuration can be understood, and what the schema's validators say of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from halab.provider.protocol.diagnostics import Diagnostic
from halab.provider.protocol.schema import Attr, Block
from halab.provider.protocol.types import UNKNOWN, Path, has_unknown


def malformed(block: Block, config: Any, path: Path = ()) -> Iterator[Diagnostic]:
    """One error for each value that no resource can make sense of, so that none has to think of it.

    That is null for what is required or inside of a collection, decimals where a whole number belongs, and NUL in a
    text. Unknown values pass: Terraform asks again as soon as they are known, before anything is done with them.
    """
    for attr, value, where in _values(block, config, path):
        yield from (_invalid(where, flawed, problem) for flawed, problem in _flaws(attr, value, where))


def broken_rules(block: Block, config: Any, path: Path = ()) -> Iterator[Diagnostic]:
    """One error for each validator that objects, with the whole path to the value. Null and unknown values pass."""
    for attr, value, where in _values(block, config, path):
        if value is None or has_unknown(value) or any(True for _ in _flaws(attr, value, where)):
            continue
        objections = (validator(value) for validator in attr.validators)
        yield from (_invalid(where, where, objection) for objection in objections if objection)


def _values(block: Block, config: Any, path: Path) -> Iterator[tuple[Attr, Any, Path]]:
    """Every attribute, nested ones too, with its value and the way to it."""
    if not isinstance(config, dict):
        return
    for name, attr in block.attrs.items():
        yield attr, config.get(name), (*path, name)
    for name, inner in block.parts():
        for step, element in inner.objects(config.get(name)):
            yield from _values(inner, element, (*path, name, *step))


def _flaws(attr: Attr, value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if value is None:
        if attr.required:
            yield path, f"{path[-1]} is required, and null is no value: give it one."
    elif value is not UNKNOWN:
        yield from attr.value_type.flaws(value, path)


def _invalid(attribute: Path, path: Path, problem: str) -> Diagnostic:
    return Diagnostic("error", f"Invalid value for {attribute[-1]}", problem, path)
