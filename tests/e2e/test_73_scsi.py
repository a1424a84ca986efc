"""Fencing by persistent reservations of the LUN: keys, a write that is refused, the way back, the target's boot."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from halab.provisioners.pacemaker.scsi_watch import UNIT
from tests.e2e.lab import Lab, deployed
from tests.e2e.planned import diff
from tests.e2e.reserved import (
    all_have_their_keys,
    comes_back,
    fenced_by,
    fires_by_hand,
    has_its_key,
    idle_and_active,
    key_for,
    lun_seen,
    may_write,
    settle,
    target_restarts,
    try_to_write,
    whole,
)

pytestmark = pytest.mark.long

_NAME = "scsi"
_SCSI = {"HALAB_NAME": _NAME, "HALAB_NETWORK_CIDR": "192.168.79.0/24", "HALAB_FENCING_METHOD": "scsi"}
_TOGETHER = {**_SCSI, "HALAB_FENCING_METHOD": "", "HALAB_FENCING_LEVELS": "scsi+redfish"}
_CUT = """nft add table inet cut
nft add chain inet cut in '{ type filter hook input priority -10; }'
nft add rule inet cut in udp dport 5405 drop
"""


@pytest.fixture(scope="module")
def scsi(environment: dict[str, str]) -> Iterator[Lab]:
    with deployed({**environment, **_SCSI}) as lab:
        yield lab


@pytest.fixture(autouse=True)
def quiet(scsi: Lab) -> None:
    settle(scsi)


def test_every_node_has_its_key_and_may_write(scsi: Lab) -> None:
    all_have_their_keys(scsi)
    for node in scsi.nodes:
        assert may_write(scsi, node)
    assert _written_down(scsi)
    assert diff(scsi).actions == {}


def _written_down(lab: Lab) -> bool:
    """Whether the target keeps all keys on its disk."""
    path = lab.ask("target", "sh", "-euc", "cat /sys/kernel/config/target/dbroot").strip()
    text = lab.ask("target", "sh", "-euc", 'cat "$1"/pr/aptpl_*', "sh", path)
    kept = {int(number) for number in re.findall(r"sa_res_key=([0-9]+)", text)}
    return kept == {int(key_for(lab, node), 16) for node in lab.nodes}


def test_a_fenced_node_writes_no_more_and_comes_back_with_its_key(scsi: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    """Cut off, it is fenced by the others. What would reset it is held, so that it lives and tries to write."""
    victim, by = idle_and_active(scsi)
    boot = scsi.boot_id(victim)
    scsi.ask(victim, "systemctl", "kill", "--signal=STOP", UNIT)
    began = time.monotonic()
    scsi.ask(victim, "sh", "-euc", _CUT)
    scsi.until("a node without its key", lambda: not has_its_key(scsi, victim, by), deadline_s=300)
    fenced_s = time.monotonic() - began
    assert scsi.boot_id(victim) == boot, "it lives"
    refused = try_to_write(scsi, victim)
    assert refused.rc != 0, "the fenced node's write"
    assert try_to_write(scsi, by).rc == 0
    assert set(lun_seen(scsi, by).keys) == {key_for(scsi, node) for node in scsi.nodes if node != victim}
    scsi.until("the site", scsi.served_by)
    began = time.monotonic()
    scsi.ask(victim, "systemctl", "kill", "--signal=CONT", UNIT)
    scsi.until("a reset", lambda: scsi.boot_id(victim) != boot, deadline_s=60)
    comes_back(scsi, victim, boot, by)
    with capfd.disabled():
        said = refused.stderr.strip().splitlines()[0]
        print(
            f"\nscsi: {victim} without key {fenced_s:.0f} s after it was cut off; its write: {said}; "
            f"it writes again {time.monotonic() - began:.0f} s after it was let go",
            flush=True,
        )
    whole(scsi)
    all_have_their_keys(scsi)
    assert diff(scsi).actions == {}


def test_a_node_that_crashes_is_reset_by_its_watchdog(scsi: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    victim = scsi.until("the site", scsi.served_by)
    by = next(node for node in scsi.nodes if node != victim)
    boot, began = scsi.boot_id(victim), time.monotonic()
    scsi.crash(victim)
    scsi.until("site on another node", lambda: scsi.served_by() not in (None, victim), deadline_s=600)
    moved_s = time.monotonic() - began
    comes_back(scsi, victim, boot, by)
    with capfd.disabled():
        back_s = time.monotonic() - began
        print(f"\nscsi: crash, site on another node after {moved_s:.0f} s, node back after {back_s:.0f} s", flush=True)
    whole(scsi)
    all_have_their_keys(scsi)


def test_the_target_restarts_and_knows_all_keys(scsi: Lab) -> None:
    target_restarts(scsi)
    assert diff(scsi).actions == {}


def test_each_method_fires_by_hand(scsi: Lab) -> None:
    fires_by_hand(scsi, "scsi")


def test_storage_first_and_then_power(scsi: Lab, environment: dict[str, str]) -> None:
    boots = {node: scsi.boot_id(node) for node in scsi.nodes}
    both = Lab({**environment, **_TOGETHER})
    both.deploy()
    settle(both)
    assert {node: both.boot_id(node) for node in both.nodes} == boots
    victim, by = idle_and_active(both)
    both.ask(by, "stonith_admin", "--reboot", victim, "--timeout", "600", timeout_s=700)
    used = fenced_by(both, victim)
    assert used.index("fence-scsi") < used.index(f"fence-{victim}"), used
    comes_back(both, victim, boots[victim], by)
    whole(both)
    all_have_their_keys(both)
    assert diff(both).actions == {}


def test_over_to_a_disk_and_back_and_nobody_restarts(scsi: Lab, environment: dict[str, str]) -> None:
    """The watchdog goes from systemd's hands to sbd's, and back."""
    scsi.deploy()
    settle(scsi)
    boots = {node: scsi.boot_id(node) for node in scsi.nodes}
    disk = Lab({**environment, **_SCSI, "HALAB_FENCING_METHOD": "sbd"})
    disk.deploy()
    settle(disk)
    for node in disk.nodes:
        assert disk.ask(node, "systemctl", "is-active", "sbd").strip() == "active"
        assert disk.ask(node, "systemctl", "show", "--property=RuntimeWatchdogUSec", "--value").strip() == "0"
    assert diff(disk).actions == {}
    scsi.deploy()
    settle(scsi)
    all_have_their_keys(scsi)
    assert {node: scsi.boot_id(node) for node in scsi.nodes} == boots
    assert diff(scsi).actions == {}
