"""Cluster properties, and constraints that stand on their own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import Item, attr, with_fields
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.steps import Step
from halab.provisioners.pacemaker import constraints
from halab.provisioners.pacemaker.cib import Cib, observe
from halab.provisioners.pacemaker.constraints import Link
from halab.provisioners.pacemaker.edit import EditCib
from halab.provisioners.pacemaker.primitives import options, set_options
from halab.provisioners.pacemaker.values import KINDS, check_id, check_property, check_score, check_text, one_of

_SET = "cluster_property_set"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterProperty:
    """One property of the cluster as a whole, for example no-quorum-policy."""

    cluster: str = attr("Name of the cluster.", replace=True)
    name: str = attr("Name of the property.", replace=True, check=check_property)
    value: str = attr("Its value.", check=check_text)


class ClusterPropertyItem(Item[ClusterProperty]):
    """halab_cluster_property. Removing it gives back Pacemaker's default."""

    spec = ClusterProperty
    scope = "cluster"
    phase = "cluster"
    identity = ("cluster", "name")

    def observe(self, host: Host, wanted: ClusterProperty) -> ClusterProperty | None:
        return self.seen(observe(host), wanted)

    def seen(self, cib: Cib, wanted: ClusterProperty) -> ClusterProperty | None:
        """Pure part of `observe`."""
        value = options(cib.section("crm_config"), _SET).get(wanted.name)
        return None if value is None else with_fields(wanted, value=value)

    def steps(self, platform: Platform, now: ClusterProperty | None, wanted: ClusterProperty | None) -> Iterator[Step]:
        del platform
        if now != wanted:
            spec = wanted or now
            assert spec is not None
            yield EditCib(f"property {spec.name}", partial(_set_property, now, wanted))


def _set_property(now: ClusterProperty | None, wanted: ClusterProperty | None, cib: Cib) -> None:
    before, after = ({} if spec is None else {spec.name: spec.value} for spec in (now, wanted))
    set_options(cib, cib.section("crm_config"), _SET, before, after, "cib-bootstrap-options")


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A resource likes or avoids a node."""

    cluster: str = attr("Name of the cluster.", replace=True)
    resource: str = attr("Name of the resource; of a cloned one the clone is meant.", replace=True, check=check_id)
    node: str = attr("Name of the node.", replace=True, check=check_text)
    score: str = attr("INFINITY, -INFINITY (never there) or a number.", default="INFINITY", check=check_score)


@dataclass(frozen=True, slots=True, kw_only=True)
class Colocation:
    """A resource runs on the node where another one runs."""

    cluster: str = attr("Name of the cluster.", replace=True)
    resource: str = attr("Name of the resource that follows.", replace=True, check=check_id)
    with_resource: str = attr("Name of the resource that it follows.", replace=True, check=check_id)
    score: str = attr("INFINITY, -INFINITY (never together) or a number.", default="INFINITY", check=check_score)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A resource starts before another one, and stops after it."""

    cluster: str = attr("Name of the cluster.", replace=True)
    first: str = attr("Name of the resource that starts first.", replace=True, check=check_id)
    then: str = attr("Name of the resource that starts after it.", replace=True, check=check_id)
    kind: str = attr("Mandatory, Optional or Serialize.", default="Mandatory", check=one_of(*KINDS))


S = TypeVar("S", Location, Colocation, Order)


class _ConstraintItem(Item[S]):
    """One constraint as a resource of its own, for resources that somebody else made."""

    scope = "cluster"
    phase = "cluster"

    @abstractmethod
    def link(self, spec: S) -> Link: ...

    def observe(self, host: Host, wanted: S) -> S | None:
        return self.seen(observe(host), wanted)

    def seen(self, cib: Cib, wanted: S) -> S | None:
        """Pure part of `observe`."""
        link = self.link(wanted)
        value = constraints.observed(cib, link)
        return None if value is None else with_fields(wanted, **{link.value_name: value})

    def steps(self, platform: Platform, now: S | None, wanted: S | None) -> Iterator[Step]:
        del platform
        if wanted is not None and now != wanted:
            link = self.link(wanted)
            yield EditCib(link.base_id, partial(_put, link))
        elif wanted is None and now is not None:
            link = self.link(now)
            yield EditCib(f"no {link.base_id}", partial(_drop, link))

    def check(self, wanted: S) -> Iterable[tuple[str, str]]:
        one, other = self.link(wanted).ends
        if one[1] == other[1] and other[0] != "node":
            yield self.identity[2], "A resource cannot be constrained to itself: name two."


class LocationItem(_ConstraintItem[Location]):
    """halab_location."""

    spec = Location
    identity = ("cluster", "resource", "node")

    def link(self, spec: Location) -> Link:
        return constraints.location(spec.resource, spec.node, spec.score)


class ColocationItem(_ConstraintItem[Colocation]):
    """halab_colocation."""

    spec = Colocation
    identity = ("cluster", "resource", "with_resource")

    def link(self, spec: Colocation) -> Link:
        return constraints.colocation(spec.resource, spec.with_resource, spec.score)


class OrderItem(_ConstraintItem[Order]):
    """halab_order."""

    spec = Order
    identity = ("cluster", "first", "then")

    def link(self, spec: Order) -> Link:
        return constraints.order(spec.first, spec.then, spec.kind)


def _put(link: Link, cib: Cib) -> None:
    constraints.put(cib, link)


def _drop(link: Link, cib: Cib) -> None:
    constraints.drop(cib, link)
