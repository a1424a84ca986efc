"""STONITH devices, and the order in which they are tried (fencing levels)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from xml.etree.ElementTree import Element, SubElement

from halab.provisioners.engine.errors import Conflict
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import Item, attr, with_fields
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.steps import Step
from halab.provisioners.pacemaker import unfencing
from halab.provisioners.pacemaker.cib import Cib, existing, observe
from halab.provisioners.pacemaker.edit import EditCib
from halab.provisioners.pacemaker.primitives import (
    Member,
    Operation,
    primitive_problems,
    view_primitive,
    write_primitive,
)
from halab.provisioners.pacemaker.resource import ResourceItem, ResourceSpec
from halab.provisioners.pacemaker.values import (
    NOTHING,
    check_delay,
    check_fence_agent,
    check_id,
    check_options,
    check_text,
    duplicates,
    same_delay,
)

_HOSTS, _DELAY = "pcmk_host_list", "pcmk_delay_base"
# They decide whom a device fences, and by which action: with pcmk_reboot_action=status Pacemaker takes a look for a
# fencing, and with a plug of its own the device fences the same machine for every node. So they show as a difference
# although nobody declared them.
_DECIDING = (
    *("pcmk_host_map", "pcmk_host_check", "pcmk_host_argument", "plug", "port"),
    *("pcmk_off_action", "pcmk_reboot_action", "pcmk_on_action", "action"),
)
BY_HAND = "by-hand-"
"""Begins the id of a fencing level that `halab fence` makes for one fencing, of a node that has no levels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stonith(ResourceSpec):
    """A STONITH device: it cuts the power of one node. Secrets do not belong into `params`: they stand in the CIB."""

    agent: str = attr("Name of the fencing agent, for example fence_redfish.", replace=True, check=check_fence_agent)
    params: Mapping[str, str] = attr(
        "Parameters of the agent; others are left alone, but for those that decide whom it fences and by which action "
        f"(`{'`, `'.join(_DECIDING)}`).",
        default=NOTHING,
        check=check_options,
    )
    meta: Mapping[str, str] = attr("Meta attributes; others are left alone.", default=NOTHING, check=check_options)
    operations: tuple[Operation, ...] = attr("Operations; others are left alone.", default=())
    node: str = attr("Name of the node that it fences; empty for a device with a pcmk_host_map.", check=check_text)
    machine: str = attr("UUID of the machine that it fences; a new machine gets a new device.", default="")
    delay: str | None = attr(
        "How long it waits before it fences, so that of two nodes one survives: 15s, or by node (node1:15s;node2:0s).",
        default=None,
        check=check_delay,
    )


class StonithItem(ResourceItem[Stonith]):
    """halab_stonith."""

    spec = Stonith
    phase = "fencing"

    def find(self, cib: Cib, name: str) -> Element | None:
        element = existing(cib, name, "primitive")
        if element is not None and element.get("class") != "stonith":
            raise Conflict(
                f"{name} is not a STONITH device", "The cluster has an ordinary resource of this name.", "name"
            )
        return element

    def seen(self, cib: Cib, wanted: Stonith) -> Stonith | None:
        found = super().seen(cib, wanted)
        left = ", ".join(level.get("id", "") for level in _left_by_hand(cib, "devices", wanted.name))
        if found is None or not left:
            return found
        # No attribute declares that there is no level: whoever declares one has a halab_fencing_level for it.
        return with_fields(found, condition=f"`halab fence` was cut off and has left the fencing level {left}")

    def view(self, cib: Cib, element: Element, wanted: Stonith) -> Stonith:
        del cib
        found = view_primitive(element, _looked_at(wanted))
        params = dict(found.params)
        node, delay = params.pop(_HOSTS, ""), params.pop(_DELAY, None)
        if delay is not None and wanted.delay is not None and same_delay(delay, wanted.delay):
            delay = wanted.delay
        prefix = "stonith:" if wanted.agent.startswith("stonith:") else ""
        agent = prefix + found.agent.removeprefix("stonith:")
        return with_fields(
            wanted, agent=agent, params=params, meta=found.meta, operations=found.operations, node=node, delay=delay
        )

    def write(self, cib: Cib, now: Stonith | None, wanted: Stonith) -> None:
        self.find(cib, wanted.name)
        write_primitive(cib, cib.section("resources"), _member(now) if now else None, _member(wanted))
        _drop_left_by_hand(cib, "devices", wanted.name)

    def steps(self, platform: Platform, now: Stonith | None, wanted: Stonith | None) -> Iterator[Step]:
        if now is None and wanted is not None and unfencing.unfences(wanted.meta):
            yield unfencing.await_its_turn(wanted.agent)
        yield from super().steps(platform, now, wanted)

    def primitives(self, spec: Stonith) -> tuple[str, ...]:
        return (spec.name,) if spec.agent else ()

    def check(self, wanted: Stonith) -> Iterable[tuple[str, str]]:
        yield from super().check(wanted)
        yield from (("operations", problem) for problem in primitive_problems(_member(wanted)))
        for key, field in ((_HOSTS, "node"), (_DELAY, "delay")):
            if key in wanted.params:
                yield "params", f"{key} is written from `{field}`: leave it out."

    def requires_replace(self, prior: Stonith, wanted: Stonith) -> Iterable[str]:
        if prior.machine and prior.machine != wanted.machine:  # empty: it was imported
            yield "machine"


def _member(spec: Stonith) -> Member:
    params = {
        **spec.params,
        **({_HOSTS: spec.node} if spec.node else {}),
        **({} if spec.delay is None else {_DELAY: spec.delay}),
    }
    agent = f"stonith:{spec.agent.removeprefix('stonith:')}" if spec.agent else ""
    return Member(name=spec.name, agent=agent, params=params, meta=spec.meta, operations=spec.operations)


def _looked_at(spec: Stonith) -> Member:
    """The same with all parameters that show, declared or not."""
    member = _member(spec)
    return replace(member, params={**dict.fromkeys((_HOSTS, _DELAY, *_DECIDING), ""), **member.params})


def _level(value: int) -> str | None:
    return None if 1 <= value <= 9 else "A fencing level is a number from 1 to 9; they are tried in this order."


@dataclass(frozen=True, slots=True, kw_only=True)
class FencingLevel:
    """Devices that fence a node together; the next level is tried when one of them fails."""

    cluster: str = attr("Name of the cluster.", replace=True)
    node: str = attr("Name of the node.", replace=True, check=check_text)
    level: int = attr("When it is tried, from 1 on.", replace=True, check=_level)
    devices: tuple[str, ...] = attr("Names of the STONITH devices, all of which must succeed.")


class FencingLevelItem(Item[FencingLevel]):
    """halab_fencing_level."""

    spec = FencingLevel
    scope = "cluster"
    phase = "fencing"
    identity = ("cluster", "node", "level")

    def observe(self, host: Host, wanted: FencingLevel) -> FencingLevel | None:
        return self.seen(observe(host), wanted)

    def seen(self, cib: Cib, wanted: FencingLevel) -> FencingLevel | None:
        """Pure part of `observe`."""
        element = _find_level(cib, wanted)
        return None if element is None else with_fields(wanted, devices=tuple(element.get("devices", "").split(",")))

    def steps(self, platform: Platform, now: FencingLevel | None, wanted: FencingLevel | None) -> Iterator[Step]:
        del platform
        if wanted is not None and now != wanted:
            yield EditCib(f"fencing level {wanted.level} of {wanted.node}", partial(put_level, wanted))
        elif wanted is None and now is not None:
            yield EditCib(f"no fencing level {now.level} of {now.node}", partial(drop_level, now))

    def check(self, wanted: FencingLevel) -> Iterable[tuple[str, str]]:
        if not wanted.devices:
            yield "devices", "At least one device is needed."
        for name in duplicates(wanted.devices):
            yield "devices", f"{name} stands there twice: keep one."
        for name in wanted.devices:
            if problem := check_id(name):
                yield "devices", problem


def _find_level(cib: Cib, spec: FencingLevel) -> Element | None:
    levels = cib.root.iterfind("configuration/fencing-topology/fencing-level")
    wanted = (e for e in levels if (e.get("target"), e.get("index")) == (spec.node, str(spec.level)))
    return next((e for e in wanted if not left_by_hand(e)), None)


def left_by_hand(level: Element) -> bool:
    """Whether `halab fence` has made it."""
    return level.get("id", "").startswith(BY_HAND)


def _left_by_hand(cib: Cib, end: str, name: str) -> list[Element]:
    """Those with one device (`end`: devices), or of one node (target)."""
    levels = cib.root.iterfind("configuration/fencing-topology/fencing-level")
    return [level for level in levels if left_by_hand(level) and level.get(end) == name]


def _drop_left_by_hand(cib: Cib, end: str, name: str) -> None:
    for level in _left_by_hand(cib, end, name):
        cib.section("fencing-topology").remove(level)


def put_level(wanted: FencingLevel, cib: Cib) -> None:
    """Make it, or give it other devices. Conflict: one of them is none."""
    for device in wanted.devices:
        element = cib.resource(device)
        if element is None or element.get("class") != "stonith":
            raise Conflict(
                f"There is no STONITH device {device}",
                "Refer to the device's `name` instead of writing it out, so that it is made first.",
                "devices",
            )
    _drop_left_by_hand(cib, "target", wanted.node)
    element = _find_level(cib, wanted)
    if element is None:
        new_id = cib.fresh_id(f"fl-{wanted.node}-{wanted.level}")
        ends = {"target": wanted.node, "index": str(wanted.level)}
        element = SubElement(cib.section("fencing-topology"), "fencing-level", {"id": new_id, **ends})
    element.set("devices", ",".join(wanted.devices))


def drop_level(now: FencingLevel, cib: Cib) -> None:
    """Take it out, if it is there."""
    if (element := _find_level(cib, now)) is not None:
        cib.section("fencing-topology").remove(element)
