"""Every attribute of every resource type: a right value for each, and all that Terraform may give in its place."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from halab.provider.protocol import INT, Attr, Block

UUID = "11111111-2222-4333-8444-555555555555"
IQN = "iqn.2016-06.test.halab:lun"
CONF = """totem {
  version: 2
  cluster_name: c
}
nodelist {
  node {
    name: node1
    nodeid: 1
    ring0_addr: 10.0.0.11
  }
}
"""
KEY = "QUFB"
PUBLIC = "ssh-ed25519 AAAA"
PEM = "-----BEGIN CERTIFICATE-----\nQUFB\n-----END CERTIFICATE-----\n"
ON_MACHINE, IN_CIB = {"machine": UUID}, {"cluster": "c"}
LUN, MIB = 4 << 30, 1 << 20
_OPERATION = {
    "name": "monitor", "interval": "10s", "timeout": "20s", "on_fail": "restart",
    "attributes": {"OCF_CHECK_LEVEL": "20"},
}  # fmt: skip
_OPTIONS = {"params": {"p": "1"}, "meta": {"m": "1"}, "operations": [_OPERATION]}
_PRIMITIVE = {"name": "p", "agent": "ocf:heartbeat:IPaddr2", **_OPTIONS}
_RULES = {
    "locations": [{"node": "node1", "score": "100"}],
    "colocations": [{"with_resource": "other", "score": "INFINITY"}],
    "after": [{"resource": "other", "kind": "Mandatory"}],
    "bans": ["cli-ban-p-on-node1"],
    "wait": True,
    "wait_s": 300,
    "condition": "complete",
}

# A right value for each attribute that can be given, but those of ALTERNATIVES.
FULL: dict[str, dict[str, Any]] = {
    "halab_network": {
        "name": "n", "cidr": "10.17.0.0/24", "mode": "nat", "domain": "a.test", "bridge": "br0",
        "hosts": [{"name": "a", "mac": "52:54:00:00:00:01", "address": "10.17.0.11"}], "dhcp_start": "10.17.0.100",
        "dhcp_end": "10.17.0.200", "active": True,
    },
    "halab_pool": {"name": "p", "path": "/p", "active": True},
    "halab_image": {"name": "i", "pool": "p", "source": "/nowhere"},
    "halab_installed_image": {
        "name": "installer", "pool": "p", "network": "n", "mac": "52:54:00:00:00:01", "cache": "/c", "suite": "el9",
        "tree": "/nowhere", "instance": "a", "role": "any", "firewall": True, "extra_packages": ["vim"],
        "repositories": ["a=http://a.test/"], "kickstart": "/ks", "allow_plaintext_password": False, "disk_gib": 8,
        "rhsm_organization": "1", "rhsm_activation_key_file": "/key", "memory_mib": 2048, "vcpus": 2,
        "hypervisor": "qemu", "deadline_minutes": 90, "silence_minutes": 20,
    },
    "halab_volume": {"name": "v", "pool": "p", "size_bytes": 1024, "backing": "/p/i.disk"},
    "halab_machine": {
        "name": "m", "hostname": "m", "domain": "a.test", "memory_mib": 1024, "vcpus": 1, "kernel": "/k",
        "initrd": "/i", "cmdline": "x", "cmdline_emulated": "y", "disks": ["/d"], "network": "n",
        "mac": "52:54:00:00:00:01", "address": "10.17.0.11", "cluster": "c", "authorized_key": PUBLIC,
        "hypervisor": "qemu", "running": True, "autostart": True,
    },
    "halab_fencing_endpoint": {
        "name": "x", "address": "10.17.0.1", "port": 8000, "username": "fence", "password": "a-password-of-it",
        "doors": {"wti": 2323, "ipmi": 6230},
        "machines": [UUID], "running": True,
    },
    "halab_secret": {"name": "s", "length": 24},
    "halab_ssh_key": {"name": "id_ed25519"},
    "halab_ssh_config": {
        "private_key_path": "/key", "intact": True,
        "hosts": [{"name": "a", "fqdn": "a.a.test", "address": "10.17.0.11", "host_key": PUBLIC}],
    },
    "halab_host": {
        **ON_MACHINE, "hostname": "node1", "domain": "a.test", "hosts": [{"name": "node1", "address": "10.17.0.11"}],
        "time_source": "10.17.0.5", "time_clients": "10.17.0.0/24", "firewall": "managed",
        "firewall_open": ["tcp/22"], "firewall_sources": ["10.17.0.0/24"],
    },
    "halab_ssh_trust": {
        **ON_MACHINE, "domain": "a.test",
        "peers": [{"name": "a", "address": "10.17.0.11", "host_key": PUBLIC, "user_key": PUBLIC}],
    },
    "halab_packages": {**ON_MACHINE, "names": ["a"]},
    "halab_quorum_device": {**ON_MACHINE, "cluster": "summit", "connected": True},
    "halab_service": {**ON_MACHINE, "name": "cron", "enabled": True, "running": True},
    "halab_file": {**ON_MACHINE, "path": "/a", "content": "x", "mode": "0644", "owner": "root:root", "overwrite": True},
    "halab_cluster_file": {
        **IN_CIB, "mount_point": "/m", "path": "/m/a", "content": "x", "mode": "0644", "owner": "root:root",
    },
    "halab_ca_certificate": {**ON_MACHINE, "name": "ca", "pem": PEM},
    "halab_partition": {
        **ON_MACHINE, "device": "/dev/vdb", "label": "halab", "number": 1, "lun_bytes": LUN, "condition": "complete",
    },
    "halab_shared_partition": {
        **IN_CIB, "device": "/dev/disk/by-id/wwn-0x60014051", "label": "halab", "number": 1, "lun_bytes": LUN,
        "condition": "complete",
    },
    "halab_lvm_host": {**ON_MACHINE},
    "halab_sbd_disk": {
        **ON_MACHINE, "device": "/dev/sdb", "watchdog_s": 15, "msgwait_s": 30, "condition": "complete",
    },
    "halab_sbd": {**ON_MACHINE, "device": "/dev/sdb", "watchdog": "/dev/watchdog", "condition": "complete"},
    "halab_scsi_key": {**ON_MACHINE, "device": "/dev/sdb", "key": "ab12", "condition": "complete"},
    "halab_scsi_reservation": {**IN_CIB, "device": "/dev/sdb", "keys": ["ab12"], "condition": "complete"},
    "halab_scsi_watch": {
        **ON_MACHINE, "device": "/dev/sdb", "key": "ab12", "watchdog_s": 60, "condition": "complete",
    },
    "halab_multipath": {
        **ON_MACHINE, "device": "/dev/disk/by-id/wwn-0x6001405a1b2c3d4e5f60718293a4b5c6", "paths": 2, "key": "ab12",
        "queue_s": 60, "condition": "complete",
    },
    "halab_lvm_device": {**ON_MACHINE, "vg": "vg", "device": "/dev/sda1", "lun_bytes": LUN},
    "halab_iscsi_target": {
        **ON_MACHINE, "device": "/dev/vdb1", "portal": "10.0.0.1", "iqn": IQN, "hostname": "target", "port": 3260,
        "further_ports": [3261], "backstore": "lun0", "demo_mode": False, "chap": True, "reservations": True,
        "serial": UUID, "condition": "complete",
    },
    "halab_iscsi_acl": {
        **ON_MACHINE, "target_iqn": IQN, "initiator_iqn": IQN, "chap_user": "u", "chap_password": "abcdefabcdef12",
        "node": UUID, "condition": "complete",
    },
    "halab_iscsi_session": {
        **ON_MACHINE, "initiator_iqn": IQN, "target_iqn": IQN, "portal": "10.0.0.1", "port": 3260, "chap_user": "u",
        "chap_password": "abcdefabcdef12", "replacement_timeout_s": 20, "lun_bytes": LUN, "condition": "complete",
    },
    "halab_cluster": {
        "name": "c", "token_ms": 3000, "hypervisor": "kvm", "options": {"totem.consensus": "9000"},
        "members": [{"name": "node1", "address": "10.17.0.11", "node_id": 1}], "machines": [UUID],
        "keeps_quorum": True,
    },
    "halab_cluster_member": {
        **ON_MACHINE, **IN_CIB, "name": "node1", "corosync_conf": CONF, "corosync_authkey": KEY,
        "pacemaker_authkey": KEY, "enabled": True, "running": True, "late_start": False,
    },
    "halab_cluster_node": {**ON_MACHINE, **IN_CIB, "name": "node1", "standby": False, "maintenance": False},
    "halab_pcsd": {
        **ON_MACHINE, **IN_CIB, "nodes": [{"name": "node1", "address": "10.17.0.11"}],
        "hacluster_password": "abcdefghijkl", "token": "a" * 64, "enabled": True, "running": True,
    },
    "halab_cluster_property": {**IN_CIB, "name": "stonith-enabled", "value": "true"},
    "halab_primitive": {**IN_CIB, **_RULES, **_PRIMITIVE},
    "halab_group": {**IN_CIB, **_RULES, "name": "g", "meta": {"m": "1"}, "primitives": [_PRIMITIVE]},
    "halab_clone": {
        **IN_CIB, **_RULES, "name": "g", "meta": {"m": "1"}, "group_name": "gg", "primitives": [_PRIMITIVE],
    },
    "halab_stonith": {
        **IN_CIB, **_RULES, **_OPTIONS, "name": "f", "agent": "fence_redfish", "node": "node1", "machine": UUID,
        "delay": "5s",
    },
    "halab_fencing_level": {**IN_CIB, "node": "node1", "level": 1, "devices": ["f"]},
    "halab_location": {**IN_CIB, "resource": "a", "node": "node1", "score": "INFINITY"},
    "halab_colocation": {**IN_CIB, "resource": "a", "with_resource": "b", "score": "INFINITY"},
    "halab_order": {**IN_CIB, "first": "a", "then": "b", "kind": "Mandatory"},
    "halab_shared_vg": {**IN_CIB, "name": "vg", "device": "/dev/sda1", "lun_bytes": LUN},
    "halab_logical_volume": {**IN_CIB, "vg": "vg", "name": "lv", "size": "90%VG", "lun_bytes": LUN},
    "halab_gfs2": {
        **IN_CIB, "name": "fs", "device": "/dev/vg/lv", "journals": 3, "spare_journals": 1, "journal_size_mib": 32,
        "lun_bytes": LUN, "volume_size": "90%VG",
    },
    "halab_site": {
        **ON_MACHINE, "document_root": "/var/www", "server_name": "www.a.test", "served_by": "node1", "port": 80,
        "condition": "complete",
    },
}  # fmt: skip

_WITHOUT_A_DISK = {"watchdog_s": 30, "wait_s": 75}
# Attributes that stand instead of another: (type, attribute) -> (right values, what must be left out).
ALTERNATIVES: dict[tuple[str, str], tuple[dict[str, Any], str]] = {
    ("halab_file", "sensitive_content"): ({"sensitive_content": "x"}, "content"),
    **{("halab_sbd", name): (_WITHOUT_A_DISK, "device") for name in _WITHOUT_A_DISK},
}

# What a text may be; each of them is something else to a shell, XML, a unit, nft, corosync.conf or Apache.
TEXTS = {
    "empty": "",
    "10,000 characters": "x" * 10_000,
    "newline": "a\nb",
    "at its end": "a\n",
    "carriage return": "a\rb",
    "tab": "a\tb",
    "blank": "a b",
    "quotes": "a\"b'c",
    "command": "$(touch /tmp/x)`id`",
    "commands": "a; b & c | d > e",
    "percent": "%s%n",
    "braces": "a}\nb {",
    "backslash": "a\\b",
    "markup": "<a b='c'>&amp;]]>",
    "option": "-rf",
    "long option": "--help",
    "comment": "# a",
    "UTF-8": "zürich→日本",
    "digits of others": "٣",
    "control": "a\x1b[31m\x7f",
    "NUL": "a\0b",
    "parent": "/../../etc/passwd",
    "wildcard": "*",
    "template": "{name}",
}

Way = tuple[str | int, ...]


@dataclass(frozen=True)
class Slot:
    """A place for a value in a resource's configuration: an attribute, or an element of one."""

    kind: str
    way: Way
    attr: Attr
    wire: Any
    """The type of what stands there."""
    whole: bool = False
    """Whether only whole numbers may stand there."""
    element: bool = False
    """Whether it is one of several in a list or map."""

    def __str__(self) -> str:
        return f"{self.kind}.{'.'.join(map(str, self.way))}"

    def filled(self, value: Any) -> dict[str, Any]:
        """A right configuration but for `value` here."""
        return put(right(self.kind, str(self.way[0])), self.way, value)

    @property
    def right(self) -> Any:
        value: Any = right(self.kind, str(self.way[0]))
        for step in self.way:
            value = value[step]
        return value


def right(kind: str, attribute: str = "") -> dict[str, Any]:
    """A right configuration in which everything, `attribute` at least, is given."""
    config = copy.deepcopy(FULL[kind])
    if (kind, attribute) in ALTERNATIVES:
        instead, without = ALTERNATIVES[kind, attribute]
        config |= instead
        del config[without]
    return config


def put(config: dict[str, Any], way: Way, value: Any) -> dict[str, Any]:
    """`config` with `value` at the end of `way`."""
    holder: Any = config
    for step in way[:-1]:
        holder = holder[step]
    holder[way[-1]] = value
    return config


def slots(kind: str, schema: Block) -> Iterator[Slot]:
    """Every place in a configuration of this type."""
    yield from _in_block(kind, schema, ())


def _in_block(kind: str, block: Block, way: Way) -> Iterator[Slot]:
    for name, attr in block.attrs.items():
        if not (attr.required or attr.optional):
            continue
        here = (*way, name)
        wire = attr.value_type.wire
        yield (outer := Slot(kind, here, attr, wire, whole=attr.type is INT))
        if attr.inner is not None:
            yield Slot(kind, (*here, 0), attr, attr.inner.object_type.wire, element=True)
            yield from _in_block(kind, attr.inner, (*here, 0))
        elif isinstance(wire, list):
            step = 0 if wire[0] == "list" else next(iter(outer.right))
            yield Slot(
                kind, (*here, step), attr, wire[1], element=True, whole=getattr(attr.type, "element", None) is INT
            )
