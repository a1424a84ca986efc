"""The iSCSI target, its ACLs and the nodes' sessions."""

from __future__ import annotations

from halab.constructs import bindings
from halab.constructs.cdk import Construct, IDependable
from halab.constructs.machines import Machines
from halab.constructs.phases import Phase, Phases
from halab.constructs.places import Place
from halab.constructs.resource import HalabResource, made_anew_with
from halab.constructs.settings import Settings
from halab.provisioners.engine import limits
from halab.provisioners.iscsi.reservation import key_of

_TARGET_DISK = "/dev/vdb"  # the target's second disk


class SharedStorage(Construct):
    """A LUN that every node sees, as `lun_device`, of `lun_bytes`. `seen`: what a node's sight of it hangs on."""

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
            further_ports=[limits.SECOND_PORTAL] if settings.fencing.has_paths else None,
            reservations=settings.fencing.by_reservations or None,
        )
        self.lun_device = self.target.lun_device
        self.lun_bytes = machines.lun_disk.size_bytes
        self._chap = {} if settings.iscsi.demo_mode else {node.name: self._password(node) for node in nodes}
        self.sessions = {node.name: self.session(self, node.name, node, self.target) for node in nodes}
        for name, session in self.sessions.items():
            phases.add(Phase.SESSIONS, session, node=name)
        self.seen: dict[str, HalabResource] = dict(self.sessions)
        if settings.fencing.has_paths:
            self.seen |= {node.name: self._second_path(node, phases) for node in nodes}

    def _second_path(self, node: Place, phases: Phases) -> bindings.Multipath:
        first = self.sessions[node.name]
        second = bindings.IscsiSession(
            self,
            f"{node.name}_second_session",
            machine=first.machine,
            initiator_iqn=first.initiator_iqn,
            target_iqn=first.target_iqn,
            portal=first.portal,
            port=limits.SECOND_PORTAL,
            chap_user=first.chap_user if self._chap else None,
            chap_password=first.chap_password if self._chap else None,
            lun_bytes=self.lun_bytes,
            depends_on=[first],
        )
        disk = bindings.Multipath(
            self,
            f"{node.name}_multipath",
            machine=second.machine,
            device=self.lun_device,
            key=key_of(self._settings.name, node.name),
            depends_on=[second],
        )
        phases.add(Phase.SESSIONS, second, disk, node=node.name)
        return disk

    def _password(self, node: Place) -> bindings.Secret:
        return bindings.Secret(self, f"{node.name}_chap", name=f"{node.name}-chap", length=16)

    def session(
        self,
        scope: Construct,
        id: str,
        node: Place,
        target: bindings.IscsiTarget,
        *,
        replacement_timeout_s: int | None = None,
    ) -> bindings.IscsiSession:
        """A node's session with a target of the lab's, and its ACL there; names begin with `id`."""
        settings, machine = self._settings, self._machines.by_name[node.name]
        initiator = f"iqn.2016-06.test.halab:{settings.name}-{node.name}"
        secret = self._chap.get(node.name)
        user, password = (initiator, secret.value) if secret else (None, None)
        after: list[IDependable] = []
        if secret:
            acl = bindings.IscsiAcl(
                scope,
                f"{id}_acl",
                machine=self._machines.target.id,
                target_iqn=target.iqn,
                initiator_iqn=initiator,
                chap_user=initiator,
                chap_password=secret.value,
                node=machine.id,
            )
            after.append(acl)
        if scope is not self:
            after.append(self.sessions[node.name])  # it names the initiator
        return bindings.IscsiSession(
            scope,
            f"{id}_session",
            machine=machine.id,
            initiator_iqn=initiator,
            target_iqn=target.iqn,
            portal=settings.target_address,
            chap_user=user,
            chap_password=password,
            replacement_timeout_s=replacement_timeout_s,
            lun_bytes=self._machines.lun_disk.size_bytes if scope is self else None,
            depends_on=after,
        )
