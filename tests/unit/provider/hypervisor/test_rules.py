"""Rules for values, as tables."""

from __future__ import annotations

import pytest

from halab.provider.hypervisor import checks
from halab.provider.hypervisor.storage.volume import whole_sectors
from halab.provisioners.engine.limits import Rule

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN6OWSkjvRTFgGXKcAQuMrvUTDTgbBgXv8KlsQzgqr2L"
disks = checks.each(checks.absolute_path, 1, 2)

GOOD: list[tuple[Rule, object]] = [
    (checks.object_name, "summit-node1.qcow2"),
    (checks.bridge_name, "virbr-summit"),
    (checks.mac_address, "52:54:00:AA:00:01"),
    (checks.network_cidr, "10.17.0.0/24"),
    (checks.network_cidr, "192.168.1.0/29"),
    (checks.absolute_path, "/var/lib/x"),
    (checks.public_key, KEY),
    (checks.public_key, f"{KEY} me@here \n"),
    (checks.whole_number(1, 4), 4),
    (whole_sectors, 4 << 30),
    (whole_sectors, 512),
    (disks, ["/a", "/b"]),
]
BAD: list[tuple[Rule, object]] = [
    (whole_sectors, 512.0),
    (checks.object_name, "a/b"),
    (checks.object_name, ".hidden"),
    (checks.object_name, ""),
    (checks.bridge_name, "much-too-long-name"),
    (checks.mac_address, "52:54:00:aa:00"),
    (checks.mac_address, "53:54:00:aa:00:01"),
    (checks.network_cidr, "10.17.0.1/24"),
    (checks.network_cidr, "8.8.8.0/24"),
    (checks.network_cidr, "10.17.0.0/30"),
    (checks.absolute_path, "relative"),
    (checks.absolute_path, "/a/../b"),
    (checks.public_key, "-----BEGIN OPENSSH PRIVATE KEY-----"),
    (checks.public_key, f"{KEY}\n{KEY}"),
    (checks.whole_number(1, 4), 5),
    (checks.whole_number(1, 4), True),
    (checks.whole_number(1, 4), 1.5),
    (whole_sectors, 1000),
    (whole_sectors, 0),
    (disks, []),
    (disks, ["/a", "b"]),
]


@pytest.mark.parametrize(("rule", "value"), GOOD)
def test_good(rule: Rule, value: object) -> None:
    assert rule(value) is None


@pytest.mark.parametrize(("rule", "value"), BAD)
def test_bad(rule: Rule, value: object) -> None:
    problem = rule(value)
    assert problem
    assert problem.endswith(".") or "may" in problem


def test_a_private_key_given_by_mistake_is_not_shown() -> None:
    assert "SECRET" not in str(checks.public_key("-----BEGIN SECRET"))
