"""Fencing through SBD: messages on a small LUN of its own, and each node's watchdog."""

from __future__ import annotations

from collections.abc import Mapping

from halab.constructs import bindings
from halab.constructs.cdk import Construct, Token
from halab.constructs.fenced import Fenced
from halab.constructs.phases import Phase
from halab.constructs.places import Place
from halab.constructs.resource import made_anew_with

_TARGET_DISK = "/dev/vdc"  # the target's third disk
_WATCHDOG_S = (15, 30)
"""A watchdog's time, on KVM and emulated. A disk across a network may be away for some seconds, an emulated node for
some more."""
_SESSION_S = 20  # its session gives up sooner than the file system's: SBD asks the cluster when the disk is away


class SbdFencing(Construct):
    """One device for all nodes. Each node has a session to the disk, and an sbd that runs beside its cluster."""

    def __init__(self, scope: Construct, id: str, lab: Fenced) -> None:
        super().__init__(scope, id)
        self._lab = lab
        settings, machines = lab.settings, lab.machines
        self._target = bindings.IscsiTarget(
            self,
            "sbd_target",
            machine=machines.target.id,
            iqn=f"iqn.2016-06.test.halab:{settings.name}-sbd",
            device=_TARGET_DISK,
            backstore="sbd",
            portal=settings.target_address,
            demo_mode=settings.iscsi.demo_mode,
            lifecycle=made_anew_with(f"{machines.sbd_disk.terraform_address}.id"),
        )
        sessions = {node.name: self._session(node) for node in lab.nodes}
        first = lab.nodes[0]
        node = machines.by_name[first.name]
        self._disk = bindings.SbdDisk(
            self,
            "sbd_header",
            machine=node.id,
            device=self._target.lun_device,
            watchdog_s=self._seconds(1),
            msgwait_s=self._seconds(2),
            depends_on=[sessions[first.name]],
            # The target's machine may be made anew around the disk, as around the LUN.
            lifecycle=made_anew_with(f"{machines.sbd_disk.terraform_address}.id"),
        )
        self._watchers = {node.name: self._watcher(node, sessions[node.name]) for node in lab.nodes}

    def _seconds(self, times: int) -> float:
        return Token.as_number(self._lab.operations.stretched_number(*_WATCHDOG_S, times))

    def _session(self, node: Place) -> bindings.IscsiSession:
        session = self._lab.storage.session(
            self, f"{node.name}_sbd", node, self._target, replacement_timeout_s=_SESSION_S
        )
        self._lab.phases.add(Phase.SBD, session, node=node.name)
        return session

    def _watcher(self, node: Place, session: bindings.IscsiSession) -> bindings.Sbd:
        watcher = bindings.Sbd(
            self,
            f"{node.name}_sbd",
            machine=self._lab.machines.by_name[node.name].id,
            device=self._disk.device,
            # Where the node watches its key on the LUN, systemd may have had the watchdog.
            depends_on=[session, self._lab.cluster.members[node.name], *self._lab.phases.made(Phase.WATCH)],
            # It has a place in that header, and has read its times, when it started.
            lifecycle=made_anew_with(
                f"{self._lab.machines.sbd_disk.terraform_address}.id", f"{self._disk.terraform_address}.watchdog_s"
            ),
        )
        self._lab.phases.add(Phase.SBD, watcher, node=node.name)
        return watcher

    def devices(self, phase: Phase) -> Mapping[str, bindings.Stonith]:
        """One device, which knows a node by its name."""
        lab = self._lab
        names = [node.name for node in lab.nodes]
        msgwait = f"{self._disk.terraform_address}.msgwait_s"
        device = bindings.Stonith(
            self,
            "fence_sbd",
            cluster=lab.cluster.name,
            name="fence-sbd",
            agent="fence_sbd",
            params={
                "devices": self._disk.device,
                "pcmk_host_map": ";".join(f"{name}:{name}" for name in names),
                "pcmk_host_check": "static-list",
                # The agent returns when the time is over after which the node counts as dead. Busy emulated nodes take
                # it a minute longer.
                "pcmk_reboot_timeout": lab.operations.after(msgwait, 60, 180),
            },
            node="",
            meta=lab.device_meta,
            operations=lab.operations.of_fencing(),
            **lab.phases.order(phase, also=[*self._watchers.values()]),
        )
        lab.phases.add(phase, device)
        return dict.fromkeys(names, device)
