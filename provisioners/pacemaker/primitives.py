"""A primitive's own content in the CIB: parameters, meta attributes, operations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from xml.etree.ElementTree import Element, SubElement

from halab.provisioners.engine.errors import Conflict
from halab.provisioners.engine.item import attr
from halab.provisioners.pacemaker.cib import Cib
from halab.provisioners.pacemaker.values import (
    FALSE,
    NOTHING,
    ON_FAIL,
    TRUE,
    check_agent,
    check_duration,
    check_id,
    check_interval,
    check_options,
    duplicates,
    interval_ms,
    one_of,
    same_duration,
)

PARAMS, META = "instance_attributes", "meta_attributes"
_STOPPED_BY_US = "-stopped-for-removal"
# What `pcs resource disable` and `unmanage` (or a removal of ours that did not come to an end) leave: nobody who
# declares a resource wants it so for ever, so these show as a difference although nobody declared the attribute.
_HOLDS = {"target-role": ("stopped",), "is-managed": FALSE, "maintenance": TRUE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """How one of the agent's actions is run. Its name and interval tell it from the others."""

    name: str = attr("Action of the agent: monitor, start, stop, promote, …", check=check_id)
    interval: str = attr(
        "How often it is repeated, for example 10s; 0s = not repeated.", default="0s", check=check_interval
    )
    timeout: str | None = attr("How long it may take, for example 60s.", default=None, check=check_duration)
    on_fail: str | None = attr("What follows when it fails.", default=None, check=one_of(*ON_FAIL))
    attributes: Mapping[str, str] = attr(
        "What the agent gets for this operation alone, for example OCF_CHECK_LEVEL; others are left alone.",
        default=NOTHING,
        check=check_options,
    )

    @property
    def key(self) -> tuple[str, int | None]:
        return self.name, interval_ms(self.interval)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A primitive inside a group or a clone."""

    name: str = attr("Id in the CIB.", check=check_id)
    agent: str = attr("`ocf:provider:type` or `systemd:unit`; a change makes a new resource.", check=check_agent)
    params: Mapping[str, str] = attr(
        "Parameters of the agent; others are left alone.", default=NOTHING, check=check_options
    )
    meta: Mapping[str, str] = attr("Meta attributes; others are left alone.", default=NOTHING, check=check_options)
    operations: tuple[Operation, ...] = attr("Operations; others are left alone.", default=())


def primitive_problems(member: Member) -> Iterable[str]:
    """What is wrong between the fields of one primitive."""
    for name, interval in duplicates(op.key for op in member.operations):
        yield f"{member.name} has the operation {name} twice with interval {interval} ms: give each its own."
    for op in member.operations:
        if op.name == "monitor" and interval_ms(op.interval) == 0:
            yield f"{member.name}: its monitor would never be repeated: give `interval`, for example 10s."


def agent_of(element: Element) -> str:
    """`ocf:heartbeat:IPaddr2`, `systemd:httpd`, `stonith:fence_redfish`."""
    parts = (element.get("class"), element.get("provider"), element.get("type"))
    return ":".join(part for part in parts if part)


def view_primitive(element: Element, wanted: Member) -> Member:
    """What the CIB has of what `wanted` declares, in its spelling; all of it when it declares nothing (import)."""
    everything = not wanted.agent
    return Member(
        name=wanted.name,
        agent=agent_of(element),
        params=declared(options(element, PARAMS), None if everything else wanted.params),
        meta={**declared(options(element, META), None if everything else wanted.meta), **holds(element)},
        operations=_view_operations(element, None if everything else wanted.operations),
    )


def write_primitive(cib: Cib, parent: Element, now: Member | None, wanted: Member) -> Element:
    """Make or change a primitive inside `parent`; `now` says what of it is ours."""
    element = next((e for e in parent if e.tag == "primitive" and e.get("id") == wanted.name), None)
    if element is None:
        _refuse_elsewhere(cib, wanted.name)
        element = SubElement(parent, "primitive", _class(wanted.name, wanted.agent))
    elif agent_of(element) != wanted.agent:
        raise Conflict(
            f"{wanted.name} exists with another agent",
            f"The cluster has it as {agent_of(element)}, not as {wanted.agent}. Choose another name, or remove it: "
            f"`pcs resource delete {wanted.name}`.",
            "name",
        )
    set_options(cib, element, PARAMS, now.params if now else {}, wanted.params)
    set_options(cib, element, META, now.meta if now else {}, wanted.meta)
    _write_operations(cib, element, now.operations if now else (), wanted.operations)
    return element


def declared(found: Mapping[str, str], keys: Iterable[str] | None) -> dict[str, str]:
    """The part of `found` that was declared; all of it for None."""
    return dict(found) if keys is None else {key: found[key] for key in keys if key in found}


def holds(owner: Element) -> dict[str, str]:
    """Meta attributes that keep a resource from being started, or from being looked after at all."""
    return holding(options(owner, META))


def holding(meta: Mapping[str, str]) -> dict[str, str]:
    """The part of some meta attributes that keeps a resource from being started or looked after."""
    return {name: meta[name] for name, words in _HOLDS.items() if meta.get(name, "").lower() in words}


def options(owner: Element, tag: str) -> dict[str, str]:
    """Options without a condition (rule); of two with the same name the first counts."""
    found: dict[str, str] = {}
    for pair in _pairs(owner, tag):
        found.setdefault(pair.get("name", ""), pair.get("value", ""))
    return found


def set_options(
    cib: Cib, owner: Element, tag: str, now: Mapping[str, str], wanted: Mapping[str, str], new_id: str = ""
) -> None:
    """Set what is wanted, remove what is only in `now`, leave the rest. A new set gets the id that pcs would give."""
    for pair in _pairs(owner, tag):
        name = pair.get("name", "")
        if name in wanted:
            pair.set("value", wanted[name])
        elif name in now:
            _drop_pair(owner, tag, pair)
    present = options(owner, tag)
    for name in (n for n in wanted if n not in present):
        home = next(iter(_sets(owner, tag)), None)
        if home is None:
            home = _new_set(cib, owner, tag, new_id)
        SubElement(home, "nvpair", id=cib.fresh_id(f"{home.get('id')}-{name}"), name=name, value=wanted[name])


def set_stopped(element: Element) -> None:
    """Have a primitive stopped, marked as our doing: if its removal does not come to an end, the next plan shows it."""
    name = element.get("id", "")
    if any(pair.get("id") == name + _STOPPED_BY_US for pair in _pairs(element, META)):
        return
    for pair in _pairs(element, META):
        if pair.get("name") == "target-role":
            _drop_pair(element, META, pair)
    home = next(iter(_sets(element, META)), None)
    if home is None:
        home = SubElement(element, META, id=f"{name}-{META}")
    SubElement(home, "nvpair", id=name + _STOPPED_BY_US, name="target-role", value="Stopped")


def _sets(owner: Element, tag: str) -> list[Element]:
    return [e for e in owner.findall(tag) if e.find("rule") is None]


def _pairs(owner: Element, tag: str) -> list[Element]:
    return [pair for home in _sets(owner, tag) for pair in home.findall("nvpair")]


def _new_set(cib: Cib, owner: Element, tag: str, new_id: str) -> Element:
    home = Element(tag, id=cib.fresh_id(new_id or f"{owner.get('id')}-{tag}"))
    # before the primitives of a group, where pcs and people look for it
    place = next((i for i, e in enumerate(owner) if e.tag not in (PARAMS, META)), len(owner))
    owner.insert(place, home)
    return home


def _drop_pair(owner: Element, tag: str, pair: Element) -> None:
    home = next(e for e in _sets(owner, tag) if pair in list(e))
    home.remove(pair)
    if not len(home) and tag in (PARAMS, META):
        owner.remove(home)


def _class(name: str, agent: str) -> dict[str, str]:
    parts = agent.split(":")
    if len(parts) == 2:
        return {"id": name, "class": parts[0], "type": parts[1]}
    return {"id": name, "class": parts[0], "provider": parts[1], "type": parts[2]}


def _refuse_elsewhere(cib: Cib, name: str) -> None:
    if any(e.get("id") == name for e in cib.root.iterfind("configuration//*")):
        raise Conflict(
            f"{name} exists elsewhere in the cluster",
            f"Its id is in use outside of the resource that is to hold it. Choose another name, or remove it: "
            f"`pcs resource delete {name}`.",
            "name",
        )


def _operations(element: Element) -> list[Element]:
    return element.findall("operations/op")


def _key(op: Element) -> tuple[str, int | None]:
    return op.get("name", ""), interval_ms(op.get("interval", "0"))


def _view_operations(element: Element, wanted: tuple[Operation, ...] | None) -> tuple[Operation, ...]:
    found = {_key(op): op for op in _operations(element)}
    if wanted is None:
        return tuple(_read_operation(op) for op in found.values())
    found = {key: op for key, op in found.items() if not _switched_off(op)}
    return tuple(_as_declared(_read_operation(found[op.key]), op) for op in wanted if op.key in found)


def _switched_off(op: Element) -> bool:
    """Pacemaker does not carry it out: for whoever declared it, that is as if it were not there."""
    return op.get("enabled", "true").lower() in FALSE


def _read_operation(op: Element) -> Operation:
    return Operation(
        name=op.get("name", ""),
        interval=op.get("interval", "0s"),
        timeout=op.get("timeout"),
        on_fail=op.get("on-fail"),
        attributes=options(op, PARAMS),
    )


def _as_declared(found: Operation, wanted: Operation) -> Operation:
    """`found` in the spelling of `wanted`, without what it does not declare."""
    same = found.timeout is not None and wanted.timeout is not None and same_duration(found.timeout, wanted.timeout)
    timeout = wanted.timeout if same or wanted.timeout is None else found.timeout
    return replace(
        found,
        interval=wanted.interval,
        timeout=timeout,
        on_fail=found.on_fail if wanted.on_fail else None,
        attributes=declared(found.attributes, wanted.attributes),
    )


def _write_operations(cib: Cib, element: Element, now: tuple[Operation, ...], wanted: tuple[Operation, ...]) -> None:
    home, before = element.find("operations"), {op.key: op for op in now}
    if home is None:
        if not wanted:
            return
        home = SubElement(element, "operations")
    for op in _operations(element):
        if _key(op) in before and _key(op) not in {w.key for w in wanted}:
            home.remove(op)
    for op_wanted in wanted:
        _write_operation(cib, element, home, before.get(op_wanted.key), op_wanted)


def _write_operation(cib: Cib, owner: Element, home: Element, now: Operation | None, wanted: Operation) -> None:
    op = next((e for e in home.findall("op") if _key(e) == wanted.key), None)
    if op is None:
        new_id = cib.fresh_id(f"{owner.get('id')}-{wanted.name}-interval-{wanted.interval}")
        op = SubElement(home, "op", id=new_id, name=wanted.name, interval=wanted.interval)
    elif _switched_off(op):
        del op.attrib["enabled"]
    _set_attribute(op, "timeout", now.timeout if now else None, wanted.timeout, same=same_duration)
    _set_attribute(op, "on-fail", now.on_fail if now else None, wanted.on_fail, same=str.__eq__)
    set_options(cib, op, PARAMS, now.attributes if now else {}, wanted.attributes)


def _set_attribute(
    op: Element, name: str, now: str | None, wanted: str | None, *, same: Callable[[str, str], bool]
) -> None:
    present = op.get(name)
    if wanted is not None:
        if present is None or not same(present, wanted):
            op.set(name, wanted)
    elif now is not None and present is not None:
        del op.attrib[name]
