"""Each check: from facts to what is found. A host without a fault is changed in one place at a time."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

import pytest

from halab.cli.doctor.examination import examine
from halab.cli.doctor.facts import (
    GIB,
    Console,
    Facts,
    Firewall,
    Kvm,
    Libvirt,
    Listener,
    Node,
    Route,
    Space,
    Terraform,
    User,
    Wanted,
)
from halab.cli.doctor.finding import Level
from halab.cli.look.report import Fault

_NET = IPv4Network("192.168.77.0/24")
_PORTS = {"fencing.port": ("tcp", range(8000, 8001)), "fencing.ipmi_port": ("udp", range(6231, 6247))}
_WANTED = Wanted("summit", _NET, "192.168.77.1", _PORTS, 6 * GIB, 4 * GIB, "auto", deployed=False)
_DIRECT_ONLY = "provider_installation { direct {} }"
_RULES: dict[str, Any] = {"nftables": []}
HOST = Facts(
    wanted=_WANTED,
    kvm=Kvm(device=True, in_processor=True, verdict=(True, "a kernel came up")),
    memory_available_bytes=16 * GIB,
    pool=Space("/var/lib/libvirt/images", 50 * GIB),
    checkout=Space("/home/me/halab", 50 * GIB),
    libvirt=Libvirt(),
    listeners=(Listener("udp", "127.0.0.53", 53), Listener("tcp", "192.168.122.1", 53), Listener("tcp", "0.0.0.0", 22)),
    holders={},
    routes=(Route(IPv4Network("192.0.2.0/24"), "eth0", "192.0.2.2"),),
    firewall=Firewall(_RULES, "", ufw=False, firewalld=False, zone=False, bridges_filtered=False),
    terraform=Terraform("/usr/bin/terraform", "1.11.4", "", None, launcher=True),
    node=Node("22.20.0", "/usr/bin/npm"),
    user=User(root=False, umask=0o022, ends_at_logout=False),
    lab=None,
)
DEPLOYED = replace(
    HOST,
    wanted=replace(_WANTED, deployed=True),
    memory_available_bytes=GIB,
    listeners=(Listener("tcp", "192.168.77.1", 53), Listener("tcp", "192.168.77.1", 8000)),
    routes=(Route(_NET, "virbr1", "192.168.77.1"),),
    lab=(),
)


def _chain(hook: str, table: str = "filter", family: str = "inet", policy: str = "drop") -> dict[str, Any]:
    chain = {"family": family, "table": table, "name": hook, "hook": hook, "policy": policy}
    return {
        "nftables": [{"metainfo": {}}, {"chain": chain}, {"chain": {"family": family, "table": table, "name": "x"}}]
    }


def _firewall(**changes: Any) -> Firewall:
    return replace(HOST.firewall, **changes)


CHANGES = [
    # what, changed facts, level, subject, words of the finding, words of the remedy
    ("console ended", {"console": Console(8080, False, True)}, "warning", "console", "does not listen", "--service"),
    ("console alone", {"console": Console(8080, True, False)}, "warning", "console", "nothing would", "--stop"),
    ("no terraform", {"terraform": replace(HOST.terraform, binary="")}, "bad", "terraform", "neither", "Install"),
    ("old terraform", {"terraform": replace(HOST.terraform, version="1.4.9")}, "bad", "terraform", "1.5", "newer"),
    ("mute terraform", {"terraform": replace(HOST.terraform, version="")}, "bad", "terraform", "version", "anew"),
    (
        "lost configuration",
        {"terraform": replace(HOST.terraform, named="/none")},
        "warning", "terraform", "/none", "unset TF_CLI_CONFIG_FILE",
    ),
    (
        "hidden provider",
        {"terraform": replace(HOST.terraform, configuration=("/root/.terraformrc", _DIRECT_ONLY))},
        "bad", "provider", "/root/.terraformrc hides it", "terraform.local/halab/halab",
    ),
    ("no launcher", {"terraform": replace(HOST.terraform, launcher=False)}, "bad", "provider", "not installed", "make"),
    ("no node", {"node": Node("", "")}, "bad", "node", "there is none", "make prepare"),
    ("node 18", {"node": Node("18.20.1", "npm")}, "bad", "node", "too old for cdktf-cli", "make prepare"),
    ("node 20", {"node": Node("20.19.2", "npm")}, "warning", "node", "end of life", "22"),
    ("node 24", {"node": Node("24.1.0", "npm")}, "bad", "node", "nothing newer than 22", "make prepare"),
    ("old, cdktn", {"node": Node("20.19.2", "npm", "cdktn")}, "bad", "node", "for cdktn-cli", "make prepare"),
    ("no npm", {"node": Node("22.1.0", "")}, "bad", "node", "npm is missing", "make prepare"),
    ("libvirt denies", {"libvirt": Libvirt("denied", "Join the group")}, "bad", "libvirt", "denied", "Join"),
    ("libvirt is off", {"libvirt": Libvirt("away", "Start it", True)}, "warning", "libvirt", "a deploy", "Start"),
    ("no VT", {"kvm": Kvm(False, False, None)}, "warning", "KVM", "no hardware virtualization", "firmware"),
    ("no module", {"kvm": Kvm(False, True, None)}, "warning", "KVM", "/dev/kvm is missing", "modprobe"),
    (
        "KVM that must be",
        {"kvm": Kvm(False, True, None), "wanted": replace(_WANTED, hypervisor="kvm")},
        "bad", "KVM", "/dev/kvm is missing", "modprobe",
    ),
    ("KVM hangs", {"kvm": Kvm(True, True, (False, "it hangs"))}, "warning", "KVM", "it hangs", "qemu"),
    ("little memory", {"memory_available_bytes": 5 * GIB}, "bad", "memory", "5.0 GiB", "memory_mib"),
    ("full disk", {"pool": Space("/var", 2 * GIB)}, "bad", "disk", "2.0 GiB are free in /var", "room"),
    ("small disk", {"pool": Space("/var", 6 * GIB)}, "warning", "disk", "may write 7.0", "room"),
    ("full checkout", {"checkout": Space("/home", 1 << 20)}, "bad", "disk", "the state", "room"),
    ("open umask", {"user": User(False, 0o000, False)}, "warning", "umask", "0000", "umask 022"),
    ("no lingering", {"user": User(False, 0o022, True)}, "warning", "lingering", "log", "enable-linger"),
    ("taken range", {"routes": (Route(IPv4Network("192.168.0.0/16"), "wg0", ""),)}, "bad", "network", "wg0", "cidr"),
    ("same address", {"routes": (Route(_NET, "docker0", "192.168.77.1"),)}, "bad", "network", "docker0", "cidr"),
    ("unread routes", {"routes": None}, "unknown", "network", "could not be read", "iproute2"),
    (
        "DNS everywhere",
        {"listeners": (Listener("udp", "0.0.0.0", 53),), "holders": {53: "named (pid 7)"}},
        "bad", "port 53", "named (pid 7)", "listen-on",
    ),
    ("DNS on IPv6", {"listeners": (Listener("tcp", "::", 53),)}, "bad", "port 53", "another program", "listen-on"),
    (
        "taken endpoint",
        {"listeners": (Listener("tcp", "0.0.0.0", 8000),)},
        "bad", "port 8000", "the fencing endpoint cannot", "fencing.port",
    ),
    (
        "taken BMC",
        {"listeners": (Listener("udp", "0.0.0.0", 6233),)},
        "bad", "port 6233", "the fencing endpoint cannot", "fencing.ipmi_port",
    ),
    ("ufw", {"firewall": _firewall(ufw=True)}, "warning", "firewall", "ufw", "ufw allow from 192.168.77.0/24"),
    ("no zone", {"firewall": _firewall(firewalld=True)}, "warning", "firewall", "no zone libvirt", "reload"),
    ("unread rules", {"firewall": _firewall(rules=None, why="not root")}, "unknown", "firewall", "not root", "sudo"),
    ("input", {"firewall": _firewall(rules=_chain("input"))}, "warning", "firewall", "inet filter input", "67"),
    ("forward", {"firewall": _firewall(rules=_chain("forward"))}, "warning", "firewall", "no way out", "Accept"),
    (
        "bridges",
        {"firewall": _firewall(rules=_chain("forward", family="ip"), bridges_filtered=True)},
        "bad", "firewall", "nodes do not reach each other", "bridge-nf-call-iptables=0",
    ),
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=[str(row[0]) for row in CHANGES])
def test_one_thing_is_wrong(change: tuple[str, dict[str, Any], str, str, str, str]) -> None:
    _, facts, level, subject, text, remedy = change
    (found,) = [one for one in examine(replace(HOST, **facts)) if one.level is not Level.GOOD]
    assert (found.level.value, found.subject) == (level, subject)
    assert text in found.text
    assert remedy in found.remedy


@pytest.mark.parametrize(
    "facts",
    [
        HOST,
        DEPLOYED,
        replace(HOST, kvm=Kvm(False, False, None), wanted=replace(_WANTED, hypervisor="qemu")),
        replace(HOST, kvm=Kvm(True, True, None)),
        replace(HOST, user=User(False, 0o002, True), wanted=replace(_WANTED, endpoint_ports={})),
        replace(HOST, listeners=(Listener("udp", "0.0.0.0", 8000),)),  # another protocol
        replace(HOST, firewall=_firewall(rules=_chain("input", policy="accept"))),
        replace(HOST, firewall=_firewall(rules=_chain("input", table="libvirt_network"))),
        replace(HOST, firewall=_firewall(rules=_chain("forward", family="ip6"))),
        replace(HOST, firewall=_firewall(firewalld=True, zone=True)),
    ],
)
def test_nothing_is_wrong(facts: Facts) -> None:
    assert {one.level for one in examine(facts)} == {Level.GOOD}


def test_the_deployed_lab_itself_is_examined() -> None:
    ill = replace(DEPLOYED, lab=(Fault("site", "does not answer"), Fault("node3", "is in standby", by_hand=True)))
    found = [(one.level.value, one.subject) for one in examine(ill) if one.level is not Level.GOOD]
    assert found == [("bad", "site"), ("warning", "node3")]
    off = replace(DEPLOYED, libvirt=Libvirt("away", "Start it", True))
    assert examine(off)[0].level is Level.BAD  # of a lab that is to be there, it is no small thing
    full = replace(DEPLOYED, pool=Space("/var", 100 << 20))
    assert "paused" in examine(full)[0].text


def test_the_findings_are_plain_data() -> None:
    json.dumps([(one.subject, one.level.value, one.text, one.remedy) for one in examine(HOST)])


def test_a_console_that_runs_as_a_service_is_named() -> None:
    found = examine(replace(HOST, console=Console(8080, listens=True, supervised=True)))
    (told,) = [one for one in found if one.subject == "console"]
    assert (told.level, told.text) == (Level.GOOD, "runs as a service, at port 8080")
    assert "console" not in {one.subject for one in examine(HOST)}
