"""Fencing by persistent reservations of the LUN: keys, a write that is refused, the way back, the target's boot."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from functools import partial

import pytest

from halab.provisioners.engine.command import Result, cmd
from halab.provisioners.iscsi.reservation import LOOK, TYPE, Reservations, key_of, parse
from halab.provisioners.pacemaker.scsi_watch import UNIT
from tests.e2e.lab import HALAB, Lab, deployed
from tests.e2e.planned import diff

pytestmark = pytest.mark.long

_NAME = "scsi"
_SCSI = {"HALAB_NAME": _NAME, "HALAB_NETWORK_CIDR": "192.168.79.0/24", "HALAB_FENCING_METHOD": "scsi"}
_TOGETHER = {**_SCSI, "HALAB_FENCING_METHOD": "", "HALAB_FENCING_LEVELS": "scsi+redfish"}
# Between the table of partitions and the first partition, where nothing is: written back as it is.
_WRITE = 'dd if="$1" of="$1" bs=4096 skip=64 seek=64 count=1 iflag=direct oflag=direct,sync'
_CUT = """nft add table inet cut
nft add chain inet cut in '{ type filter hook input priority -10; }'
nft add rule inet cut in udp dport 5405 drop
"""
_FILE = "/var/www/html/written"


@pytest.fixture(scope="module")
def scsi(environment: dict[str, str]) -> Iterator[Lab]:
    with deployed({**environment, **_SCSI}) as lab:
        yield lab


@pytest.fixture(autouse=True)
def quiet(scsi: Lab) -> None:
    _settle(scsi)


def _settle(lab: Lab) -> None:
    """What a deploy has just written is on the nodes' disks: a node that is reset has it at its next boot."""
    _whole(lab)
    lab.comes_to_rest()
    for node in lab.nodes:
        lab.ask(node, "sync")


def _whole(lab: Lab) -> None:
    everyone = set(lab.nodes)
    lab.until("all online for all", lambda: all(lab.online(node) == everyone for node in lab.nodes), deadline_s=900)
    lab.until("GFS2 everywhere", lab.all_mounted, deadline_s=900)
    lab.until("the site", lab.served_by)


def _device(lab: Lab) -> str:
    found = lab.ask("node1", "cibadmin", "--query", "--xpath", "//nvpair[@name='devices']")
    return found.partition('value="')[2].partition('"')[0]


def _seen(lab: Lab, by: str) -> Reservations:
    seen = parse(lab.ask(by, "sh", "-euc", LOOK, "sh", _device(lab)))
    assert seen is not None, f"{by} does not see the LUN"
    return seen


def _write(lab: Lab, node: str) -> Result:
    return lab.host(node).attempt(cmd("sh", "-euc", _WRITE, "sh", _device(lab)))


def _may_write(lab: Lab, node: str) -> bool:
    return _write(lab, node).rc == 0


def _key(node: str) -> str:
    return key_of(_NAME, node)


def _has_its_key(lab: Lab, node: str, by: str) -> bool:
    return _key(node) in _seen(lab, by).keys


def _all_have_their_keys(lab: Lab) -> None:
    seen = {by: _seen(lab, by) for by in lab.nodes}
    for by, found in seen.items():
        assert set(found.keys) == {_key(node) for node in lab.nodes}, by
        assert found.type == TYPE


def _idle(lab: Lab) -> tuple[str, str]:
    """A node that serves nothing, and the one that serves the site."""
    active = lab.until("the site", lab.served_by)
    victim = next(node for node in reversed(lab.nodes) if node != active)
    return victim, active


def _used(lab: Lab, victim: str) -> list[str]:
    """The devices that have fenced a node, in their order, as the others' logs have it."""
    pattern = rf"^([0-9.]+) .*'off' \[[0-9]+\] targeting {victim} using (\S+) returned 0"
    asked = ("journalctl", "--boot", "--quiet", "--output=short-unix", "--unit=pacemaker")
    logs = [lab.ask(node, *asked) for node in lab.nodes if node != victim]
    found = [(float(when), device) for log in logs for when, device in re.findall(pattern, log, re.MULTILINE)]
    return [device for _, device in sorted(found)]


def _back(lab: Lab, victim: str, boot: str | None, by: str) -> None:
    lab.until("another boot", lambda: lab.boot_id(victim) not in (None, boot), deadline_s=900)
    lab.until(f"{victim} online", lambda: victim in lab.online(by), deadline_s=900)
    lab.until(f"{victim} with its key", partial(_has_its_key, lab, victim, by), deadline_s=300)
    lab.until("GFS2 everywhere", lambda: lab.all_mounted(by), deadline_s=900)
    lab.reconnect()
    assert _may_write(lab, victim), "it writes to the LUN"
    lab.ask(victim, "sh", "-euc", f"date > {_FILE}-{victim}; sync {_FILE}-{victim}")
    assert lab.ask(by, "cat", f"{_FILE}-{victim}")


def test_every_node_has_its_key_and_may_write(scsi: Lab) -> None:
    _all_have_their_keys(scsi)
    for node in scsi.nodes:
        assert _may_write(scsi, node)
    assert _written_down(scsi)
    assert diff(scsi).actions == {}


def _written_down(lab: Lab) -> bool:
    """Whether the target keeps all keys on its disk."""
    path = lab.ask("target", "sh", "-euc", "cat /sys/kernel/config/target/dbroot").strip()
    text = lab.ask("target", "sh", "-euc", 'cat "$1"/pr/aptpl_*', "sh", path)
    kept = {int(number) for number in re.findall(r"sa_res_key=([0-9]+)", text)}
    return kept == {int(_key(node), 16) for node in lab.nodes}


def test_a_fenced_node_writes_no_more_and_comes_back_with_its_key(scsi: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    """Cut off, it is fenced by the others. What would reset it is held, so that it lives and tries to write."""
    victim, by = _idle(scsi)
    boot = scsi.boot_id(victim)
    scsi.ask(victim, "systemctl", "kill", "--signal=STOP", UNIT)
    began = time.monotonic()
    scsi.ask(victim, "sh", "-euc", _CUT)
    scsi.until("a node without its key", lambda: not _has_its_key(scsi, victim, by), deadline_s=300)
    fenced_s = time.monotonic() - began
    assert scsi.boot_id(victim) == boot, "it lives"
    refused = _write(scsi, victim)
    assert refused.rc != 0, "the fenced node's write"
    assert _write(scsi, by).rc == 0
    assert set(_seen(scsi, by).keys) == {_key(node) for node in scsi.nodes if node != victim}
    scsi.until("the site", scsi.served_by)
    began = time.monotonic()
    scsi.ask(victim, "systemctl", "kill", "--signal=CONT", UNIT)
    scsi.until("a reset", lambda: scsi.boot_id(victim) != boot, deadline_s=60)
    _back(scsi, victim, boot, by)
    with capfd.disabled():
        said = refused.stderr.strip().splitlines()[0]
        print(
            f"\nscsi: {victim} without key {fenced_s:.0f} s after it was cut off; its write: {said}; "
            f"it writes again {time.monotonic() - began:.0f} s after it was let go",
            flush=True,
        )
    _whole(scsi)
    _all_have_their_keys(scsi)
    assert diff(scsi).actions == {}


def test_a_node_that_crashes_is_reset_by_its_watchdog(scsi: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    victim = scsi.until("the site", scsi.served_by)
    by = next(node for node in scsi.nodes if node != victim)
    boot, began = scsi.boot_id(victim), time.monotonic()
    scsi.crash(victim)
    scsi.until("site on another node", lambda: scsi.served_by() not in (None, victim), deadline_s=600)
    moved_s = time.monotonic() - began
    _back(scsi, victim, boot, by)
    with capfd.disabled():
        back_s = time.monotonic() - began
        print(f"\nscsi: crash, site on another node after {moved_s:.0f} s, node back after {back_s:.0f} s", flush=True)
    _whole(scsi)
    _all_have_their_keys(scsi)


def test_the_target_restarts_and_knows_all_keys(scsi: Lab) -> None:
    boots = {node: scsi.boot_id(node) for node in scsi.nodes}
    before = _seen(scsi, "node1")
    boot = scsi.boot_id("target")
    scsi.attempt("target", cmd("systemctl", "reboot"))
    scsi.until("the target's boot", lambda: scsi.boot_id("target") not in (None, boot), deadline_s=300)
    for node in scsi.nodes:
        scsi.until(f"the LUN on {node}", partial(_may_write, scsi, node))
    after = _seen(scsi, "node1")
    assert (set(after.keys), after.type) == (set(before.keys), TYPE)
    assert {node: scsi.boot_id(node) for node in scsi.nodes} == boots, "nobody was fenced"
    assert diff(scsi).actions == {}


def test_each_method_fires_by_hand(scsi: Lab) -> None:
    done = scsi.run(str(HALAB), "fence", "--test", "--yes", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = json.loads(done.stdout)
    assert (row["method"], row["device"], row["fault"]) == ("scsi", "fence-scsi", "")
    assert row["fired"]["proof"] in ("reset", "another boot")
    scsi.reconnect()
    _whole(scsi)
    assert diff(scsi).actions == {}


def test_storage_first_and_then_power(scsi: Lab, environment: dict[str, str]) -> None:
    boots = {node: scsi.boot_id(node) for node in scsi.nodes}
    both = Lab({**environment, **_TOGETHER})
    both.deploy()
    _settle(both)
    assert {node: both.boot_id(node) for node in both.nodes} == boots
    victim, by = _idle(both)
    both.ask(by, "stonith_admin", "--reboot", victim, "--timeout", "600", timeout_s=700)
    used = _used(both, victim)
    assert used.index("fence-scsi") < used.index(f"fence-{victim}"), used
    _back(both, victim, boots[victim], by)
    _whole(both)
    _all_have_their_keys(both)
    assert diff(both).actions == {}


def test_over_to_a_disk_and_back_and_nobody_restarts(scsi: Lab, environment: dict[str, str]) -> None:
    """The watchdog goes from systemd's hands to sbd's, and back."""
    scsi.deploy()
    _settle(scsi)
    boots = {node: scsi.boot_id(node) for node in scsi.nodes}
    disk = Lab({**environment, **_SCSI, "HALAB_FENCING_METHOD": "sbd"})
    disk.deploy()
    _settle(disk)
    for node in disk.nodes:
        assert disk.ask(node, "systemctl", "is-active", "sbd").strip() == "active"
        assert disk.ask(node, "systemctl", "show", "--property=RuntimeWatchdogUSec", "--value").strip() == "0"
    assert diff(disk).actions == {}
    scsi.deploy()
    _settle(scsi)
    _all_have_their_keys(scsi)
    assert {node: scsi.boot_id(node) for node in scsi.nodes} == boots
    assert diff(scsi).actions == {}
