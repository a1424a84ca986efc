"""SBD without a disk: nodes that fence themselves, in a lab where nobody else can, and as a second level."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator

import pytest

from halab.provisioners.engine.command import cmd
from halab.provisioners.engine.errors import HalabError
from tests.e2e.lab import HALAB, Lab, deployed
from tests.e2e.planned import diff

pytestmark = pytest.mark.long

_WATCHDOG = {
    "HALAB_NAME": "watchdog",
    "HALAB_NETWORK_CIDR": "192.168.83.0/24",
    "HALAB_NODE_COUNT": "3",
    "HALAB_FENCING_METHOD": "watchdog",
}
_LEVELS = {**_WATCHDOG, "HALAB_FENCING_METHOD": ""}
_CUT = """nft add table inet cut
nft add chain inet cut in '{ type filter hook input priority -10; }'
nft add rule inet cut in udp dport 5405 drop
"""
_COUNTED = "stonith-watchdog-timeout"


@pytest.fixture(scope="module")
def alone(environment: dict[str, str]) -> Iterator[Lab]:
    with deployed({**environment, **_WATCHDOG}) as lab:
        yield lab


@pytest.fixture(autouse=True)
def quiet(alone: Lab) -> None:
    _whole(alone)


def _whole(lab: Lab) -> None:
    everyone = set(lab.nodes)
    lab.until("all online for all", lambda: all(lab.online(node) == everyone for node in lab.nodes), deadline_s=900)
    lab.until("GFS2 everywhere", lab.all_mounted, deadline_s=900)
    lab.until("the site", lab.served_by)
    lab.comes_to_rest()
    for node in lab.nodes:
        lab.ask(node, "sync")


def _property(lab: Lab) -> str:
    """In the CIB's words; empty while it is not set."""
    found = lab.ask("node1", "cibadmin", "--query", "--xpath", f"//nvpair[@name='{_COUNTED}']", ok=(0, 105))
    return found.partition('value="')[2].partition('"')[0]


def _watched(lab: Lab, node: str) -> set[str]:
    """What sbd's processes there watch, as their titles say: Pacemaker, Cluster, and each disk."""
    titles = lab.ask(node, "pgrep", "--list-full", "--exact", "sbd", ok=(0, 1)).splitlines()
    return {title.split("watcher: ")[1].split()[0] for title in titles if "watcher: " in title}


def _watchdog_s(lab: Lab, node: str) -> int:
    """The time of the device itself, as the kernel has it."""
    return int(lab.ask(node, "cat", "/sys/class/watchdog/watchdog0/timeout"))


def _self_fenced(lab: Lab, victim: str) -> bool:
    """Whether another node has counted it as fenced by the time alone."""
    asked = ("journalctl", "--boot", "--quiet", "--output=cat", "--unit=pacemaker")
    logs = [lab.ask(node, *asked) for node in lab.nodes if node != victim]
    return any(f"Self-fencing (reboot) by {victim} for" in log for log in logs)


def _idle(lab: Lab) -> tuple[str, str]:
    """A node that serves nothing, and the one that serves the site."""
    active = lab.until("the site", lab.served_by)
    return next(node for node in reversed(lab.nodes) if node != active), active


def _back(lab: Lab, victim: str, boot: str | None, others: dict[str, str | None]) -> None:
    """It has booted once, is a member again, and nobody else has."""
    lab.until("another boot", lambda: lab.boot_id(victim) not in (None, boot), deadline_s=600)
    second = lab.boot_id(victim)
    lab.reconnect()
    _whole(lab)
    assert lab.boot_id(victim) == second, "it was lost once: it has waited until it counted as fenced"
    assert {node: lab.boot_id(node) for node in others} == others


def _boots(lab: Lab, victim: str) -> dict[str, str | None]:
    return {node: lab.boot_id(node) for node in lab.nodes if node != victim}


def test_all_nodes_feed_their_watchdogs_and_nobody_else_can_fence(alone: Lab) -> None:
    assert not list((alone.folder.path / "fencing").glob("*/*.secret")), "there is no endpoint"
    for node in alone.nodes:
        assert _watched(alone, node) == {"Pacemaker", "Cluster"}
        assert int(_property(alone).removesuffix("s")) >= 2 * _watchdog_s(alone, node)
        assert alone.ask(node, "systemctl", "is-active", "sbd", "corosync").split() == ["active", "active"]
    assert diff(alone).actions == {}


def test_the_active_node_crashes(alone: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    victim = alone.until("the site", alone.served_by)
    boot, others, began = alone.boot_id(victim), _boots(alone, victim), time.monotonic()
    alone.crash(victim)
    alone.until("site on another node", lambda: alone.served_by() not in (None, victim), deadline_s=600)
    moved_s = time.monotonic() - began
    assert _self_fenced(alone, victim)
    _back(alone, victim, boot, others)
    with capfd.disabled():
        back_s = time.monotonic() - began
        print(f"\nwatchdog: crash, site elsewhere after {moved_s:.0f} s, three nodes after {back_s:.0f} s", flush=True)
    assert diff(alone).actions == {}


def test_a_node_that_is_cut_off_resets_itself(alone: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    victim, _ = _idle(alone)
    boot, others, began = alone.boot_id(victim), _boots(alone, victim), time.monotonic()
    alone.ask(victim, "sh", "-euc", _CUT)
    alone.until("a reset", lambda: alone.boot_id(victim) != boot, deadline_s=300)
    reset_s = time.monotonic() - began
    assert alone.served_by() is not None
    _back(alone, victim, boot, others)
    assert _self_fenced(alone, victim)
    with capfd.disabled():
        print(f"\nwatchdog: {victim} reset itself {reset_s:.0f} s after it was cut off", flush=True)


def test_a_node_that_boots_without_quorum_is_left_in_peace(alone: Lab) -> None:
    """The others are stopped in order: what is left of three has no quorum, and has not had it since it booted."""
    victim, active = _idle(alone)
    third = next(node for node in alone.nodes if node not in (victim, active))
    boot = alone.boot_id(victim)
    for node in (victim, third):
        alone.ask(node, "systemctl", "stop", "pacemaker", "corosync", timeout_s=300)
    # The one that goes on loses its quorum: it goes, too, and comes back alone.
    before = alone.boot_id(active)
    with contextlib.suppress(HalabError):  # it does not answer any more
        alone.attempt(active, cmd("sh", "-c", "echo b > /proc/sysrq-trigger", timeout_s=5))
    alone.until("its boot", lambda: alone.boot_id(active) not in (None, before), deadline_s=300)
    alone.reconnect()
    lonely = alone.boot_id(active)
    alone.until("its cluster", lambda: active in alone.ask(active, "crm_mon", "-1", ok=(0, 102)), deadline_s=600)
    time.sleep(2 * _watchdog_s(alone, active))  # what is looked for is that nothing happens
    assert alone.boot_id(active) == lonely
    for node in (victim, third):
        alone.ask(node, "systemctl", "start", "corosync", "pacemaker", timeout_s=300)
    _whole(alone)
    assert alone.boot_id(victim) == boot
    assert diff(alone).actions == {}


def test_by_hand(alone: Lab) -> None:
    victim, _ = _idle(alone)
    boot, others = alone.boot_id(victim), _boots(alone, victim)
    done = alone.run(str(HALAB), "fence", victim, "--method", "watchdog", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)
    assert said["device"] == "watchdog"
    assert said["proof"] in ("reset", "another boot")
    _back(alone, victim, boot, others)
    assert diff(alone).actions == {}, "the levels are as before"
    refused = alone.run(str(HALAB), "fence", victim, "--method", "watchdog", "--off")
    assert refused.returncode == 1
    assert "cannot leave it off" in refused.stderr


def test_what_is_changed_by_hand_shows(alone: Lab) -> None:
    """One after the other: where sbd does not run, Pacemaker ends for good when it sees another time."""
    boots = {node: alone.boot_id(node) for node in alone.nodes}
    alone.ask("node1", "crm_attribute", "--name", _COUNTED, "--update", "900s")
    assert set(diff(alone).actions) == {"halab_cluster_property.stonith_watchdog_timeout"}
    alone.deploy()
    alone.ask("node2", "systemctl", "kill", "--kill-whom=main", "--signal=TERM", "sbd")
    state = cmd("systemctl", "is-active", "sbd", ok=(0, 3))
    alone.until("the end of sbd", lambda: alone.host("node2").ask(state).rc != 0)
    assert set(diff(alone).actions) == {"halab_sbd.node2_sbd"}
    alone.deploy()
    assert {node: alone.boot_id(node) for node in alone.nodes} == boots
    assert diff(alone).actions == {}


def test_to_other_methods_and_back_and_nobody_restarts(alone: Lab, environment: dict[str, str]) -> None:
    boots = {node: alone.boot_id(node) for node in alone.nodes}
    for levels in ("redfish,watchdog", "redfish,sbd", "redfish,watchdog", "redfish"):
        other = Lab({**environment, **_LEVELS, "HALAB_FENCING_LEVELS": levels})
        other.deploy()
        _whole(other)
        assert bool(_property(other)) is ("watchdog" in levels), levels
        if "sbd" in levels:
            assert all(len(_watched(other, node)) == 3 for node in other.nodes), "Pacemaker, Corosync and the disk"
        assert diff(other).actions == {}, levels
    alone.deploy()
    _whole(alone)
    assert {node: alone.boot_id(node) for node in alone.nodes} == boots
    assert diff(alone).actions == {}


def test_a_node_comes_and_goes(alone: Lab, environment: dict[str, str]) -> None:
    boots = {node: alone.boot_id(node) for node in alone.nodes}
    four = Lab({**environment, **_WATCHDOG, "HALAB_NODE_COUNT": "4"})
    four.deploy()
    _whole(four)
    assert diff(four).actions == {}
    alone.deploy()
    _whole(alone)
    assert {node: alone.boot_id(node) for node in alone.nodes} == boots
    assert diff(alone).actions == {}
