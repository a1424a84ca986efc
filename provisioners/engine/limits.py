"""Limits and naming rules, written once: constructs check them at synth, the provider at plan. Pure.

A rule takes a value and returns what is wrong with it and what would be right, or None.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

MAX_NODES = 16  # GFS2 and DLM: Red Hat supports at most 16 nodes (RHEL 9, "Configuring GFS2 file systems")
MAX_CLUSTER_NAME = 32  # bytes of the cluster's part of a lock table (gfs2-utils: mkfs.gfs2(8) -t)
MAX_FS_NAME = 30  # bytes of the file system's part of a lock table (mkfs.gfs2(8) -t)
MIN_JOURNAL_MIB = 8  # mkfs.gfs2(8) -J
MAX_JOURNAL_MIB = 1024
MIN_TOKEN_MS = 1000
MIN_GUEST_MEMORY_MIB = 768
# What each role needs from the lab's network; firewalls open nothing else. 3260 is iSCSI's, 123 that of time.
NODE_SERVICES = {"tcp/22": "sshd", "tcp/80": "the site", "tcp/2224": "pcsd", "tcp/21064": "DLM", "udp/5405": "Corosync"}
NODE_PORTS = tuple(NODE_SERVICES)
TARGET_PORTS = ("tcp/22", "tcp/3260", "udp/123")
SECOND_PORTAL = 3261  # TCP, of a target that each node sees by two paths
QNETD_PORT = "tcp/5403"

_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_LOCK_NAME = re.compile(r"[A-Za-z0-9_-]+")
_LVM_NAME = re.compile(r"[A-Za-z0-9_+.][A-Za-z0-9_+.-]{0,126}")
_IQN = re.compile(r"iqn\.[0-9]{4}-(0[1-9]|1[0-2])\.[a-z0-9][a-z0-9.-]*(:[a-z0-9._:-]+)?")
_LV_SIZE = re.compile(r"([1-9][0-9]?|100)%(FREE|VG)|[1-9][0-9]{6,}")
_DEVICE = re.compile(r"/dev/[A-Za-z0-9#+.:=@_,/\\-]+")  # what udev, device-mapper and LVM make names of
_HOST_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
_RESERVATION_KEY = re.compile(r"[1-9a-f][0-9a-f]{0,15}")
_HOST_KEY = re.compile(r"[a-z][a-z0-9@.-]* [A-Za-z0-9+/]+={0,2}")

# RFC 1918. What Python calls private has networks in it that no host can be in: 0.0.0.0/8, 240.0.0.0/4.
_PRIVATE = tuple(ipaddress.IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))

Rule = Callable[[object], str | None]


def dns_label(value: object) -> str | None:
    """A host's short name, or a lab's name (it becomes part of domain names)."""
    if isinstance(value, str) and _LABEL.fullmatch(value):
        return None
    return f"{value!r} is no host name: use 1 to 63 lower-case letters, digits and -, starting with a letter."


def lab_name(value: object) -> str | None:
    """A lab's name is its cluster's name and begins the names of its machines."""
    return dns_label(value) or cluster_name(value)


def dns_domain(value: object) -> str | None:
    if isinstance(value, str) and len(value) <= 200 and all(_LABEL.fullmatch(part) for part in value.split(".")):
        return None
    return f"{value!r} is no DNS domain: use lower-case labels joined by dots, for example summit.test."


def cluster_name(value: object) -> str | None:
    """Corosync, DLM and GFS2 all carry it."""
    if isinstance(value, str) and _LOCK_NAME.fullmatch(value) and len(value) <= MAX_CLUSTER_NAME:
        return None
    return f"{value!r} is no cluster name: GFS2 takes 1 to {MAX_CLUSTER_NAME} letters, digits, - and _."


def fs_name(value: object) -> str | None:
    if isinstance(value, str) and _LOCK_NAME.fullmatch(value) and len(value) <= MAX_FS_NAME:
        return None
    return f"{value!r} is no file system name: GFS2 takes 1 to {MAX_FS_NAME} letters, digits, - and _."


def lvm_name(value: object) -> str | None:
    if isinstance(value, str) and _LVM_NAME.fullmatch(value) and value not in (".", ".."):
        return None
    return f"{value!r} is no LVM name: use letters, digits, + _ . -, not starting with -."


def lv_size(value: object) -> str | None:
    if isinstance(value, str) and _LV_SIZE.fullmatch(value):
        return None
    return f"{value!r} is no size: give a share like 90%VG, or bytes like 2147483648."


def iqn(value: object) -> str | None:
    if isinstance(value, str) and _IQN.fullmatch(value) and len(value) <= 223:
        return None
    return f"{value!r} is no iSCSI name: use iqn.YYYY-MM.reversed.domain:name in lower case, at most 223 characters."


def ipv4(value: object) -> str | None:
    try:
        ipaddress.IPv4Address(str(value))
    except ValueError:
        return f"{value!r} is no IPv4 address, for example 192.168.77.50."
    return None


def host_ipv4(value: object) -> str | None:
    """An address that one host can have."""
    if problem := ipv4(value):
        return problem
    address = ipaddress.IPv4Address(str(value))
    if address.is_unspecified or address.is_multicast or address.is_reserved:
        return f"{value} is no host's address: give that of the node, for example 192.168.77.11."
    return None


def ipv4_network(value: object) -> str | None:
    try:
        network = ipaddress.IPv4Network(str(value))
    except ValueError as error:
        return f"{value!r} is no IPv4 network ({error}): write it as 192.168.77.0/24."
    if not any(network.subnet_of(private) for private in _PRIVATE):
        return f"{value} is not a private network: take one from 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16."
    return None


def device_path(value: object) -> str | None:
    if isinstance(value, str) and _DEVICE.fullmatch(value) and ".." not in value:
        return None
    return f"{value!r} is no device: give a path below /dev."


def reservation_key(value: object) -> str | None:
    """A key of SCSI persistent reservations (SPC-4: 8 bytes, not zero), as fence_scsi writes it."""
    if isinstance(value, str) and _RESERVATION_KEY.fullmatch(value):
        return None
    return f"{value!r} is no reservation key: use 1 to 16 hexadecimal digits in lower case, the first one not 0."


def host_name(value: object) -> str | None:
    """Any host's short or long name, as ssh_config and known_hosts take it."""
    if isinstance(value, str) and _HOST_NAME.fullmatch(value):
        return None
    return f"{value!r} is no host name: use letters, digits, - and _, with dots between the parts."


def node_name(value: object) -> str | None:
    """A node's name in Corosync and Pacemaker: what `uname -n` says, with a domain or without."""
    return host_name(value)


def host_key(value: object) -> str | None:
    """A public host key on one line."""
    if isinstance(value, str) and _HOST_KEY.fullmatch(value):
        return None
    return f"{value!r} is no public host key: write its type and its base64, for example ssh-ed25519 AAAA."


def between(low: float, high: float, unit: str = "") -> Rule:
    def rule(value: object) -> str | None:
        if isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high:
            return None
        return f"{value!r} is out of range: {low:g} to {high:g}{' ' + unit if unit else ''}."

    return rule


def node_count(value: object) -> str | None:
    """Cluster nodes of a lab."""
    if isinstance(value, int) and value < 1:
        return f"{value} nodes are no lab. Go down to 1, deploying after each step, or remove the lab: make destroy."
    return between(1, MAX_NODES)(value)


def one_of(*choices: str) -> Rule:
    def rule(value: object) -> str | None:
        return None if value in choices else f"{value!r} is not known: use {' or '.join(filter(None, choices))}."

    return rule
