"""The attributes of halab_machine."""

from __future__ import annotations

from halab.provider.hypervisor.checks import absolute_path, each, mac_address, object_name, public_key, whole_number
from halab.provider.protocol import BOOL, INT, LIST, STR, Attr, Block
from halab.provisioners.engine import limits

_MAX_DISKS = 20  # vda to vdt, far from what PCIe ports of q35 allow
_MIN_MEMORY_MIB = 128

SCHEMA = Block(
    doc="A virtual machine (q35, virtio, serial console, watchdog) that boots a kernel directly. It is made when its "
    "console showed its SSH host key and its SSH server answers.",
    attrs={
        "id": Attr(STR, computed=True, stable=True, doc="UUID of the domain."),
        "name": Attr(STR, required=True, replace=True, validators=(object_name,), doc="libvirt's name of the domain."),
        "hostname": Attr(STR, required=True, replace=True, validators=(limits.dns_label,), doc="Short host name."),
        "domain": Attr(STR, optional=True, validators=(limits.dns_domain,), doc="DNS domain."),
        "memory_mib": Attr(
            INT,
            required=True,
            validators=(whole_number(_MIN_MEMORY_MIB, 1 << 24),),
            doc="Memory in MiB. A change shuts the machine down and starts it again.",
        ),
        "vcpus": Attr(
            INT,
            default=1,
            validators=(whole_number(1, 255),),
            doc="Virtual processors. A change shuts the machine down and starts it again.",
        ),
        "kernel": Attr(
            STR,
            required=True,
            validators=(absolute_path,),
            doc="Path of the kernel. A change holds from the next boot.",
        ),
        "initrd": Attr(
            STR,
            required=True,
            validators=(absolute_path,),
            doc="Path of the initramfs. A change holds from the next boot.",
        ),
        "cmdline": Attr(STR, required=True, doc="Kernel command line; systemd.hostname is added."),
        "cmdline_emulated": Attr(STR, optional=True, doc="Words to add to it under emulation."),
        "disks": Attr(
            LIST(STR),
            required=True,
            replace=True,
            validators=(each(absolute_path, 1, _MAX_DISKS),),
            doc="Paths of volumes: /dev/vda, /dev/vdb and so on, also /dev/disk/by-id/virtio-disk0 and so on.",
        ),
        "network": Attr(STR, required=True, replace=True, doc="Name of its network."),
        "mac": Attr(STR, required=True, replace=True, validators=(mac_address,), doc="MAC address."),
        "address": Attr(
            STR,
            required=True,
            replace=True,
            validators=(limits.ipv4,),
            doc="IPv4 address that the network's reservation gives to this MAC address.",
        ),
        "cluster": Attr(
            STR,
            optional=True,
            validators=(limits.cluster_name,),
            doc="Cluster of which this machine is to be a member.",
        ),
        "authorized_key": Attr(
            STR,
            required=True,
            validators=(public_key,),
            doc="SSH public key that may log in as root. A change holds from the next boot.",
        ),
        "hypervisor": Attr(
            STR,
            optional=True,
            validators=(limits.one_of("auto", "kvm", "qemu"),),
            doc="kvm, qemu (emulation) or auto: kvm where a kernel really comes up in it. Default: the provider's.",
        ),
        "running": Attr(BOOL, default=True, doc="Whether it is switched on."),
        "autostart": Attr(
            BOOL, default=True, doc="Whether it is switched on when the host starts, unless it is to be off."
        ),
        "host_key": Attr(
            STR, computed=True, stable=True, doc="SSH host key as its console showed it at the first boot."
        ),
        "console_log": Attr(STR, computed=True, stable=True, doc="Path of the log of its serial console."),
        "hypervisor_used": Attr(STR, computed=True, stable=True, doc="kvm or qemu."),
    },
)
