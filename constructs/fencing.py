"""How the nodes are fenced: the devices of each method, and the levels in which they are tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from halab.constructs import bindings
from halab.constructs.cdk import Construct
from halab.constructs.fenced import Fenced
from halab.constructs.fencing_endpoint import METHODS as ASK_THE_ENDPOINT
from halab.constructs.fencing_endpoint import FencingEndpoint
from halab.constructs.fencing_methods import METHODS
from halab.constructs.phases import Phase


class Fencing(Construct):
    """`methods` by name; services wait for the first level's devices, and `add_levels` makes the others.

    `endpoint` is that on the hypervisor, None where no method asks one.
    """

    def __init__(self, scope: Construct, id: str, lab: Fenced) -> None:
        super().__init__(scope, id)
        methods = lab.settings.fencing.methods
        switch = None
        if not ASK_THE_ENDPOINT.isdisjoint(methods):
            switch = FencingEndpoint(self, "endpoint", lab.settings, lab.machines)
        self.endpoint = switch.resource if switch else None
        self._lab = lab = replace(lab, switch=switch)
        self._levels = lab.settings.fencing.in_levels
        # In the table's order: what one leaves to another, such as a node's watchdog, is made first.
        self.methods = {name: method(self, name, lab) for name, method in METHODS.items() if name in methods}
        self._devices: dict[str, Mapping[str, bindings.Stonith]] = {
            name: self.methods[name].devices(Phase.FENCING) for name in self._levels[0]
        }

    def add_levels(self) -> None:
        """The devices of further levels, and the levels; a single device takes none, since Pacemaker asks it anyway."""
        for name, method in self.methods.items():
            if name not in self._devices:
                self._devices[name] = method.devices(Phase.LEVELS)
        if len(self.methods) == 1:
            return
        for node in self._lab.nodes:
            for number, methods in enumerate(self._levels, 1):
                self._level(node.name, number, [self._devices[method][node.name] for method in methods])

    def _level(self, node: str, number: int, devices: list[bindings.Stonith]) -> None:
        level = bindings.FencingLevel(
            self,
            f"{node}_level{number}",
            cluster=self._lab.cluster.name,
            node=node,
            level=number,
            devices=[device.name for device in devices],
            # A device that goes takes itself out of its levels.
            **self._lab.phases.order(Phase.LEVELS, inside=devices),
        )
        self._lab.phases.add(Phase.LEVELS, level)
