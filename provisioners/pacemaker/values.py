"""Pacemaker's own kinds of value: what is valid, and when two spellings mean the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

Check = Callable[[Any], str | None]

INFINITY = 1_000_000


class Nothing(Mapping[str, str]):
    """An empty mapping that cannot be changed, so that a dataclass takes it as a default."""

    def __getitem__(self, key: str) -> str:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "{}"


NOTHING = Nothing()

_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_AGENT = re.compile(r"ocf:[A-Za-z0-9_.-]+:[A-Za-z0-9_.-]+|(systemd|lsb|service):[A-Za-z0-9_.@\\-]+")
_FENCE_AGENT = re.compile(r"(stonith:)?[A-Za-z0-9_.-]+")
_N = "(?:([0-9]{{1,9}}){})?"  # so many of a unit
_DURATION = re.compile(r" *([0-9]{1,9}) *([A-Za-z]*) *")
_ISO_DURATION = re.compile("P(?=.)" + _N.format("W") + _N.format("D") + f"(?:T(?=.){''.join(map(_N.format, 'HMS'))})?")
_WEEK, _DAY = 604_800_000, 86_400_000
_NODE = re.compile(r"[A-Za-z0-9._-]+")
_DELAY_PARTS = re.compile(r"[; \t]+")
_OPTION = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]*")
_CONTROL = re.compile("[\x00-\x1f\x7f\ufffe\uffff]")
_S, _MIN, _H = 1000, 60_000, 3_600_000
_UNIT_MS = {"": _S, "s": _S, "sec": _S, "ms": 1, "msec": 1, "m": _MIN, "min": _MIN, "h": _H, "hr": _H}

# How Pacemaker spells a boolean, in any case.
TRUE, FALSE = ("true", "on", "yes", "y", "1"), ("false", "off", "no", "n", "0")
ON_FAIL = ("block", "demote", "fence", "ignore", "restart", "standby", "stop")
KINDS = ("Mandatory", "Optional", "Serialize")
WRITTEN_BY_CLUSTER = frozenset({"dc-version", "cluster-infrastructure", "have-watchdog", "last-lrm-refresh"})
"""Properties that Pacemaker sets itself, at any time: a controller that is elected writes `have-watchdog`."""


def score(text: str) -> int | None:
    """A score as Pacemaker counts it, within ±1000000 (= ±INFINITY); None when it is not a score."""
    if text in ("INFINITY", "+INFINITY"):
        return INFINITY
    if text == "-INFINITY":
        return -INFINITY
    if not re.fullmatch(r"[+-]?[0-9]{1,9}", text):
        return None
    return max(-INFINITY, min(INFINITY, int(text)))


def milliseconds(text: str) -> int | None:
    """A duration such as `10`, `10s`, `500ms` or `2min` in milliseconds; None when it is not one."""
    found = _DURATION.fullmatch(text)
    if found is None or (unit := _UNIT_MS.get(found[2].lower())) is None:
        return None
    return int(found[1]) * unit


def interval_ms(text: str) -> int | None:
    """An interval or a delay in milliseconds, which may be an ISO 8601 duration, too (`PT10S`, in days, hours, minutes
    and seconds). Pacemaker 2.1 reads timeouts otherwise: it takes none of those there."""
    if (found := _ISO_DURATION.fullmatch(text)) is None:
        return milliseconds(text)
    return sum(
        int(number or 0) * unit for number, unit in zip(found.groups(), (_WEEK, _DAY, _H, _MIN, _S), strict=True)
    )


def delays_ms(text: str) -> Mapping[str, int] | None:
    """pcmk_delay_base: node in lower case -> milliseconds, "" for all; None when it is not one."""
    if ":" not in text:
        return None if (everywhere := interval_ms(text)) is None else {"": everywhere}
    found: dict[str, int] = {}
    for part in filter(None, _DELAY_PARTS.split(text)):
        node, colon, duration = part.partition(":")
        length = interval_ms(duration)
        if not _NODE.fullmatch(node) or not colon or length is None or node.lower() in found:
            return None
        found[node.lower()] = length
    return found


def same_delay(one: str, other: str) -> bool:
    return one == other or (delays_ms(one) is not None and delays_ms(one) == delays_ms(other))


def same_score(one: str, other: str) -> bool:
    return one == other or (score(one) is not None and score(one) == score(other))


def same_duration(one: str, other: str) -> bool:
    return one == other or (milliseconds(one) is not None and milliseconds(one) == milliseconds(other))


def check_id(value: str) -> str | None:
    if _ID.fullmatch(value):
        return None
    return f"{value!r} cannot be an id in the CIB: use letters, digits, `_`, `-` and `.`, the first a letter or `_`."


def check_agent(value: str) -> str | None:
    if _AGENT.fullmatch(value):
        return None
    if value.startswith("stonith:"):
        return f"{value!r} is a fencing agent: use halab_stonith for it."
    return (
        f"{value!r} is not an agent: write `ocf:provider:type`, for example ocf:heartbeat:IPaddr2, or `systemd:unit`."
    )


def check_fence_agent(value: str) -> str | None:
    if _FENCE_AGENT.fullmatch(value):
        return None
    return f"{value!r} is not a fencing agent: write its name, for example fence_redfish."


def check_score(value: str) -> str | None:
    if score(value) is not None and (not value.strip("+-").isdigit() or abs(int(value)) <= INFINITY):
        return None
    return f"{value!r} is not a score: write INFINITY, -INFINITY or a whole number from -1000000 to 1000000."


def check_duration(value: str) -> str | None:
    if milliseconds(value) is not None:
        return None
    return f"{value!r} is not a duration: write a number and a unit, for example 10s, 500ms or 2min."


def check_interval(value: str) -> str | None:
    return None if interval_ms(value) is not None else check_duration(value)


def check_delay(value: str) -> str | None:
    if delays_ms(value) is not None:
        return None
    return f"{value!r} is no delay: write a duration, or one for each node, each once: node1:0s;node2:10s."


def check_options(values: Mapping[str, str]) -> str | None:
    """Names and values of parameters or meta attributes."""
    for name, value in values.items():
        if not _OPTION.fullmatch(name):
            return f"{name!r} cannot be the name of an option: use letters, digits, `_`, `-` and `.`."
        if problem := check_text(value):
            return f"{name}: {problem}"
    return None


def check_text(value: str) -> str | None:
    if _CONTROL.search(value):
        return "Line breaks and control characters cannot be kept in the CIB: remove them."
    return None


def check_property(value: str) -> str | None:
    if value in WRITTEN_BY_CLUSTER:
        return f"{value!r} is written by the cluster itself: leave it out."
    if re.fullmatch(r"[a-z][a-z0-9-]*", value):
        return None
    return f"{value!r} is not the name of a cluster property: write it as Pacemaker does, for example no-quorum-policy."


def one_of(*allowed: str) -> Check:
    """A check that a value is one of a few words."""

    def check(value: str) -> str | None:
        return None if value in allowed else f"{value!r} is not possible here: choose one of {', '.join(allowed)}."

    return check


def duplicates(values: Iterable[Any]) -> list[Any]:
    """What stands there more than once, each named once."""
    seen: set[Any] = set()
    again: dict[Any, None] = {}
    for value in values:
        if value in seen:
            again[value] = None
        seen.add(value)
    return list(again)
