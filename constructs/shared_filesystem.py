"""GFS2 on a logical volume of the shared group, mounted on all nodes, in the order that RHEL's documentation gives."""

from __future__ import annotations

from halab.constructs import bindings
from halab.constructs.cdk import Construct
from halab.constructs.cluster import CorosyncCluster
from halab.constructs.machines import Machines
from halab.constructs.operations import Operations
from halab.constructs.phases import Phase, Phases
from halab.constructs.settings import Settings
from halab.constructs.shared_volume_group import SharedVolumeGroup

MOUNT_POINT = "/var/www/html"
_READ_S = 150
"""Longer than a lost iSCSI session waits (120 s, `replacement_timeout_s`): a target that restarts fences nobody."""


class SharedFileSystem(Construct):
    """`gfs2`, and the clone that mounts it: `clone` is its name."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        settings: Settings,
        machines: Machines,
        group: SharedVolumeGroup,
        cluster: CorosyncCluster,
        phases: Phases,
    ) -> None:
        super().__init__(scope, id)
        self._settings, self._cluster, self._group, self._phases = settings, cluster, group, phases
        self._operations = Operations(settings, machines.nodes[0])
        lv = bindings.LogicalVolume(
            self,
            "logical_volume",
            cluster=cluster.name,
            vg=group.vg.name,
            name="lv_web",
            size=settings.gfs2.size,
            lun_bytes=group.lun_bytes,
            **phases.order(Phase.VOLUMES),
        )
        phases.add(Phase.VOLUMES, lv)
        self.gfs2 = bindings.Gfs2(
            self,
            "gfs2",
            cluster=cluster.name,
            name=settings.gfs2.name,
            device=lv.path,
            journals=settings.journals,
            spare_journals=settings.spare_journals,
            journal_size_mib=settings.gfs2.journal_mib,
            lun_bytes=group.lun_bytes,
            volume_size=lv.size,
            **phases.order(Phase.FILE_SYSTEMS, inside=[lv]),
        )
        self.clone = f"{settings.name}-{settings.gfs2.name}-clone"
        phases.add(Phase.FILE_SYSTEMS, self.gfs2)
        phases.add(Phase.MOUNTS, self._mount(lv))

    def _mount(self, lv: bindings.LogicalVolume) -> bindings.Clone:
        name, fs = self._settings.name, self._settings.gfs2.name
        lvm, filesystem = "ocf:heartbeat:LVM-activate", "ocf:heartbeat:Filesystem"
        activate: bindings.ClonePrimitives = {
            "name": f"{name}-lv-web",
            "agent": lvm,
            "params": {
                "vgname": self._group.vg.name,
                "lvname": lv.name,
                "vg_access_mode": "lvmlockd",
                "activation_mode": "shared",
            },
            "operations": [self._operations.monitor(lvm, 30, 30), *self._operations.start_and_stop(lvm)],
        }
        options = self._settings.image.platform.shared_mount_options
        mount: bindings.ClonePrimitives = {
            "name": f"{name}-{fs}",
            "agent": filesystem,
            "params": {"device": lv.path, "directory": MOUNT_POINT, "fstype": "gfs2", "options": options},
            "operations": [
                self._operations.read_or_fence(20, 40, _READ_S),
                *self._operations.start_and_stop(filesystem),
            ],
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
            after=[{"resource": self._group.locking}],
            colocations=[{"with_resource": self._group.locking, "score": "INFINITY"}],
            **self._phases.order(Phase.MOUNTS, inside=[self.gfs2]),
        )
