"""Every resource type and where its class is. Modules are imported when a type is first used: start-up time counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from halab.provider.protocol import Resource

_HYPERVISOR = "halab.provider.hypervisor"
_GUEST = "halab.provisioners"

# Resources with a life cycle of their own.
RESOURCES = {
    "halab_network": f"{_HYPERVISOR}.network.network:NetworkResource",
    "halab_pool": f"{_HYPERVISOR}.storage.pool:PoolResource",
    "halab_image": f"{_HYPERVISOR}.storage.image:ImageResource",
    "halab_installed_image": f"{_HYPERVISOR}.installer.installed_image:InstalledImageResource",
    "halab_volume": f"{_HYPERVISOR}.storage.volume:VolumeResource",
    "halab_machine": f"{_HYPERVISOR}.machine.machine:MachineResource",
    "halab_fencing_endpoint": "halab.provider.fencing.endpoint:FencingEndpoint",
    "halab_secret": "halab.provider.local.secret:SecretResource",
    "halab_ssh_key": "halab.provider.local.ssh_key:SshKeyResource",
    "halab_ssh_config": "halab.provider.local.ssh_config:SshConfigResource",
    "halab_cluster": "halab.provider.guests.cluster_definition:ClusterResource",
}

# What lives in a guest or in the CIB: one provisioner item each, see provider.guest.
ITEMS = {
    "halab_host": f"{_GUEST}.host.baseline:HostItem",
    "halab_ssh_trust": f"{_GUEST}.host.ssh_trust:SshTrustItem",
    "halab_packages": f"{_GUEST}.host.packages:PackagesItem",
    "halab_service": f"{_GUEST}.host.service:ServiceItem",
    "halab_file": f"{_GUEST}.host.file:FileItem",
    "halab_cluster_file": f"{_GUEST}.host.file:ClusterFileItem",
    "halab_ca_certificate": f"{_GUEST}.host.trust:CaCertificateItem",
    "halab_partition": f"{_GUEST}.storage.partition:PartitionItem",
    "halab_shared_partition": f"{_GUEST}.storage.partition:SharedPartitionItem",
    "halab_iscsi_target": f"{_GUEST}.iscsi.lio:TargetItem",
    "halab_iscsi_acl": f"{_GUEST}.iscsi.lio_acl:AclItem",
    "halab_multipath": f"{_GUEST}.iscsi.multipath:MultipathItem",
    "halab_iscsi_session": f"{_GUEST}.iscsi.session:SessionItem",
    "halab_cluster_member": f"{_GUEST}.corosync.membership:MemberItem",
    "halab_quorum_device": f"{_GUEST}.corosync.quorum_device:QuorumDeviceItem",
    "halab_cluster_node": f"{_GUEST}.pacemaker.cluster_node:ClusterNodeItem",
    "halab_pcsd": f"{_GUEST}.pacemaker.pcsd:PcsdItem",
    "halab_cluster_property": f"{_GUEST}.pacemaker.settings:ClusterPropertyItem",
    "halab_primitive": f"{_GUEST}.pacemaker.items:PrimitiveItem",
    "halab_group": f"{_GUEST}.pacemaker.items:GroupItem",
    "halab_clone": f"{_GUEST}.pacemaker.items:CloneItem",
    "halab_stonith": f"{_GUEST}.pacemaker.stonith:StonithItem",
    "halab_fencing_level": f"{_GUEST}.pacemaker.stonith:FencingLevelItem",
    "halab_sbd_disk": f"{_GUEST}.pacemaker.sbd_disk:SbdDiskItem",
    "halab_sbd": f"{_GUEST}.pacemaker.sbd:SbdItem",
    "halab_scsi_key": f"{_GUEST}.iscsi.reservation:ScsiKeyItem",
    "halab_scsi_reservation": f"{_GUEST}.iscsi.reservation:ScsiReservationItem",
    "halab_scsi_watch": f"{_GUEST}.pacemaker.scsi_watch:ScsiWatchItem",
    "halab_location": f"{_GUEST}.pacemaker.settings:LocationItem",
    "halab_colocation": f"{_GUEST}.pacemaker.settings:ColocationItem",
    "halab_order": f"{_GUEST}.pacemaker.settings:OrderItem",
    "halab_lvm_host": f"{_GUEST}.storage.lvm:LvmHostItem",
    "halab_lvm_device": f"{_GUEST}.storage.lvm:LvmDeviceItem",
    "halab_shared_vg": f"{_GUEST}.storage.lvm:SharedVgItem",
    "halab_logical_volume": f"{_GUEST}.storage.logical_volume:LogicalVolumeItem",
    "halab_gfs2": f"{_GUEST}.storage.gfs2:Gfs2Item",
    "halab_site": f"{_GUEST}.web.apache:SiteItem",
}


def resources() -> Mapping[str, Callable[[Any], Resource]]:
    """Type -> what makes its Resource for a provider."""
    return {name: _own(where) for name, where in RESOURCES.items()} | {
        name: _guest(name, where) for name, where in ITEMS.items()
    }


def _load(where: str) -> Any:
    module, name = where.split(":")
    return getattr(import_module(module), name)


def _own(where: str) -> Callable[[Any], Resource]:
    return lambda provider: _load(where)(provider)


def _guest(type_name: str, where: str) -> Callable[[Any], Resource]:
    def make(provider: Any) -> Resource:
        from halab.provider.guests.guest import GuestResource

        return GuestResource(provider, type_name, _load(where)())

    return make
