"""What constraints come to, whether they name two resources or sets of them (`pcs constraint order set …`).

Pacemaker takes the members of a set one after the other, unless it is not sequential; of two sets the nearest ends of
sequential ones, else each member with each. A set's earlier members are those that later ones are colocated with, but
an earlier set is colocated with a later one.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise, product
from typing import NamedTuple
from xml.etree.ElementTree import Element

from halab.provisioners.pacemaker.constraints import value_of
from halab.provisioners.pacemaker.values import TRUE, score

_CONSTRAINTS = "configuration/constraints/"
_MANDATORY = "Mandatory"
_OPPOSITE = {"start": "stop", "stop": "start", "promote": "demote", "demote": "promote"}


class Order(NamedTuple):
    """An action that waits for another one, always."""

    first_action: str
    first: str
    then_action: str
    then: str


class Together(NamedTuple):
    """A resource that goes where another one is. `started`: wherever it runs, and on the same node."""

    resource: str
    with_resource: str
    score: int
    started: bool = True


class Preference(NamedTuple):
    """A resource that likes or avoids a node; with a rule, those that the rule is about (`node` is empty then)."""

    resource: str
    node: str
    score: int


def orders(cib: Element) -> Iterator[Order]:
    """What the mandatory orders ask for. What is symmetrical is undone in the opposite order."""
    for element in cib.iterfind(f"{_CONSTRAINTS}rsc_order"):
        symmetrical = _is(element, "symmetrical")
        for one in _orders(element):
            yield one
            if symmetrical and {one.first_action, one.then_action} <= _OPPOSITE.keys():
                yield Order(_OPPOSITE[one.then_action], one.then, _OPPOSITE[one.first_action], one.first)


def _orders(element: Element) -> Iterator[Order]:
    kind, sets = value_of(element), element.findall("resource_set")
    for one in sets:
        action = one.get("action", "start")
        if one.get("kind", kind) == _MANDATORY and _is(one, "sequential"):
            yield from (Order(action, first, action, then) for first, then in pairwise(_members(one)))
    if kind != _MANDATORY:
        return
    for one, other in pairwise(sets):
        if _is(one, "require-all"):  # else one of them is enough, on whichever node
            for first, then in product(_near(one, -1), _near(other, 0)):
                yield Order(one.get("action", "start"), first, other.get("action", "start"), then)
    if not sets and _is(element, "require-all"):
        action = element.get("first-action", "start")
        yield Order(action, element.get("first", ""), element.get("then-action", action), element.get("then", ""))


def colocations(cib: Element) -> Iterator[Together]:
    """What the colocations ask for, and how much."""
    for element in cib.iterfind(f"{_CONSTRAINTS}rsc_colocation"):
        between, sets = element.get("score", "0"), element.findall("resource_set")
        here = element.get("node-attribute", "#uname") == "#uname"
        for one in sets if here else ():
            if _is(one, "sequential"):
                for other, follower in pairwise(_members(one)):
                    yield Together(follower, other, _points(one.get("score", between)), _started(one, "role"))
        for one, other_set in pairwise(sets if here else ()):
            started = _started(one, "role") and _started(other_set, "role")
            for follower, other in product(_near(one, 0), _near(other_set, -1)):
                yield Together(follower, other, _points(between), started)
        if not sets:
            ends = element.get("rsc", ""), element.get("with-rsc", "")
            started = here and _started(element, "rsc-role") and _started(element, "with-rsc-role")
            yield Together(*ends, _points(between), started)


def preferences(cib: Element, now: datetime) -> Iterator[Preference]:
    """What the constraints of location ask for; those not whose time is over (`pcs resource move … lifetime=`)."""
    for element in cib.iterfind(f"{_CONSTRAINTS}rsc_location"):
        sets = [member for one in element.findall("resource_set") for member in _members(one)]
        for resource in sets or [element.get("rsc", "")]:
            yield from (Preference(resource, *to) for to in _targets(element, now))


def _targets(element: Element, now: datetime) -> Iterator[tuple[str, int]]:
    rules = element.findall("rule")
    for rule in rules:
        if not any(_over(one, now) for one in rule.findall("date_expression[@operation='lt']")):
            yield "", _points(rule.get("score", "INFINITY"))  # a score from an attribute counts as the most
    if not rules:
        yield element.get("node", ""), _points(element.get("score", "0"))


def _over(limit: Element, now: datetime) -> bool:
    try:
        end = datetime.fromisoformat(limit.get("end", ""))
    except ValueError:
        return False
    return (end if end.tzinfo else end.replace(tzinfo=UTC)) <= now


def _members(resources: Element) -> list[str]:
    return [one.get("id", "") for one in resources.findall("resource_ref")]


def _near(resources: Element, end: int) -> list[str]:
    """Those of a set that another one has to do with."""
    members = _members(resources)
    return [members[end]] if members and _is(resources, "sequential") else members


def _is(element: Element, name: str) -> bool:
    """A boolean that is true when it is not written."""
    return element.get(name, "true").lower() in TRUE


def _started(element: Element, name: str) -> bool:
    return element.get(name, "Started") == "Started"


def _points(text: str) -> int:
    return score(text) or 0
