"""The attributes of halab_installed_image."""

from __future__ import annotations

from halab.provider.hypervisor.checks import absolute_path, mac_address, object_name, whole_number
from halab.provider.protocol import BOOL, INT, LIST, NUM, STR, Attr, Block
from halab.provisioners.engine import limits

# What says what is installed: together they are images.prepare.Request.
REQUEST = (
    "suite",
    "tree",
    "role",
    "firewall",
    "extra_packages",
    "repositories",
    "kickstart",
    "allow_plaintext_password",
    "disk_gib",
    "rhsm_organization",
    "rhsm_activation_key_file",
)

SCHEMA = Block(
    doc="A base image that the distribution's own installer has made, by an answer file. Its machine exists only "
    "meanwhile. It is kept in the image cache under the hash of the answer file and the tree; halab_image "
    "takes it from there. What was installed once is not installed again.",
    attrs={
        "id": Attr(STR, computed=True, stable=True, doc="Name of the image in the cache."),
        "name": Attr(
            STR,
            required=True,
            replace=True,
            validators=(object_name,),
            doc="libvirt's name of its machine.",
        ),
        "pool": Attr(STR, required=True, doc="Name of the lab's halab_pool, for the installer's disks."),
        "network": Attr(STR, required=True, doc="Name of the network by which the installer reaches its tree."),
        "mac": Attr(
            STR,
            required=True,
            validators=(mac_address,),
            doc="The installer's MAC address; the network must give it an address.",
        ),
        "cache": Attr(STR, required=True, validators=(absolute_path,), doc="Directory of the image cache."),
        "instance": Attr(
            STR,
            optional=True,
            replace=True,
            validators=(limits.dns_label,),
            doc="The machine for which alone it is installed; it then goes with this resource. Default: for all.",
        ),
        "suite": Attr(STR, required=True, doc="Distribution release, for example el9 or trixie."),
        "tree": Attr(STR, required=True, doc="The installation tree: an http(s) address, an ISO file or a directory."),
        "role": Attr(
            STR, default="any", validators=(limits.one_of("any", "node", "target"),), doc="What the machines are to be."
        ),
        "firewall": Attr(BOOL, default=True, doc="Whether the machines have a firewall."),
        "extra_packages": Attr(LIST(STR), default=[], doc="Packages to add."),
        "repositories": Attr(
            LIST(STR), default=[], doc="id=address of package repositories, instead of the distribution's own."
        ),
        "kickstart": Attr(STR, optional=True, validators=(absolute_path,), doc="An answer file of one's own."),
        "allow_plaintext_password": Attr(BOOL, default=False, doc="Whether that one may hold a password."),
        "disk_gib": Attr(INT, default=0, validators=(whole_number(0, 2048),), doc="Size of the disk; 0: enough."),
        "rhsm_organization": Attr(STR, optional=True, doc="Organization of a RHEL subscription."),
        "rhsm_activation_key_file": Attr(
            STR,
            optional=True,
            validators=(absolute_path,),
            doc="A file for its owner only with the subscription's activation key; read when the installer boots.",
        ),
        "memory_mib": Attr(
            INT, optional=True, validators=(whole_number(256, 1 << 20),), doc="The installer's memory; default: enough."
        ),
        "vcpus": Attr(INT, default=2, validators=(whole_number(1, 64),), doc="The installer's virtual processors."),
        "hypervisor": Attr(
            STR,
            optional=True,
            validators=(limits.one_of("auto", "kvm", "qemu"),),
            doc="kvm, qemu or auto, as in halab_machine. Default: the provider's.",
        ),
        "deadline_minutes": Attr(
            NUM,
            default=90,
            validators=(limits.between(0.1, 1440, "min"),),
            doc="When the installer is given up at the latest; the provider's time_scale stretches it.",
        ),
        "silence_minutes": Attr(
            NUM,
            default=20,
            validators=(limits.between(0.1, 1440, "min"),),
            doc="An installer whose console says nothing for so long hangs; time_scale stretches it.",
        ),
        "recipe": Attr(
            STR, computed=True, stable=True, doc="Hash of the tree and of the answer file and what goes with it."
        ),
        "source": Attr(STR, computed=True, stable=True, doc="The image's directory, for halab_image.source."),
    },
)
