"""What a method of fencing is made from, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from halab.constructs import bindings
from halab.constructs.cluster import CorosyncCluster
from halab.constructs.fencing_endpoint import FencingEndpoint
from halab.constructs.machines import Machines
from halab.constructs.operations import Operations
from halab.constructs.phases import Phase, Phases
from halab.constructs.places import Place
from halab.constructs.settings import Settings
from halab.constructs.shared_storage import SharedStorage

FENCE_META = {"requires": "fencing"}
"""A device that ran on a lost node starts elsewhere once that is fenced. Pacemaker fences with devices that are not
started, too; the start of another one beside it held the fencing up by 10 to 20 s on emulated nodes."""


@dataclass(frozen=True, slots=True)
class Fenced:
    """The lab whose nodes are to be fenced."""

    settings: Settings
    machines: Machines
    storage: SharedStorage
    cluster: CorosyncCluster
    phases: Phases
    switch: FencingEndpoint | None = None
    """The endpoint on the hypervisor; None where no method asks it."""

    @property
    def endpoint(self) -> FencingEndpoint:
        """The endpoint, for a method that asks it."""
        assert self.switch is not None, "fencing_endpoint.METHODS has the methods that ask it"
        return self.switch

    @property
    def device_meta(self) -> dict[str, str]:
        """Meta attributes of each device. Who could not ask for a moment, the endpoint or the target being away, tries
        again later: one failed start would else keep the device off that node for ever. And none moves to a node
        that came back or joins: its start would be beside all others there, and the password may not be there yet."""
        return FENCE_META | {"failure-timeout": self.settings.stretched(60), "resource-stickiness": "1"}

    @property
    def operations(self) -> Operations:
        """Times of its devices."""
        return Operations(self.settings, self.machines.nodes[0])

    @property
    def nodes(self) -> list[Place]:
        """The cluster's nodes."""
        return [place for place in self.machines.places if place.cluster]


class Method(Protocol):
    """A way to fence. Making one makes what the nodes need for it; its devices come when it is their turn."""

    def devices(self, phase: Phase) -> Mapping[str, bindings.Stonith]:
        """Name of a node -> the device that fences it, made in this phase. Nodes may share one.

        A device of a single node's that is made before the node is complete (Phase.FENCING) is the node's own.
        """
        ...
