"""Fencing through each node's own watchdog: SBD without a disk. Nobody is told anything; the others wait."""

from __future__ import annotations

from collections.abc import Mapping

from halab.constructs import bindings
from halab.constructs.cdk import Construct, Token
from halab.constructs.fenced import Fenced
from halab.constructs.phases import Phase
from halab.constructs.places import Place
from halab.constructs.resource import made_anew_with

_WATCHDOG_S = (15, 30)
"""A watchdog's time, on KVM and emulated, as with a disk. On KVM the quorum device must not be slower
(cluster.py)."""
_COUNTED = 2.5
"""So many times longer a node counts as running. Of two halves the one that loses may be told of its loss by a quorum
device later than the other of its gain, by one watchdog's time; then it has a few seconds and the watchdog's time."""


class WatchdogFencing(Construct):
    """An sbd on each node, there before the node joins; the time after which it counts as fenced; one device.

    Pacemaker ends on a member without sbd while that time is set. So the time comes after all members, and goes first.
    """

    def __init__(self, scope: Construct, id: str, lab: Fenced) -> None:
        super().__init__(scope, id)
        self._lab = lab
        watchers = [self._watcher(node) for node in lab.nodes]
        order = lab.phases.order(Phase.COUNTED)
        lives = order["lifecycle"].replace_triggered_by if order["lifecycle"] else None
        self._counted = bindings.ClusterProperty(
            self,
            "stonith_watchdog_timeout",
            cluster=lab.cluster.name,
            name="stonith-watchdog-timeout",
            value=f"{lab.operations.stretched_number(*_WATCHDOG_S, _COUNTED)}s",
            depends_on=order["depends_on"],
            # With another time of the watchdogs' it goes before they do, and comes back after them.
            lifecycle=made_anew_with(*(lives or ()), f"{watchers[0].terraform_address}.watchdog_s"),
        )
        lab.phases.add(Phase.COUNTED, self._counted)

    def _watcher(self, node: Place) -> bindings.Sbd:
        lab = self._lab
        watcher = bindings.Sbd(
            self,
            # The name that it has with a disk, too: whoever goes over has the one ended before the other starts.
            f"{node.name}_sbd",
            machine=lab.machines.by_name[node.name].id,
            watchdog_s=self._number(1),
            wait_s=self._number(_COUNTED),
            # Where the node watches its key on the LUN, systemd may have had the watchdog.
            depends_on=[*lab.phases.made(Phase.WATCH)],
        )
        lab.phases.add(Phase.SBD, watcher, node=node.name)
        lab.cluster.members[node.name].wait_for(watcher)
        return watcher

    def _number(self, times: float) -> float:
        return Token.as_number(self._lab.operations.stretched_number(*_WATCHDOG_S, times))

    def devices(self, phase: Phase) -> Mapping[str, bindings.Stonith]:
        """One device. Pacemaker knows it by this name and agent only, and without a list it means all nodes."""
        lab = self._lab
        device = bindings.Stonith(
            self,
            "fence_watchdog",
            cluster=lab.cluster.name,
            name="watchdog",
            agent="fence_watchdog",
            node="",
            meta=lab.device_meta,
            operations=lab.operations.of_fencing(),
            # Without the time Pacemaker has no such device: what is started would fail.
            **lab.phases.order(phase, also=[self._counted], inside=[self._counted]),
        )
        lab.phases.add(phase, device)
        return dict.fromkeys((node.name for node in lab.nodes), device)
