"""Runs the schema's validators over a configuration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from halab.provider.protocol.diagnostics import Diagnostic
from halab.provider.protocol.schema import Attr, Block
from halab.provider.protocol.types import Path, has_unknown


def invalid_values(block: Block, config: Any, path: Path = ()) -> Iterator[Diagnostic]:
    """One error for each validator that objects, with the whole path to the value. Null and unknown values pass."""
    if not isinstance(config, dict):
        return
    for name, attr in block.attrs.items():
        yield from _objections(attr, config.get(name), (*path, name))
    for name, inner in block.parts():
        for step, element in inner.objects(config.get(name)):
            yield from invalid_values(inner, element, (*path, name, *step))


def _objections(attr: Attr, value: Any, path: Path) -> Iterator[Diagnostic]:
    if value is None or has_unknown(value):
        return
    for validator in attr.validators:
        objection = validator(value)
        if objection:
            yield Diagnostic("error", f"Invalid value for {path[-1]}", objection, path)
