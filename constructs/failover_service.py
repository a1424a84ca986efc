"""A service besides the site: it runs on one node at a time and takes its file system and address along."""

from __future__ import annotations

from collections.abc import Sequence

from halab.constructs import bindings
from halab.constructs.cdk import Construct, IDependable
from halab.constructs.lab import Lab
from halab.constructs.operations import Operations
from halab.constructs.phases import Phase
from halab.constructs.shared_volume_group import SharedVolumeGroup


class FailoverService(Construct):
    """A group: the volume is activated, its file system mounted, the address brought up, then what runs on it started.

    `id`: the name of the group and of its file system, and part of its resources' addresses; `size`: of the logical
    volume, as in gfs2.size; `directory`: where it is mounted, which has to be there; `address`: of the lab's network;
    `agents`: what is started, in this order: a name and an agent, which takes no parameters (`systemd:unit`); `after`:
    what has to be made before. The lab's site has to stand on gfs2: ValueError.
    """

    def __init__(
        self,
        lab: Lab,
        id: str,
        *,
        size: str,
        directory: str,
        address: str,
        agents: dict[str, str],
        after: Sequence[IDependable] = (),
    ) -> None:
        super().__init__(lab, id)
        if lab.volume_group is None:
            raise ValueError(f"{id} needs the shared volume group: set site.storage to gfs2")
        self._lab, self._name, self._operations = lab, id, Operations(lab.settings, lab.machines.nodes[0])
        volume = self._volume(lab.volume_group, size)
        files = self._files(lab.volume_group, volume)
        locking = lab.volume_group.locking
        group = bindings.Group(
            self,
            id,
            cluster=lab.cluster_name,
            name=id,
            meta={"resource-stickiness": "1"},  # it does not move because a node came back
            primitives=[
                self._primitive("volume", "ocf:heartbeat:LVM-activate", self._activation(volume)),
                self._primitive(
                    "files",
                    "ocf:heartbeat:Filesystem",
                    {"device": volume.path, "directory": directory, "fstype": "gfs2", "options": "noatime"},
                ),
                self._primitive("address", "ocf:heartbeat:IPaddr2", {"ip": address}),
                *(self._primitive(name, agent, {}) for name, agent in agents.items()),
            ],
            after=[{"resource": locking}],
            colocations=[{"with_resource": locking, "score": "INFINITY"}],
            **lab.phases.order(Phase.SERVICES, also=[files, *after], inside=[files]),
        )
        lab.phases.add(Phase.SERVICES, group)

    def _volume(self, group: SharedVolumeGroup, size: str) -> bindings.LogicalVolume:
        volume = bindings.LogicalVolume(
            self,
            f"{self._name}_volume",
            cluster=self._lab.cluster_name,
            vg=group.vg.name,
            name=f"lv_{self._name}",
            size=size,
            lun_bytes=group.lun_bytes,
            **self._lab.phases.order(Phase.VOLUMES),
        )
        self._lab.phases.add(Phase.VOLUMES, volume)
        return volume

    def _files(self, group: SharedVolumeGroup, volume: bindings.LogicalVolume) -> bindings.Gfs2:
        """GFS2, since what a lost node held is replayed by the next one, and no mount waits for a check."""
        settings = self._lab.settings
        files = bindings.Gfs2(
            self,
            f"{self._name}_files",
            cluster=self._lab.cluster_name,
            name=self._name,
            device=volume.path,
            journals=settings.journals,
            spare_journals=settings.spare_journals,
            journal_size_mib=settings.gfs2.journal_mib,
            lun_bytes=group.lun_bytes,
            volume_size=volume.size,
            **self._lab.phases.order(Phase.FILE_SYSTEMS, inside=[volume]),
        )
        self._lab.phases.add(Phase.FILE_SYSTEMS, files)
        return files

    def _activation(self, volume: bindings.LogicalVolume) -> dict[str, str]:
        names = {"vgname": volume.vg, "lvname": volume.name}
        return {**names, "vg_access_mode": "lvmlockd", "activation_mode": "shared"}

    def _primitive(self, name: str, agent: str, params: dict[str, str]) -> bindings.GroupPrimitives:
        operations = [self._operations.monitor(agent, 20, 20), *self._operations.start_and_stop(agent)]
        made: bindings.GroupPrimitives = {"name": f"{self._name}-{name}", "agent": agent, "operations": operations}
        return {**made, "params": params} if params else made
