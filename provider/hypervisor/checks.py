"""Rules for values that only the hypervisor's resources have. Their form: provisioners/engine/limits.py."""

from __future__ import annotations

import ipaddress
import re

from halab.provisioners.engine import limits

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_BRIDGE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,14}")  # 15: the kernel's limit for interface names
_MAC = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")
_PUBLIC_KEY = re.compile(r"(ssh-|ecdsa-|sk-)[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}( [^\x00-\x1f\x7f]*)?")


def object_name(value: object) -> str | None:
    """A domain's, network's, pool's or volume's name; it becomes part of file names."""
    if isinstance(value, str) and _NAME.fullmatch(value):
        return None
    return (
        f"{value!r} is no name for libvirt's objects: use letters, digits, _ . and -, starting with a letter or digit."
    )


def bridge_name(value: object) -> str | None:
    if isinstance(value, str) and _BRIDGE.fullmatch(value):
        return None
    return f"{value!r} is no bridge name: use at most 15 letters, digits, _ . and -, starting with a letter."


def mac_address(value: object) -> str | None:
    if not isinstance(value, str) or not _MAC.fullmatch(value):
        return f"{value!r} is no MAC address: write it as 52:54:00:12:34:56."
    if int(value[:2], 16) & 1:
        return f"{value} is a multicast address: a machine's starts with an even number, for example 52:54:00."
    return None


def network_cidr(value: object) -> str | None:
    if problem := limits.ipv4_network(value):
        return problem
    if ipaddress.IPv4Network(str(value)).prefixlen > 29:
        return f"{value} is too small: a lab's network needs at least a /29."
    return None


def absolute_path(value: object) -> str | None:
    if isinstance(value, str) and value.startswith("/") and value.isprintable() and "/../" not in f"{value}/":
        return None
    return f"{value!r} is no absolute path."


def public_key(value: object) -> str | None:
    if isinstance(value, str) and _PUBLIC_KEY.fullmatch(value.strip()):
        return None
    return "This is no SSH public key: give the one line of a .pub file."  # not shown: it may be a private key


def whole_number(low: int, high: int) -> limits.Rule:
    def rule(value: object) -> str | None:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return None
        return f"{value!r} is out of range: a whole number from {low} to {high}."

    return rule


def each(rule: limits.Rule, least: int, most: int) -> limits.Rule:
    """A rule for lists: their length, and the rule for each element."""

    def listed(value: object) -> str | None:
        if not isinstance(value, list) or not least <= len(value) <= most:
            return f"Give {least} to {most} of them."
        return next((problem for item in value if (problem := rule(item))), None)

    return listed
