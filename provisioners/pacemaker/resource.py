"""What primitives, groups and clones have in common: constraints of their own, waiting, and how they are removed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, TypeVar
from xml.etree.ElementTree import Element

from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import Item, attr, with_fields
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.steps import Step
from halab.provisioners.pacemaker import constraints
from halab.provisioners.pacemaker.await_state import (
    Expected,
    await_applied,
    await_started,
    await_stopped,
    stuck,
)
from halab.provisioners.pacemaker.cib import Cib, observe
from halab.provisioners.pacemaker.constraints import ColocatedWith, Link, NodePreference, StartsAfter
from halab.provisioners.pacemaker.edit import EditCib
from halab.provisioners.pacemaker.forget import ForgetFailures, LookAgain
from halab.provisioners.pacemaker.held import held, held_by_default
from halab.provisioners.pacemaker.primitives import holding, set_stopped
from halab.provisioners.pacemaker.status import STATUS_COMMAND, parse_status
from halab.provisioners.pacemaker.values import check_id, one_of

COMPLETE = "complete"


def _seconds(value: int) -> str | None:
    return None if value > 0 else "A deadline is a number of seconds above 0."


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceSpec:
    """What every resource has."""

    cluster: str = attr("Name of the cluster.", replace=True)
    name: str = attr("Id in the CIB.", replace=True, check=check_id)
    locations: tuple[NodePreference, ...] = attr("Nodes that it prefers or avoids.", default=())
    colocations: tuple[ColocatedWith, ...] = attr("Resources that it runs together with.", default=())
    after: tuple[StartsAfter, ...] = attr("Resources that it starts after.", default=())
    bans: tuple[str, ...] = attr(
        "Ids of constraints that moving or banning it by hand has left (`cli-ban-…`, `cli-prefer-…`), to be kept.",
        default=(),
    )
    wait: bool = attr("Whether to wait until it runs.", default=True)
    wait_s: int = attr("How long to wait for it, in seconds on an unemulated machine.", default=300, check=_seconds)
    condition: str = attr(
        f"`{COMPLETE}`, or why it does not run where it should; it is then tried again. Looked at only with `wait`.",
        computed=True,
        default=COMPLETE,
        check=one_of(COMPLETE),
    )


S = TypeVar("S", bound=ResourceSpec)


class ResourceItem(Item[S]):
    """A primitive, a group or a clone."""

    scope = "cluster"
    identity = ("cluster", "name")
    phase: ClassVar[str] = "cluster"

    @abstractmethod
    def find(self, cib: Cib, name: str) -> Element | None:
        """Its element. Raises Conflict when the name is in use for something else."""

    @abstractmethod
    def view(self, cib: Cib, element: Element, wanted: S) -> S:
        """Its own content (not its constraints) as far as `wanted` declares it."""

    @abstractmethod
    def write(self, cib: Cib, now: S | None, wanted: S) -> None:
        """Make or change its element in the CIB."""

    @abstractmethod
    def primitives(self, spec: S) -> tuple[str, ...]:
        """Names of its primitives, in the order in which they start."""

    def inside(self, spec: S) -> tuple[str, ...]:
        """Ids of all that it consists of, its own among them."""
        return tuple(dict.fromkeys((spec.name, *self.primitives(spec))))

    def expected(self, spec: S) -> Expected:
        return Expected(spec.name, self.primitives(spec))

    # --- Item ---

    def observe(self, host: Host, wanted: S) -> S | None:
        found = self.seen(observe(host), wanted)
        if found is None or not wanted.wait:
            return found
        status = parse_status(host.ask(STATUS_COMMAND, cached=True).stdout)
        return with_fields(found, condition=stuck(status, self.expected(found)) or found.condition)

    def warnings(self, host: Host, seen: S) -> Iterable[tuple[str, str]]:
        yield from held(seen.cluster, parse_status(host.ask(STATUS_COMMAND, cached=True).stdout))
        yield from held_by_default(seen.cluster, observe(host))

    def seen(self, cib: Cib, wanted: S) -> S | None:
        """Pure part of `observe`."""
        element = self.find(cib, wanted.name)
        if element is None:
            return None
        found = self.view(cib, element, wanted)
        imported = not self.primitives(wanted)
        rules = list(constraints.all_links(cib, wanted.name)) if imported else self._observed_links(cib, wanted)
        bans = _in_order(constraints.leftovers(cib, self.inside(found)), wanted.bans)
        return with_fields(found, bans=bans, condition=COMPLETE, **_rules(rules))

    def steps(self, platform: Platform, now: S | None, wanted: S | None) -> Iterator[Step]:
        del platform
        if wanted is None:
            if now is not None:
                yield from self._removal(now, self.primitives(now))
            return
        if now is not None:
            gone = tuple(name for name in self.primitives(now) if name not in self.primitives(wanted))
            yield from self._stop(now, gone)
        changes = now is None or now != _as_observed(wanted, now)
        # Before the change: what happened while nobody managed it must not count as a failure when it is managed again.
        # An unmounted file system would be one that is answered by fencing.
        for name in sorted(self._neglected(now) - self._neglected(wanted)):
            yield LookAgain(name)
        if changes:
            yield EditCib(wanted.name, partial(self._edit, now, wanted))
        yield from self._wait(now, wanted, changes)

    def check(self, wanted: S) -> Iterable[tuple[str, str]]:
        yield from constraints.problems(wanted.name, wanted.locations, wanted.colocations, wanted.after)

    # --- in between ---

    def _observed_links(self, cib: Cib, wanted: S) -> list[Link]:
        found = []
        for link in _links(wanted):
            if (value := constraints.observed(cib, link)) is not None:
                found.append(Link(link.tag, link.ends, link.value_name, value))
        return found

    def _edit(self, now: S | None, wanted: S, cib: Cib) -> None:
        self.write(cib, now, wanted)
        constraints.replace_links(cib, _links(now) if now is not None else (), _links(wanted))
        constraints.drop_leftovers(cib, self.inside(wanted), wanted.bans)

    def _wait(self, now: S | None, wanted: S, changes: bool) -> Iterator[Step]:
        if not wanted.wait:
            return
        names = self.primitives(wanted)
        if now is not None:
            yield ForgetFailures(wanted.name, names)
            if changes:
                yield await_applied(wanted.name, names, wanted.wait_s)
        yield await_started(self.expected(wanted), wanted.wait_s)

    def _neglected(self, spec: S | None) -> set[str]:
        """Names of the primitives that Pacemaker leaves alone."""
        if spec is None:
            return set()
        if _unmanaged(getattr(spec, "meta", {})):
            return set(self.primitives(spec))
        return {member.name for member in getattr(spec, "primitives", ()) if _unmanaged(member.meta)}

    def _stop(self, spec: S, names: tuple[str, ...]) -> Iterator[Step]:
        """Stop primitives in their order, while the CIB still knows it."""
        if names:
            label = ", ".join(names) if names != self.primitives(spec) else spec.name
            yield EditCib(f"stop {label}", partial(_set_stopped, names))
            yield await_stopped(label, names, spec.wait_s)

    def _removal(self, now: S, names: tuple[str, ...]) -> Iterator[Step]:
        yield from self._stop(now, names)
        yield EditCib(f"remove {now.name}", partial(_delete, names))


def remove_primitive(cib: Cib, name: str) -> None:
    """Take a primitive out, and whatever around it is empty then, with all that refers to them."""
    element = cib.resource(name)
    while element is not None:
        holder = cib.around(element)
        (cib.section("resources") if holder is None else holder).remove(element)
        constraints.forget_resource(cib, element.get("id", ""))
        empty = holder is not None and not any(child.tag in ("primitive", "group") for child in holder)
        element = holder if empty else None


def _delete(names: tuple[str, ...], cib: Cib) -> None:
    for name in names:
        remove_primitive(cib, name)


def _set_stopped(names: tuple[str, ...], cib: Cib) -> None:
    for name in names:
        if (element := cib.resource(name)) is not None:
            set_stopped(element)


def _unmanaged(meta: Mapping[str, str]) -> bool:
    return not {"is-managed", "maintenance"}.isdisjoint(holding(meta))


def _links(spec: ResourceSpec) -> list[Link]:
    return constraints.links(spec.name, spec.locations, spec.colocations, spec.after)


def _rules(found: list[Link]) -> dict[str, object]:
    by_tag = {
        tag: [link for link in found if link.tag == tag] for tag in ("rsc_location", "rsc_colocation", "rsc_order")
    }
    return {
        "locations": tuple(NodePreference(node=x.ends[1][1], score=x.value) for x in by_tag["rsc_location"]),
        "colocations": tuple(
            ColocatedWith(with_resource=x.ends[1][1], score=x.value) for x in by_tag["rsc_colocation"]
        ),
        "after": tuple(StartsAfter(resource=x.ends[0][1], kind=x.value) for x in by_tag["rsc_order"]),
    }


def _in_order(found: Iterable[str], wanted: Iterable[str]) -> tuple[str, ...]:
    left = list(found)
    return (*(name for name in wanted if name in left), *(name for name in left if name not in set(wanted)))


def _as_observed(wanted: S, now: S) -> S:
    return with_fields(wanted, wait=now.wait, wait_s=now.wait_s)
