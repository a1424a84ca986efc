"""A volume group that all nodes share, and what it takes: DLM and lvmlockd, started by the cluster."""

from __future__ import annotations

from collections.abc import Sequence

from halab.constructs import bindings
from halab.constructs.cdk import Construct, IDependable
from halab.constructs.cluster import CorosyncCluster
from halab.constructs.machines import Machines
from halab.constructs.operations import Operation, Operations, by_hypervisor
from halab.constructs.phases import Container, Phase, Phases
from halab.constructs.settings import Settings
from halab.constructs.shared_storage import SharedStorage

_POST_JOIN_S = (30, 90)
"""On KVM, and emulated: how long after quorum came back DLM waits for nodes that it has lost, before it has them reset.
30 s is its default. An emulated node that has rebooted may take that long to start DLM, and would be reset again."""


class SharedVolumeGroup(Construct):
    """`vg` on the LUN, in use on each node. `locking` is the name of the clone that runs DLM and lvmlockd."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        settings: Settings,
        machines: Machines,
        storage: SharedStorage,
        cluster: CorosyncCluster,
        phases: Phases,
    ) -> None:
        super().__init__(scope, id)
        self._settings, self._cluster, self._phases = settings, cluster, phases
        self.lun_bytes = storage.lun_bytes  # when the LUN grows, all that lies on it does, from below
        self.locking = f"{settings.name}-locking-clone"
        for name in cluster.members:
            machine = machines.by_name[name]
            lvm = bindings.LvmHost(self, f"{name}_lvm", machine=machine.id)
            phases.add(Phase.LVM, lvm, node=name)
            dlm = bindings.File(
                self,
                f"{name}_dlm",
                machine=machine.id,
                path="/etc/dlm/dlm.conf",
                content=f"post_join_delay=${{{by_hypervisor(machine, *_POST_JOIN_S)}}}\n",
                **phases.order(Phase.LVM),
            )
            phases.add(Phase.LVM, dlm, node=name)
        locking = self._locking(Operations(settings, machines.nodes[0]))
        phases.add(Phase.LOCKING, locking)
        # Pacemaker starts it on nodes that have their keys. While a node is given its key its writes are refused.
        self.vg = self._volume_group(storage, after=[locking] if settings.fencing.by_reservations else [])
        phases.contain(Container.VG, f"{self.vg.terraform_address}.id")
        for name in cluster.members:
            joined = bindings.LvmDevice(
                self,
                f"{name}_vg",
                machine=machines.by_name[name].id,
                vg=self.vg.name,
                device=self.vg.device,
                lun_bytes=storage.lun_bytes,
                **phases.order(Phase.JOINED),
            )
            phases.add(Phase.JOINED, joined, node=name)

    def _volume_group(self, storage: SharedStorage, after: Sequence[IDependable]) -> bindings.SharedVg:
        partition = bindings.SharedPartition(
            self,
            "lun_partition",
            cluster=self._cluster.name,
            device=storage.lun_device,
            label=self._settings.name,
            lun_bytes=storage.lun_bytes,
            **self._phases.order(Phase.PARTITION, also=after),
        )
        vg = bindings.SharedVg(
            self,
            "shared_vg",
            cluster=self._cluster.name,
            name=f"vg_{self._settings.name.replace('-', '_')}",
            device=partition.path,
            lun_bytes=storage.lun_bytes,
            **self._phases.order(Phase.VG),
        )
        self._phases.add(Phase.PARTITION, partition)
        self._phases.add(Phase.VG, vg)
        return vg

    def _locking(self, operations: Operations) -> bindings.Clone:
        name = self._settings.name
        dlm, lvmlockd = "ocf:pacemaker:controld", "ocf:heartbeat:lvmlockd"

        def actions(agent: str) -> list[Operation]:
            return [operations.monitor_or_fence(agent, 30, 30), *operations.start_and_stop(agent)]

        return bindings.Clone(
            self,
            "locking",
            cluster=self._cluster.name,
            name=self.locking,
            group_name=f"{name}-locking",
            meta={"interleave": "true"},
            primitives=[
                {"name": f"{name}-dlm", "agent": dlm, "operations": actions(dlm)},
                {"name": f"{name}-lvmlockd", "agent": lvmlockd, "operations": actions(lvmlockd)},
            ],
            **self._phases.order(Phase.LOCKING),
        )
