"""The iSCSI target, its ACLs and the nodes' sessions."""

from __future__ import annotations

from halab.constructs import bindings
from halab.constructs.cdk import Construct, IDependable
from halab.constructs.machines import Machines
from halab.constructs.phases import Phase, Phases
from halab.constructs.places import Place
from halab.constructs.resource import made_anew_with
from halab.constructs.settings import Settings

_TARGET_DISK = "/dev/vdb"  # the target's second disk


class SharedStorage(Construct):
    """A LUN that every node sees, as `lun_device`, of `lun_bytes`."""

    def __init__(self, scope: Construct, id: str, settings: Settings, machines: Machines, phases: Phases) -> None:
        super().__init__(scope, id)
        self._settings, self._machines = settings, machines
        nodes = [place for place in machines.places if place.cluster]
        disk = bindings.Partition(
            self,
            "target_partition",
            machine=machines.target.id,
            device=_TARGET_DISK,
            number=1,
            label="lun0",
            lun_bytes=machines.lun_disk.size_bytes,
            # The target's machine may be made anew around the disk; with another disk all that was on it is gone.
            lifecycle=made_anew_with(f"{machines.lun_disk.terraform_address}.id"),
        )
        self.target = bindings.IscsiTarget(
            self,
            "iscsi_target",
            machine=machines.target.id,
            iqn=settings.iscsi.iqn,
            device=disk.path,
            backstore="lun0",
            portal=settings.target_address,
            demo_mode=settings.iscsi.demo_mode,
        )
        self.lun_device = self.target.lun_device
        self.lun_bytes = machines.lun_disk.size_bytes
        for node in nodes:
            phases.add(Phase.SESSIONS, self._session(node), node=node.name)

    def _session(self, node: Place) -> bindings.IscsiSession:
        settings, machine = self._settings, self._machines.by_name[node.name]
        initiator = f"iqn.2016-06.test.halab:{settings.name}-{node.name}"
        user, password = None, None
        after: list[IDependable] = []
        if not settings.iscsi.demo_mode:
            user, password = (
                initiator,
                bindings.Secret(self, f"{node.name}_chap", name=f"{node.name}-chap", length=16).value,
            )
            acl = bindings.IscsiAcl(
                self,
                f"{node.name}_acl",
                machine=self._machines.target.id,
                target_iqn=self.target.iqn,
                initiator_iqn=initiator,
                chap_user=user,
                chap_password=password,
                node=machine.id,
            )
            after.append(acl)
        return bindings.IscsiSession(
            self,
            f"{node.name}_session",
            machine=machine.id,
            initiator_iqn=initiator,
            target_iqn=self.target.iqn,
            portal=settings.target_address,
            chap_user=user,
            chap_password=password,
            lun_bytes=self._machines.lun_disk.size_bytes,
            depends_on=after,
        )
