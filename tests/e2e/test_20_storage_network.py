"""The target and its initiators."""

from __future__ import annotations

import json

from tests.e2e.lab import STATE, Lab

_TPG = "/sys/kernel/config/target/iscsi/$1/tpgt_1"


def _iqn(lab: Lab) -> str:
    return str(json.loads((STATE / "outputs.json").read_text())[lab.settings.name]["target_iqn"])


def _targets(lab: Lab) -> set[str]:
    """The LUN's, and that of SBD's disk."""
    return {_iqn(lab), f"iqn.2016-06.test.halab:{lab.settings.name}-sbd"}


def test_target_serves_a_partition_to_known_initiators_with_chap(lab: Lab) -> None:
    read = f'cd "{_TPG}"; cat attrib/generate_node_acls attrib/authentication attrib/cache_dynamic_acls; ls acls'
    values = lab.ask("target", "sh", "-euc", read, "sh", _iqn(lab)).split()
    assert values[:3] == ["0", "1", "0"]
    assert len(values[3:]) == len(set(values[3:])) == len(lab.nodes)
    udev = lab.ask("target", "sh", "-euc", "cat /sys/kernel/config/target/core/iblock_*/*/udev_path")
    kinds = lab.ask("target", "lsblk", "--json", "--nodeps", "--output", "type", *udev.split())
    # The nodes' file system on a partition, and SBD's disk as it is.
    assert sorted(disk["type"] for disk in json.loads(kinds)["blockdevices"]) == ["disk", "part"]


def test_target_is_saved_and_comes_back_at_boot(lab: Lab) -> None:
    platform = lab.settings.image.platform
    saved = json.loads(lab.ask("target", "cat", platform.lio_saveconfig))
    assert {t["wwn"] for t in saved["targets"]} == _targets(lab)
    assert lab.ask("target", "stat", "-c", "%a", platform.lio_saveconfig).strip() == "600"
    assert lab.ask("target", "systemctl", "is-enabled", platform.lio_unit).strip() == "enabled"


def test_each_node_has_its_own_name_and_a_session_to_each_target(lab: Lab) -> None:
    names = {lab.ask(node, "sed", "-n", "s/^InitiatorName=//p", "/etc/iscsi/initiatorname.iscsi") for node in lab.nodes}
    assert len(names) == len(lab.nodes)
    for node in lab.nodes:
        targets = lab.ask(node, "sh", "-euc", "cat /sys/class/iscsi_session/session*/targetname").split()
        assert sorted(targets) == sorted(_targets(lab))


def test_every_node_sees_the_same_disk_and_partition(lab: Lab) -> None:
    seen = {lab.ask(node, "sh", "-euc", "ls /dev/disk/by-id/wwn-0x6001405*") for node in lab.nodes}
    assert len(seen) == 1
    assert any(path.endswith("-part1") for path in seen.pop().split())
