"""Primitives, groups and clones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement

from halab.provisioners.engine.errors import Conflict
from halab.provisioners.engine.item import attr, with_fields
from halab.provisioners.pacemaker.await_state import Expected
from halab.provisioners.pacemaker.cib import Cib, existing
from halab.provisioners.pacemaker.constraints import forget_resource
from halab.provisioners.pacemaker.primitives import (
    META,
    Member,
    Operation,
    declared,
    holds,
    options,
    primitive_problems,
    set_options,
    view_primitive,
    write_primitive,
)
from halab.provisioners.pacemaker.resource import ResourceItem, ResourceSpec
from halab.provisioners.pacemaker.values import NOTHING, check_agent, check_id, check_options, duplicates


@dataclass(frozen=True, slots=True, kw_only=True)
class Primitive(ResourceSpec):
    """One resource that an agent starts, stops and watches."""

    agent: str = attr("`ocf:provider:type` or `systemd:unit`.", replace=True, check=check_agent)
    params: Mapping[str, str] = attr(
        "Parameters of the agent; others are left alone.", default=NOTHING, check=check_options
    )
    meta: Mapping[str, str] = attr("Meta attributes; others are left alone.", default=NOTHING, check=check_options)
    operations: tuple[Operation, ...] = attr("Operations; others are left alone.", default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(ResourceSpec):
    """Primitives that run together on one node, started in the order in which they stand here."""

    primitives: tuple[Member, ...] = attr("Its primitives; others that were added by hand are left alone.")
    meta: Mapping[str, str] = attr("Meta attributes; others are left alone.", default=NOTHING, check=check_options)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clone(ResourceSpec):
    """A primitive, or a group of them, that runs on several nodes at once."""

    primitives: tuple[Member, ...] = attr("What is cloned: one primitive, or those of the group in starting order.")
    group_name: str | None = attr(
        "Id of the group inside; needed for several primitives.", default=None, replace=True, check=check_id
    )
    meta: Mapping[str, str] = attr("Meta attributes; others are left alone.", default=NOTHING, check=check_options)


class PrimitiveItem(ResourceItem[Primitive]):
    """halab_primitive."""

    spec = Primitive

    def find(self, cib: Cib, name: str) -> Element | None:
        return existing(cib, name, "primitive")

    def view(self, cib: Cib, element: Element, wanted: Primitive) -> Primitive:
        del cib
        found = view_primitive(element, _member(wanted))
        return with_fields(wanted, agent=found.agent, params=found.params, meta=found.meta, operations=found.operations)

    def write(self, cib: Cib, now: Primitive | None, wanted: Primitive) -> None:
        element = self.find(cib, wanted.name)
        holder = cib.around(element) if element is not None else None
        parent = cib.section("resources") if holder is None else holder
        write_primitive(cib, parent, _member(now) if now else None, _member(wanted))

    def primitives(self, spec: Primitive) -> tuple[str, ...]:
        return (spec.name,) if spec.agent else ()

    def check(self, wanted: Primitive) -> Iterable[tuple[str, str]]:
        yield from super().check(wanted)
        yield from (("operations", problem) for problem in primitive_problems(_member(wanted)))


class GroupItem(ResourceItem[Group]):
    """halab_group."""

    spec = Group

    def find(self, cib: Cib, name: str) -> Element | None:
        return existing(cib, name, "group")

    def view(self, cib: Cib, element: Element, wanted: Group) -> Group:
        del cib
        return with_fields(wanted, primitives=_members(element, wanted.primitives), meta=_meta(element, wanted))

    def write(self, cib: Cib, now: Group | None, wanted: Group) -> None:
        element = self.find(cib, wanted.name)
        if element is None:
            element = SubElement(cib.section("resources"), "group", id=wanted.name)
        set_options(cib, element, META, now.meta if now else {}, wanted.meta)
        _write_members(cib, element, now.primitives if now else (), wanted.primitives)

    def primitives(self, spec: Group) -> tuple[str, ...]:
        return tuple(member.name for member in spec.primitives)

    def check(self, wanted: Group) -> Iterable[tuple[str, str]]:
        yield from super().check(wanted)
        yield from _member_problems((wanted.name,), wanted.primitives)

    def requires_replace(self, prior: Group, wanted: Group) -> Iterable[str]:
        return _changed_agents(prior.primitives, wanted.primitives)


class CloneItem(ResourceItem[Clone]):
    """halab_clone."""

    spec = Clone

    def find(self, cib: Cib, name: str) -> Element | None:
        return existing(cib, name, "clone")

    def view(self, cib: Cib, element: Element, wanted: Clone) -> Clone:
        del cib
        group = element.find("group")
        holder, name = (element, None) if group is None else (group, group.get("id"))
        members = _members(holder, wanted.primitives)
        # What was disabled by the inner group's name holds the clone as much as what was disabled by its own.
        meta = {**({} if group is None else holds(group)), **_meta(element, wanted)}
        return with_fields(wanted, primitives=members, group_name=name, meta=meta)

    def write(self, cib: Cib, now: Clone | None, wanted: Clone) -> None:
        element = self.find(cib, wanted.name)
        if element is None:
            element = SubElement(cib.section("resources"), "clone", id=wanted.name)
        set_options(cib, element, META, now.meta if now else {}, wanted.meta)
        holder = element
        if wanted.group_name is not None:
            holder = _inner_group(cib, element, wanted.group_name)
            set_options(cib, holder, META, holds(holder), {})
        _write_members(cib, holder, now.primitives if now else (), wanted.primitives)

    def primitives(self, spec: Clone) -> tuple[str, ...]:
        return tuple(member.name for member in spec.primitives)

    def inside(self, spec: Clone) -> tuple[str, ...]:
        group = (spec.group_name,) if spec.group_name else ()
        return (*super().inside(spec), *group)

    def expected(self, spec: Clone) -> Expected:
        limit = spec.meta.get("clone-max", "")
        return Expected(spec.name, self.primitives(spec), int(limit) if limit.isdigit() else None)

    def check(self, wanted: Clone) -> Iterable[tuple[str, str]]:
        yield from super().check(wanted)
        yield from _member_problems((wanted.name, wanted.group_name), wanted.primitives)
        if len(wanted.primitives) > 1 and wanted.group_name is None:
            yield "group_name", "Several primitives are cloned as a group: give it a name."

    def requires_replace(self, prior: Clone, wanted: Clone) -> Iterable[str]:
        yield from _changed_agents(prior.primitives, wanted.primitives)
        if wanted.group_name is None and self.primitives(prior) != self.primitives(wanted):
            yield "primitives"  # a clone holds exactly one


def _member(spec: Primitive) -> Member:
    return Member(name=spec.name, agent=spec.agent, params=spec.params, meta=spec.meta, operations=spec.operations)


def _meta(element: Element, wanted: Group | Clone) -> dict[str, str]:
    return {**declared(options(element, META), wanted.meta if wanted.primitives else None), **holds(element)}


def _members(holder: Element, wanted: tuple[Member, ...]) -> tuple[Member, ...]:
    """The declared primitives that are there, in the order in which they are there; all of them for an import."""
    by_name = {member.name: member for member in wanted}
    found = [e for e in holder.findall("primitive") if not wanted or e.get("id") in by_name]
    return tuple(
        view_primitive(e, by_name.get(e.get("id", "")) or Member(name=e.get("id", ""), agent="")) for e in found
    )


def _write_members(cib: Cib, holder: Element, now: tuple[Member, ...], wanted: tuple[Member, ...]) -> None:
    before, names = {member.name: member for member in now}, [member.name for member in wanted]
    for name in before:
        element = cib.resource(name)
        if name not in names and element is not None and element in list(holder):
            holder.remove(element)
            forget_resource(cib, name)
    written = [write_primitive(cib, holder, before.get(member.name), member) for member in wanted]
    places = [i for i, e in enumerate(holder) if e.get("id") in names]
    for place, element in zip(places, written, strict=True):
        holder[place] = element


def _inner_group(cib: Cib, clone: Element, name: str) -> Element:
    group = clone.find("group")
    if group is None:
        if clone.find("primitive") is not None:
            raise Conflict(
                f"{clone.get('id')} clones a primitive",
                f"It is to clone the group {name}. Remove it first.",
                "group_name",
            )
        return SubElement(clone, "group", id=name)
    return group


def _member_problems(outer: tuple[str | None, ...], members: tuple[Member, ...]) -> Iterable[tuple[str, str]]:
    if not members:
        yield "primitives", "At least one primitive is needed."
    for name in duplicates(name for name in (*outer, *(m.name for m in members)) if name):
        yield "primitives", f"{name} stands there twice: every resource needs a name of its own."
    for member in members:
        yield from (("primitives", problem) for problem in primitive_problems(member))


def _changed_agents(prior: tuple[Member, ...], wanted: tuple[Member, ...]) -> Iterable[str]:
    before = {member.name: member.agent for member in prior}
    if any(before.get(member.name, member.agent) != member.agent for member in wanted):
        yield "primitives"
