"""Wrong values: an error at plan that stands at the attribute and says what would be right. One run for all types."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from halab.provider.registry import ITEMS, RESOURCES
from tests.acceptance.doubles import DoubledProvider

if TYPE_CHECKING:
    from tests.acceptance.conftest import Terraform

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
PEM = "-----BEGIN CERTIFICATE-----\nQUFB\n-----END CERTIFICATE-----\n"
ON_MACHINE, IN_CIB = {"machine": UUID}, {"cluster": "c"}
MONITOR = {"name": "monitor", "interval": "0s"}

# What is right, for each type; the cases below each make one value wrong.
GOOD: dict[str, dict[str, Any]] = {
    "halab_network": {"name": "n", "cidr": "10.17.0.0/24"},
    "halab_pool": {"name": "p", "path": "/p"},
    "halab_image": {"name": "i", "pool": "p", "source": "/nowhere"},
    "halab_volume": {"name": "v", "pool": "p", "size_bytes": 1024},
    "halab_machine": {
        "name": "m", "hostname": "m", "memory_mib": 1024, "kernel": "/k", "initrd": "/i", "cmdline": "x",
        "disks": ["/d"], "network": "n", "mac": "52:54:00:00:00:01", "address": "10.17.0.11",
        "authorized_key": "ssh-ed25519 AAAA",
    },
    "halab_fencing_endpoint": {
        "address": "10.17.0.1", "username": "fence", "password": "a-password-of-it", "machines": [UUID],
    },
    "halab_secret": {"name": "s"},
    "halab_host": {**ON_MACHINE, "hostname": "node1", "domain": "a.test", "hosts": []},
    "halab_packages": {**ON_MACHINE, "names": ["a"]},
    "halab_quorum_device": {**ON_MACHINE, "cluster": "summit"},
    "halab_service": {**ON_MACHINE, "name": "cron"},
    "halab_file": {**ON_MACHINE, "path": "/a", "content": "x"},
    "halab_cluster_file": {**IN_CIB, "mount_point": "/m", "path": "/m/a", "content": "x"},
    "halab_ca_certificate": {**ON_MACHINE, "name": "ca", "pem": PEM},
    "halab_partition": {**ON_MACHINE, "device": "/dev/vdb"},
    "halab_shared_partition": {**IN_CIB, "device": "/dev/disk/by-id/wwn-0x60014051"},
    "halab_lvm_device": {**ON_MACHINE, "vg": "vg", "device": "/dev/sda1"},
    "halab_iscsi_target": {**ON_MACHINE, "device": "/dev/vdb1", "portal": "10.0.0.1"},
    "halab_iscsi_acl": {
        **ON_MACHINE, "target_iqn": IQN, "initiator_iqn": IQN, "chap_user": "u", "chap_password": "abcdefabcdef12",
    },
    "halab_iscsi_session": {**ON_MACHINE, "initiator_iqn": IQN, "target_iqn": IQN, "portal": "10.0.0.1"},
    "halab_cluster_member": {
        **ON_MACHINE, **IN_CIB, "name": "node1", "corosync_conf": CONF, "corosync_authkey": KEY,
        "pacemaker_authkey": KEY,
    },
    "halab_cluster_node": {**ON_MACHINE, **IN_CIB, "name": "node1"},
    "halab_installed_image": {
        "name": "installer", "pool": "p", "network": "n", "mac": "52:54:00:00:00:01", "cache": "/c", "suite": "el9",
        "tree": "/nowhere",
    },
    "halab_pcsd": {**ON_MACHINE, **IN_CIB, "nodes": [], "hacluster_password": "abcdefghijkl", "token": "a" * 64},
    "halab_cluster_property": {**IN_CIB, "name": "stonith-enabled", "value": "true"},
    "halab_primitive": {**IN_CIB, "name": "p", "agent": "ocf:heartbeat:IPaddr2"},
    "halab_group": {**IN_CIB, "name": "g", "primitives": [{"name": "p", "agent": "ocf:heartbeat:IPaddr2"}]},
    "halab_clone": {**IN_CIB, "name": "g", "primitives": [{"name": "p", "agent": "ocf:heartbeat:IPaddr2"}]},
    "halab_stonith": {**IN_CIB, "name": "f", "agent": "fence_redfish", "node": "node1"},
    "halab_fencing_level": {**IN_CIB, "node": "node1", "level": 1, "devices": ["f"]},
    "halab_location": {**IN_CIB, "resource": "a", "node": "node1"},
    "halab_colocation": {**IN_CIB, "resource": "a", "with_resource": "b"},
    "halab_order": {**IN_CIB, "first": "a", "then": "b"},
    "halab_shared_vg": {**IN_CIB, "name": "vg", "device": "/dev/sda1"},
    "halab_logical_volume": {**IN_CIB, "vg": "vg", "name": "lv", "size": "90%VG"},
    "halab_sbd_disk": {**ON_MACHINE, "device": "/dev/vdb", "watchdog_s": 15, "msgwait_s": 30},
    "halab_sbd": {**ON_MACHINE, "device": "/dev/vdb"},
    "halab_scsi_key": {**ON_MACHINE, "device": "/dev/sda", "key": "1a"},
    "halab_scsi_reservation": {**IN_CIB, "device": "/dev/sda", "keys": ["1a"]},
    "halab_scsi_watch": {**ON_MACHINE, "device": "/dev/sda", "key": "1a"},
    "halab_multipath": {**ON_MACHINE, "device": "/dev/disk/by-id/wwn-0x6001405a1b2c3d4e5f60718293a4b5c6"},
    "halab_gfs2": {**IN_CIB, "name": "fs", "device": "/dev/vg/lv", "journals": 3},
    "halab_site": {**ON_MACHINE, "document_root": "/var/www", "server_name": "www.a.test", "served_by": "node1"},
}  # fmt: skip
# Types without a rule of their own: any text is right, or what is wrong shows in the guest only.
WITHOUT_RULES = {"halab_ssh_key", "halab_ssh_config", "halab_cluster", "halab_ssh_trust", "halab_lvm_host"}
TWICE = [{"name": "a", "mac": "52:54:00:00:00:01", "address": "10.17.0.11"}] * 2

# type, attribute, wrong value, words of the error
BAD: list[tuple[str, str, Any, str]] = [
    ("halab_network", "cidr", "8.8.8.0/24", "not a private network"),
    ("halab_network", "hosts", TWICE, "stands at hosts[0] already"),
    ("halab_pool", "path", "relative", "no absolute path"),
    ("halab_image", "name", "a/b", "no name for libvirt's objects"),
    ("halab_volume", "size_bytes", 1000, "use a multiple of 512"),
    ("halab_machine", "memory_mib", 10, "out of range"),
    ("halab_machine", "mac", "53:54:00:00:00:01", "multicast address"),
    ("halab_machine", "authorized_key", "-----BEGIN", "no SSH public key"),
    ("halab_fencing_endpoint", "machines", ["node1"], "not a domain's UUID"),
    ("halab_fencing_endpoint", "password", "short", "8 to 72 printable"),
    ("halab_secret", "length", 4, "12 to 128"),
    ("halab_host", "firewall_open", ["tcp/80"], "could no longer be reached"),
    ("halab_host", "firewall_sources", ["10.0.0.1/24"], "CIDR"),
    ("halab_packages", "names", ["a b"], "not a package name"),
    ("halab_service", "name", "a b", "unit"),
    ("halab_file", "mode", "rw", "octal"),
    ("halab_file", "sensitive_content", "x", "exactly one of"),
    ("halab_cluster_file", "path", "/other", "below mount_point (/m)"),
    ("halab_ca_certificate", "name", "a/b", "letters"),
    ("halab_partition", "number", 0, "out of range"),
    ("halab_shared_partition", "number", 0, "out of range"),
    ("halab_lvm_device", "vg", "-vg", "no LVM name"),
    ("halab_iscsi_target", "iqn", "disk1", "iqn.YYYY-MM"),
    ("halab_iscsi_acl", "initiator_iqn", "node1", "iqn.YYYY-MM"),
    ("halab_iscsi_session", "chap_user", "somebody", "give both, or none"),
    ("halab_quorum_device", "connected", False, "leave the resource out"),
    ("halab_cluster_member", "name", "node9", "has no node 'node9'"),
    ("halab_cluster_node", "name", "node 1", "no host name"),
    ("halab_installed_image", "mac", "53:54:00:00:00:01", "multicast address"),
    ("halab_pcsd", "token", "short", "token"),
    ("halab_cluster_property", "name", "dc-version", "written by the cluster itself"),
    ("halab_primitive", "agent", "IPaddr2", "ocf:provider:type"),
    ("halab_primitive", "operations", [MONITOR], "would never be repeated"),
    ("halab_group", "primitives", [{"name": "p p", "agent": "ocf:heartbeat:IPaddr2"}], "cannot be an id in the CIB"),
    ("halab_clone", "meta", {"a b": "c"}, "name of an option"),
    ("halab_stonith", "params", {"pcmk_host_list": "node1"}, "is written from `node`"),
    ("halab_fencing_level", "level", 10, "1 to 9"),
    ("halab_location", "score", "high", "is not a score"),
    ("halab_colocation", "with_resource", "a", "cannot be constrained to itself"),
    ("halab_order", "kind", "Sometimes", "choose one of Mandatory"),
    ("halab_shared_vg", "name", "-vg", "no LVM name"),
    ("halab_logical_volume", "size", "much", "size"),
    ("halab_sbd_disk", "watchdog_s", 4, "5 to 3600 s"),
    ("halab_sbd_disk", "msgwait_s", 29, "less than twice watchdog_s: use 30 or more"),
    ("halab_sbd", "watchdog", "watchdog", "is no device"),
    ("halab_sbd", "watchdog_s", 15, "The disk's header has the times"),
    ("halab_sbd", "device", "", "Without a disk it is needed"),
    ("halab_scsi_key", "key", "0x1A", "use 1 to 16 hexadecimal digits"),
    ("halab_scsi_reservation", "keys", [], "Name the key of one node"),
    ("halab_iscsi_target", "further_ports", [3261, 3261], "Name each port once"),
    ("halab_multipath", "device", "/dev/sda", "no LUN by its world-wide name"),
    ("halab_multipath", "queue_s", 62, "no multiple of 5"),
    ("halab_scsi_watch", "watchdog_s", 2047, "0 to 2046 s"),
    ("halab_gfs2", "journals", 33, "1 to 32"),
    ("halab_gfs2", "name", "n" * 31, "1 to 30"),
    ("halab_site", "port", 0, "out of range"),
]  # fmt: skip


@pytest.fixture
def provider(lab: DoubledProvider) -> DoubledProvider:
    return lab


def test_no_type_is_left_out() -> None:
    assert {case[0] for case in BAD} | WITHOUT_RULES == {*ITEMS, *RESOURCES}


def test_wrong_values_are_named_with_a_remedy(terraform: Terraform) -> None:
    resources: dict[str, dict[str, Any]] = {}
    for number, (kind, attribute, value, _words) in enumerate(BAD):
        resources.setdefault(kind, {})[f"bad{number}"] = {**GOOD[kind], attribute: value}
    for kind, values in GOOD.items():
        resources.setdefault(kind, {})["good"] = values
    configuration = {"resource": resources, "provider": {"halab": {"lab": "x", "directory": str(terraform.folder)}}}
    (terraform.folder / "main.tf.json").write_text(json.dumps(configuration))
    outcome = terraform.fails("validate")
    told = {error.address: error for error in outcome.errors}
    problems = [
        f"{kind}.{attribute} = {value!r}: {told.get(f'{kind}.bad{number}')}"
        for number, (kind, attribute, value, words) in enumerate(BAD)
        if words not in getattr(told.get(f"{kind}.bad{number}"), "detail", "")
    ]
    assert problems == []
    assert [error for error in outcome.errors if ".bad" not in error.address] == []
    assert len(told) == len(BAD)
