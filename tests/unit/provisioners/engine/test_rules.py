"""Rules for texts: what is right, and the same with a line end, or with the digits of another script."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from halab.provisioners.corosync import conf
from halab.provisioners.engine import limits
from halab.provisioners.host import file, firewall, packages, trust
from halab.provisioners.pacemaker import values
from halab.provisioners.storage import partition

CHECKOUT = Path(__file__).resolve().parents[4]
OTHERS = ("٠١٢٣٤٥٦٧٨٩", "０１２３４５６７８９", "⁰¹²³⁴⁵⁶⁷⁸⁹")
RIGHT: list[tuple[Any, Any]] = [
    (limits.dns_label, "node1"),
    (limits.lab_name, "lab1"),
    (limits.dns_domain, "a1.test"),
    (limits.cluster_name, "c1"),
    (limits.fs_name, "fs1"),
    (limits.lvm_name, "vg1"),
    (limits.lv_size, "90%VG"),
    (limits.lv_size, "2147483648"),
    (limits.iqn, "iqn.2016-06.test.halab:lun1"),
    (limits.ipv4, "10.17.0.11"),
    (limits.host_ipv4, "10.17.0.11"),
    (limits.ipv4_network, "192.168.0.0/16"),
    (limits.ipv4_network, "172.31.0.0/24"),
    (limits.ipv4_network, "10.17.0.0/24"),
    (limits.device_path, "/dev/disk/by-id/wwn-0x6001405-part1"),
    (limits.device_path, r"/dev/disk/by-label/a\x20b1"),
    (limits.device_path, "/dev/disk/by-path/ip-10.0.0.1:3260-iscsi-iqn.2016-06.test.halab:lun-lun-0"),
    (limits.host_name, "Node_1.a.test"),
    (limits.node_name, "node1"),
    (limits.node_name, "Node_1.a.test"),
    (limits.host_key, "ssh-ed25519 AAAAC3Nz1="),
    (limits.host_key, "ecdsa-sha2-nistp256 AAAA"),
    (values.check_id, "p1"),
    (values.check_agent, "ocf:heartbeat:IPaddr2"),
    (values.check_agent, "systemd:a1"),
    (values.check_fence_agent, "fence_1"),
    (values.check_score, "100"),
    (values.check_score, "-100"),
    (values.check_duration, "10s"),
    (values.check_duration, "500 ms"),
    (values.check_interval, "10s"),
    (values.check_interval, "PT10S"),
    (values.check_delay, "15s"),
    (values.check_delay, "node1:0s;node2:10s"),
    (values.check_property, "a-1"),
    (partition.partition_label, "halab1"),
    (file._mode, "0644"),
    (file._owner, "root1:root"),
    (trust._name, "ca-1"),
    (packages._names, ("gfs2-utils",)),
    (firewall.check_ports, ("tcp/22",)),
    (firewall.check_sources, ("10.17.0.0/24",)),
]
READS = ("provider", "provisioners", "constructs")
"""The folders whose patterns decide over what was given."""


def _cases() -> Iterator[tuple[Any, Any]]:
    for rule, right in RIGHT:
        text = right if isinstance(right, str) else right[0]
        wrong = [text + end for end in ("\n", "\r", "\0", "\u2028")]
        wrong += [text.translate(str.maketrans("0123456789", digits)) for digits in OTHERS]
        yield from ((rule, one if isinstance(right, str) else (one,)) for one in wrong if one != text)


@pytest.mark.parametrize(("rule", "right"), RIGHT)
def test_what_is_right_is_accepted(rule: Any, right: Any) -> None:
    assert rule(right) is None


@pytest.mark.parametrize(("rule", "wrong"), list(_cases()))
def test_line_ends_and_other_digits_are_refused(rule: Any, wrong: Any) -> None:
    assert rule(wrong) is not None


@pytest.mark.parametrize("wrong", ["/dev/vd b", "/dev/vdb;id", "/dev/$(id)", "/dev/vdb\n", "/dev/a'b", "/dev/ü", "-rf"])
def test_devices(wrong: str) -> None:
    assert limits.device_path(wrong) is not None


@pytest.mark.parametrize("wrong", ["0.0.0.0", "224.0.0.1", "255.255.255.255", "240.0.0.1", "node1"])
def test_addresses_of_hosts(wrong: str) -> None:
    assert limits.host_ipv4(wrong) is not None


@pytest.mark.parametrize("wrong", ["0.0.0.0/24", "240.0.0.0/24", "192.0.2.0/24", "172.32.0.0/24", "10.0.0.0/7"])
def test_networks_that_are_nobodys_own(wrong: str) -> None:
    assert limits.ipv4_network(wrong) is not None


@pytest.mark.parametrize("wrong", ["a b", "a\n  ProxyCommand id", "*", "!a", "a,b", "-o", "", "a" * 254, "|1|x"])
def test_host_names(wrong: str) -> None:
    assert limits.host_name(wrong) is not None


@pytest.mark.parametrize(
    "wrong", ["AAAA", "ssh-ed25519 AAAA\n* ssh-ed25519 BBBB", "ssh-ed25519 AAAA a b", "ssh-ed25519 "]
)
def test_host_keys(wrong: str) -> None:
    assert limits.host_key(wrong) is not None


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\x1b", "{", "a}"])
def test_values_of_corosync_conf_are_one_line(value: str) -> None:
    assert conf.check_options({"logging.debug": value}) is not None


def test_patterns_mean_the_digits_0_to_9_and_the_end_of_the_text() -> None:
    """`\\d` takes the digits of every script, and `$` takes a line end after it, if lines are not meant."""
    found = [
        f"{path.relative_to(CHECKOUT)}:{line}: {pattern}"
        for folder in READS
        for path in (CHECKOUT / folder).rglob("*.py")
        for line, pattern, by_lines in _patterns(ast.parse(path.read_text()))
        if r"\d" in pattern or (not by_lines and re.search(r"(?<!\\)\$\)*\Z", pattern))
    ]
    assert not found


def _patterns(tree: ast.AST) -> Iterator[tuple[int, str, bool]]:
    """Line, pattern and whether it is for many lines, of each call of `re`."""
    for call in ast.walk(tree):
        function = call.func if isinstance(call, ast.Call) else None
        if not (isinstance(call, ast.Call) and isinstance(function, ast.Attribute) and call.args):
            continue
        if not (isinstance(function.value, ast.Name) and function.value.id == "re"):
            continue
        by_lines = any("re.M" in ast.unparse(flag) for flag in [*call.args[1:], *(k.value for k in call.keywords)])
        for part in ast.walk(call.args[0]):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                yield part.lineno, part.value, by_lines
