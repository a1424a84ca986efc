"""Simple constraints: one resource and a node, or two resources. Sets, rules and roles are left to people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from xml.etree.ElementTree import Element, SubElement

from halab.provisioners.engine.errors import Conflict
from halab.provisioners.engine.item import attr
from halab.provisioners.pacemaker.cib import Cib
from halab.provisioners.pacemaker.values import (
    KINDS,
    check_id,
    check_score,
    check_text,
    duplicates,
    one_of,
    same_score,
    score,
)

# What `pcs resource move`, `ban` and crm_resource leave behind.
_LEFTOVERS = ("cli-ban-", "cli-prefer-")
# Attributes that change nothing about a simple constraint when they have this value.
_PLAIN = {
    "symmetrical": "true",
    "first-action": "start",
    "then-action": "start",
    "require-all": "true",
    "resource-discovery": "always",
    "rsc-role": "Started",
    "with-rsc-role": "Started",
    "role": "Started",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePreference:
    """How much the resource likes or avoids a node."""

    node: str = attr("Name of the node.", check=check_text)
    score: str = attr("INFINITY, -INFINITY (never there) or a number.", default="INFINITY", check=check_score)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColocatedWith:
    """Runs on the node where another resource runs."""

    with_resource: str = attr("Name of the other resource; of a cloned one the clone is meant.", check=check_id)
    score: str = attr("INFINITY, -INFINITY (never together) or a number.", default="INFINITY", check=check_score)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartsAfter:
    """Starts after another resource, and stops before it."""

    resource: str = attr("Name of the other resource; of a cloned one the clone is meant.", check=check_id)
    kind: str = attr("Mandatory, Optional or Serialize.", default="Mandatory", check=one_of(*KINDS))


@dataclass(frozen=True, slots=True)
class Link:
    """One simple constraint: its two ends tell it from others, its value is what can change."""

    tag: str
    ends: tuple[tuple[str, str], tuple[str, str]]
    value_name: str
    value: str

    @property
    def base_id(self) -> str:
        """The id that pcs would give it."""
        prefix = self.tag.removeprefix("rsc_")
        return f"{prefix}-{self.ends[0][1]}-{self.ends[1][1]}-{self.value.lower() if prefix == 'order' else self.value}"


def location(resource: str, node: str, value: str) -> Link:
    return Link("rsc_location", (("rsc", resource), ("node", node)), "score", value)


def colocation(resource: str, with_resource: str, value: str) -> Link:
    return Link("rsc_colocation", (("rsc", resource), ("with-rsc", with_resource)), "score", value)


def order(first: str, then: str, kind: str) -> Link:
    return Link("rsc_order", (("first", first), ("then", then)), "kind", kind)


def links(
    name: str,
    locations: Iterable[NodePreference],
    colocations: Iterable[ColocatedWith] = (),
    after: Iterable[StartsAfter] = (),
) -> list[Link]:
    """The constraints that a resource carries."""
    return [
        *(location(name, rule.node, rule.score) for rule in locations),
        *(colocation(name, rule.with_resource, rule.score) for rule in colocations),
        *(order(rule.resource, name, rule.kind) for rule in after),
    ]


def observed(cib: Cib, link: Link) -> str | None:
    """The value of a constraint as it is, in the spelling of `link` when it means the same; None = not there."""
    element = _find(cib, link)
    if element is None:
        return None
    value = value_of(element)
    return link.value if _same(link, value) else value


def put(cib: Cib, link: Link) -> None:
    """Make a constraint, or set its value. Raises Conflict when it names a resource that is not there."""
    element = _find(cib, link)
    if element is None:
        (one, this), (other, that) = link.ends
        resolved = replace(link, ends=((one, _end(cib, one, this)), (other, _end(cib, other, that))))
        attributes = {"id": cib.fresh_id(resolved.base_id), **dict(resolved.ends), link.value_name: link.value}
        SubElement(cib.section("constraints"), link.tag, attributes)
    elif not _same(link, value_of(element)):
        element.set(link.value_name, link.value)
        if link.tag == "rsc_order":
            element.attrib.pop("score", None)  # the old way to say it; both together are invalid


def drop(cib: Cib, link: Link) -> None:
    if (element := _find(cib, link)) is not None:
        cib.section("constraints").remove(element)


def replace_links(cib: Cib, now: Iterable[Link], wanted: Iterable[Link]) -> None:
    """Make what is wanted, remove what is only in `now`."""
    kept = list(wanted)
    ends = {(link.tag, link.ends) for link in kept}
    for link in now:
        if (link.tag, link.ends) not in ends:
            drop(cib, link)
    for link in kept:
        put(cib, link)


def carried(cib: Cib, name: str) -> Iterator[Element]:
    """Every simple constraint that starts at a resource; of several between the same two the first."""
    seen = set()
    for element in cib.constraints():
        ends = _ENDS.get(element.tag)
        if ends is None or not _simple(element, *ends) or element.get("id", "").startswith(_LEFTOVERS):
            continue
        subject = "then" if element.tag == "rsc_order" else "rsc"
        key = (element.tag, element.get(ends[0]), element.get(ends[1]))
        if element.get(subject) == cib.outer(name) and key not in seen:
            seen.add(key)
            yield element


def all_links(cib: Cib, name: str) -> Iterator[Link]:
    """The constraints that a resource carries, for import."""
    for element in carried(cib, name):
        one, other, value = _ENDS[element.tag]
        pairs = ((one, element.get(one, "")), (other, element.get(other, "")))
        yield Link(element.tag, pairs, value, value_of(element))


def leftovers(cib: Cib, names: Iterable[str]) -> tuple[str, ...]:
    """Ids of the constraints that moving or banning one of these resources by hand has left."""
    wide = {outer for name in names for outer in (name, cib.outer(name))}
    return tuple(e.get("id", "") for e in cib.constraints() if _is_leftover(e) and e.get("rsc") in wide)


def drop_leftovers(cib: Cib, names: Iterable[str], keep: Iterable[str]) -> None:
    gone = set(leftovers(cib, names)) - set(keep)
    section = cib.section("constraints")
    for element in [e for e in section if e.get("id") in gone]:
        section.remove(element)


def forget_resource(cib: Cib, name: str) -> None:
    """Remove every constraint, set member, fencing level and tag that names a resource which is about to go."""
    for section in ("constraints", "fencing-topology", "tags"):
        for element in cib.root.findall(f"configuration/{section}"):
            for child in list(element):
                if _empty_without(child, name):
                    element.remove(child)


def problems(
    name: str, locations: Iterable[NodePreference], colocations: Iterable[ColocatedWith], after: Iterable[StartsAfter]
) -> Iterator[tuple[str, str]]:
    """What is wrong between the constraints of one resource, as (field, text)."""
    for node in duplicates(rule.node for rule in locations):
        yield "locations", f"{node} stands there twice: keep one."
    for other in duplicates(rule.with_resource for rule in colocations):
        yield "colocations", f"{other} stands there twice: keep one."
    for other in duplicates(rule.resource for rule in after):
        yield "after", f"{other} stands there twice: keep one."
    if name in {rule.with_resource for rule in colocations}:
        yield "colocations", f"{name} cannot be colocated with itself."
    if name in {rule.resource for rule in after}:
        yield "after", f"{name} cannot start after itself."


_ENDS = {
    "rsc_location": ("rsc", "node", "score"),
    "rsc_colocation": ("rsc", "with-rsc", "score"),
    "rsc_order": ("first", "then", "kind"),
}


def _find(cib: Cib, link: Link) -> Element | None:
    """The element of a constraint: of several the one with the right value, else one with an id as ours."""
    names = {key: {name} if key == "node" else {name, cib.outer(name)} for key, name in link.ends}
    found = [
        e
        for e in cib.constraints()
        if e.tag == link.tag
        and all(e.get(key) in allowed for key, allowed in names.items())
        and _simple(e, *names, link.value_name)
        and not e.get("id", "").startswith(_LEFTOVERS)
    ]
    exact = (e for e in found if _same(link, value_of(e)))
    ours = (e for e in found if e.get("id", "").startswith(f"{link.tag.removeprefix('rsc_')}-"))
    return next(chain(exact, ours, found), None)  # not `or`: an element without children is false


def _simple(element: Element, *known: str) -> bool:
    if len(element) or not all(element.get(key) for key in known[:2]):
        return False
    others = (key for key in element.attrib if key not in (*known, "id", "score"))
    return all(_PLAIN.get(key) == element.get(key) for key in others)


def value_of(element: Element) -> str:
    """Score, or kind, of which the score is the old way to say it. To Pacemaker a score that is not there is 0."""
    if element.tag != "rsc_order":
        return element.get("score", "0")
    old = element.get("score")
    return element.get("kind") or ("Optional" if old is not None and score(old) == 0 else "Mandatory")


def _same(link: Link, value: str) -> bool:
    return value == link.value if link.tag == "rsc_order" else same_score(value, link.value)


def _end(cib: Cib, key: str, name: str) -> str:
    if key == "node":
        return name
    if cib.resource(name) is None:
        raise Conflict(
            f"There is no resource {name}",
            f"A constraint names {name}, which is not in the cluster. Refer to the other resource's `name` instead of "
            "writing it out, so that it is made first.",
        )
    return cib.outer(name)


def _is_leftover(element: Element) -> bool:
    return element.tag == "rsc_location" and element.get("id", "").startswith(_LEFTOVERS)


def _empty_without(element: Element, name: str) -> bool:
    """Take a resource out of one constraint, level or tag; True when nothing is left of it."""
    if name in (element.get(key) for key in ("rsc", "with-rsc", "first", "then")):
        return True
    if element.tag == "fencing-level":
        left = [device for device in element.get("devices", "").split(",") if device != name]
        element.set("devices", ",".join(left))
        return not left
    had = len(element) > 0
    for child in list(element):
        named = child.tag in ("resource_ref", "obj_ref") and child.get("id") == name
        if named or (child.tag == "resource_set" and _empty_without(child, name)):
            element.remove(child)
    return had and not len(element)
