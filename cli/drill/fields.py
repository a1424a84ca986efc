"""What stands in a recorded event of each kind, so that a damaged recording is told from one that can be judged."""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter
from types import NoneType
from typing import Any

_NAMES = [str]
_PAIR = "two whole numbers"
_LARGEST = 1e11
"""Of all times and measures; what is no number is not below it either."""
# A type (float: any number), alternatives in a tuple, a list of one shape, fields by their names ("*": any name).
_NEEDED: Mapping[str, Mapping[str, Any]] = {
    "run": {
        "drill": str,
        "happened": str,
        "lab": str,
        "site": str,
        "machines": [{"name": str, "member": bool}],
        "roles": {"*": _NAMES},
        "pacemaker": str,
        "token_ms": float,
        "consensus_ms": float,
        "away_limit_s": float,
        "whole_limit_s": float,
        "must_be_fenced": _NAMES,
        "may_be_fenced": _NAMES,
        "moves": (bool, NoneType),
    },
    "site": {"took": float, "node": str, "why": str},
    "write": {"node": str, "number": int, "took": float},
    "unwritten": {"node": str, "number": int, "errno": int},
    "address": {"node": str, "held": bool},
    "clock": {"machine": str, "boot": str, "offset": float, "error": float},
    "look": {"faults": _NAMES, "states": {"*": str}},
    "journal": {"machine": str, "boot": str, "up": float, "by": str, "priority": int, "text": str},
    "console": {"machine": str, "text": str},
    "power": {"machine": str, "event": str, "why": str},
    "injection": {"machine": str, "role": str, "what": str, "state": str},
    "lie": {"machine": str, "action": str},
    "facts": {
        "when": str,
        "twice": _NAMES,
        "blocked": _NAMES,
        "cib": str,
        "files": {"*": {"reader": str, "error": str, "numbers": [_PAIR]}},
    },
    "error": {"text": str},
}
_OPTIONAL = {"reset_by": _NAMES, "finds": str, "hypervisor": str, "stretch": float, "slowness": float}
"""Of a run, whose recordings by earlier versions have not all."""


def misfit(event: Mapping[str, Any]) -> str:
    """What is wrong with an event; empty: nothing. Kinds that are not known here are nobody's."""
    kind = event["kind"]
    wanted = {"t": float, **_NEEDED.get(kind, {})}
    if kind == "run":
        wanted |= {name: shape for name, shape in _OPTIONAL.items() if name in event}
    wrong = [name for name, shape in wanted.items() if not _fits(event.get(name), shape)]
    if wrong:
        return f"{kind}: no usable {', '.join(wrong)}"
    if kind == "run" and (unknown := _named(event["happened"]) - {"who", *event["roles"]}):
        return f"{kind}: nobody is {', '.join(sorted(unknown))} of {event['happened']!r}"
    return ""


def _fits(value: Any, shape: Any) -> bool:
    if isinstance(shape, tuple):
        return any(_fits(value, one) for one in shape)
    if isinstance(shape, list):
        return isinstance(value, list) and all(_fits(one, shape[0]) for one in value)
    if isinstance(shape, dict):
        return isinstance(value, dict) and _fields_fit(value, shape)
    if shape is _PAIR:
        return isinstance(value, list) and len(value) == 2 and all(_fits(one, int) for one in value)
    if shape is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST
    return isinstance(value, shape) and (shape is bool or not isinstance(value, bool))


def _fields_fit(value: Mapping[str, Any], shape: Mapping[str, Any]) -> bool:
    if "*" in shape:
        return all(_fits(one, shape["*"]) for one in value.values())
    return all(_fits(value.get(name), one) for name, one in shape.items())


def _named(text: str) -> set[str]:
    """The names in a text that is to be filled. ValueError."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}
