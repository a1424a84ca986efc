"""Fencing through persistent reservations of the shared LUN: a node whose key is taken away can write there no more."""

from __future__ import annotations

from collections.abc import Mapping

from halab.constructs import bindings
from halab.constructs.cdk import Construct, Token
from halab.constructs.fenced import Fenced
from halab.constructs.phases import Phase
from halab.constructs.places import Place
from halab.provisioners.engine import limits
from halab.provisioners.iscsi.multipath import PERSIST
from halab.provisioners.iscsi.reservation import key_of

_WATCHDOG_S = (60, 120)
"""On KVM and emulated: after so long without a sign of life a node's watchdog resets it. Nobody waits for that: its
storage was cut off before."""


class ScsiFencing(Construct):
    """One device for all nodes, and what the LUN needs before anybody writes to it.

    Whatever its level, its device is made before DLM is started: Pacemaker stops what runs on a node, to give the node
    its key, when there is a first device that unfences.
    """

    _agent = "fence_scsi"

    def __init__(self, scope: Construct, id: str, lab: Fenced) -> None:
        super().__init__(scope, id)
        self._lab = lab
        self._lun = lab.storage.lun_device
        self._keys = {node.name: self._key(node) for node in lab.nodes}
        for node in lab.nodes:
            self._watch(node)
        ready = lab.phases.order(Phase.KEYS)["depends_on"]
        reservation = bindings.ScsiReservation(
            self,
            "scsi_reservation",
            cluster=lab.cluster.name,
            device=self._lun,
            keys=[key.key for key in self._keys.values()],
            depends_on=[*ready, *self._keys.values()],
        )
        self._device = self._made(reservation)
        lab.phases.add(Phase.KEYS, reservation, self._device)

    def devices(self, phase: Phase) -> Mapping[str, bindings.Stonith]:
        """The one that was made at the beginning."""
        del phase
        return dict.fromkeys(self._keys, self._device)

    def _key(self, node: Place) -> bindings.ScsiKey:
        key = bindings.ScsiKey(
            self,
            f"{node.name}_scsi_key",
            machine=self._lab.machines.by_name[node.name].id,
            device=self._lun,
            key=key_of(self._lab.settings.name, node.name),
            depends_on=[self._lab.storage.seen[node.name]],
        )
        self._lab.phases.add(Phase.KEYS, key, node=node.name)
        return key

    def _watch(self, node: Place) -> None:
        key, lab = self._keys[node.name], self._lab
        sbd_has_the_watchdog = not {"sbd", "watchdog"}.isdisjoint(lab.settings.fencing.methods)
        watch = bindings.ScsiWatch(
            self,
            f"{node.name}_scsi_watch",
            machine=lab.machines.by_name[node.name].id,
            device=key.device,
            key=key.key,
            watchdog_s=None if sbd_has_the_watchdog else Token.as_number(lab.operations.stretched_number(*_WATCHDOG_S)),
        )
        lab.phases.add(Phase.WATCH, watch, node=node.name)

    def _made(self, reservation: bindings.ScsiReservation) -> bindings.Stonith:
        lab, agent = self._lab, self._agent
        delay = lab.operations.first_node_delay()
        return bindings.Stonith(
            self,
            agent,
            cluster=lab.cluster.name,
            name=agent.replace("_", "-"),
            agent=agent,
            params={
                "devices": reservation.device,
                **self._parameters(),
                "pcmk_reboot_action": "off",
                **(
                    {"pcmk_off_timeout": timeout, "pcmk_reboot_timeout": timeout}
                    if len(lab.settings.fencing.methods) > 1 and (timeout := lab.operations.level_timeout())
                    else {}
                ),
            },
            node="",
            delay=f"node1:{delay}" if delay else None,
            meta=lab.device_meta | {"provides": "unfencing"},
            operations=lab.operations.of_fencing(),
            **lab.phases.order(Phase.KEYS, also=[reservation, *lab.cluster.members.values()]),
        )

    def _parameters(self) -> dict[str, str]:
        return {
            # By names: a node's place in the list of nodes, which is the agent's own choice, changes when one goes.
            "key_value": "hash",
            "aptpl": "1",
            # After a writer udev asks the LUN for its name again, which it cannot tell while the target is away.
            "readonly": "1",
            # It fences all nodes, by their names. A list would be another definition with each node that comes or
            # goes, for which Pacemaker unfences all of them anew, and stops what runs there meanwhile.
            "pcmk_host_check": "none",
        }


class MpathFencing(ScsiFencing):
    """The same where each node sees the LUN by two paths, as one disk that multipathd makes."""

    _agent = "fence_mpath"

    def _parameters(self) -> dict[str, str]:
        # The agent knows keys, not names. Nodes that the lab might get stand there, too: with each that came or went it
        # would be another definition, for which Pacemaker unfences all nodes anew.
        names = [f"node{number}" for number in range(1, limits.MAX_NODES + 1)]
        return {
            "mpathpersist_path": PERSIST,
            "pcmk_host_map": ";".join(f"{name}:{key_of(self._lab.settings.name, name)}" for name in names),
        }
