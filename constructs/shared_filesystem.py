"""DLM, lvmlockd, a shared volume group and GFS2 mounted on all nodes, in the order that RHEL's documentation gives."""

from __future__ import annotations

from collections.abc import Sequence

from halab.constructs import bindings
from halab.constructs.cdk import Construct, IDependable
from halab.constructs.cluster import CorosyncCluster
from halab.constructs.machines import Machines
from halab.constructs.operations import Operations
from halab.constructs.resource import made_anew_with
from halab.constructs.settings import Settings
from halab.constructs.shared_storage import SharedStorage

MOUNT_POINT = "/var/www/html"


class SharedFileSystem(Construct):
    """GFS2 on a shared logical volume. `clone` is the name of the clone that mounts it, `mounted` the resource.

    `parts` is by node name; `inside` is for what is on the file system, or needs it.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        settings: Settings,
        machines: Machines,
        storage: SharedStorage,
        cluster: CorosyncCluster,
        fencing: list[IDependable],
    ) -> None:
        super().__init__(scope, id)
        self._settings, self._cluster, self._operations = settings, cluster, Operations(settings)
        lvm_hosts = [
            bindings.LvmHost(self, f"node{number}_lvm", machine=machine.id)
            for number, machine in enumerate(machines.nodes, 1)
        ]
        locking = self._locking([*cluster.ready, *lvm_hosts])
        size = machines.lun_disk.size_bytes  # when it grows, all that lies on it does, from below
        partition = bindings.SharedPartition(
            self,
            "lun_partition",
            cluster=cluster.name,
            device=storage.lun_device,
            label=settings.name,
            lun_bytes=size,
            depends_on=[*cluster.ready, *storage.sessions.values()],
        )
        vg = bindings.SharedVg(
            self,
            "shared_vg",
            cluster=cluster.name,
            name=f"vg_{settings.name.replace('-', '_')}",
            device=partition.path,
            lun_bytes=size,
            depends_on=[locking],
        )
        # Each node joins the volume group by a resource of its own, so that it leaves before the group goes.
        joined = [
            bindings.LvmDevice(
                self,
                f"node{number}_vg",
                machine=machine.id,
                vg=vg.name,
                device=vg.device,
                lun_bytes=size,
                lifecycle=made_anew_with(f"{vg.terraform_address}.id"),
            )
            for number, machine in enumerate(machines.nodes, 1)
        ]
        self.parts = {
            f"node{number}": [of_lvm, in_vg]
            for number, (of_lvm, in_vg) in enumerate(zip(lvm_hosts, joined, strict=True), 1)
        }
        self._lv = lv = bindings.LogicalVolume(
            self,
            "logical_volume",
            cluster=cluster.name,
            vg=vg.name,
            name="lv_web",
            size=settings.gfs2.size,
            lun_bytes=size,
            depends_on=[*joined],
            lifecycle=made_anew_with(f"{vg.terraform_address}.id"),
        )
        gfs2 = bindings.Gfs2(
            self,
            "gfs2",
            cluster=cluster.name,
            name=settings.gfs2.name,
            device=lv.path,
            journals=settings.journals,
            spare_journals=settings.spare_journals,
            journal_size_mib=settings.gfs2.journal_mib,
            lun_bytes=size,
            lifecycle=made_anew_with(f"{lv.terraform_address}.id"),
        )
        self.inside = cluster.inside_with(f"{gfs2.terraform_address}.id")
        self.clone = f"{settings.name}-{settings.gfs2.name}-clone"
        self.mounted = self._mount(vg, lv, [gfs2, *fencing])

    def remove_before(self, nodes: Sequence[bindings.ClusterNode]) -> None:
        """Have the volume, and what is on it, removed while the nodes are still there to do it, when all of them go."""
        self._lv.depends_on = [*(self._lv.depends_on or []), *(node.terraform_address for node in nodes)]

    def _locking(self, after: list[IDependable]) -> bindings.Clone:
        name = self._settings.name
        operations = [self._operations.monitor_or_fence(30, 60), *self._operations.start_and_stop()]
        return bindings.Clone(
            self,
            "locking",
            cluster=self._cluster.name,
            name=f"{name}-locking-clone",
            group_name=f"{name}-locking",
            meta={"interleave": "true"},
            primitives=[
                {"name": f"{name}-dlm", "agent": "ocf:pacemaker:controld", "operations": operations},
                {"name": f"{name}-lvmlockd", "agent": "ocf:heartbeat:lvmlockd", "operations": operations},
            ],
            depends_on=after,
            lifecycle=self._cluster.inside,
        )

    def _mount(self, vg: bindings.SharedVg, lv: bindings.LogicalVolume, after: list[IDependable]) -> bindings.Clone:
        name, fs = self._settings.name, self._settings.gfs2.name
        locking = f"{name}-locking-clone"
        activate: bindings.ClonePrimitives = {
            "name": f"{name}-lv-web",
            "agent": "ocf:heartbeat:LVM-activate",
            "params": {
                "vgname": vg.name,
                "lvname": lv.name,
                "vg_access_mode": "lvmlockd",
                "activation_mode": "shared",
            },
            "operations": [self._operations.monitor(30, 90), *self._operations.start_and_stop()],
        }
        options = self._settings.image.platform.shared_mount_options
        mount: bindings.ClonePrimitives = {
            "name": f"{name}-{fs}",
            "agent": "ocf:heartbeat:Filesystem",
            "params": {"device": lv.path, "directory": MOUNT_POINT, "fstype": "gfs2", "options": options},
            "operations": [self._operations.monitor_or_fence(20, 60), *self._operations.start_and_stop()],
        }
        return bindings.Clone(
            self,
            "shared_fs",
            cluster=self._cluster.name,
            name=self.clone,
            group_name=f"{name}-shared-fs",
            # A node that is added mounts when this number grows, and that is after its journal was made.
            meta={"interleave": "true", "clone-max": str(self._settings.node_count)},
            primitives=[activate, mount],
            after=[{"resource": locking}],
            colocations=[{"with_resource": locking, "score": "INFINITY"}],
            depends_on=after,
            lifecycle=self.inside,
        )
