"""A second way to fence: SBD, when the endpoint is dead, refuses the password, or hangs."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from halab.provider.fencing import power_process
from halab.provider.fencing.power_files import PowerFiles
from halab.provisioners.engine.command import cmd
from tests.e2e.lab import STATE, Lab
from tests.e2e.planned import diff

pytestmark = pytest.mark.long

_CUT = """nft add table inet trial
nft add chain inet trial in '{{ type filter hook input priority -10; }}'
nft add chain inet trial out '{{ type filter hook output priority -10; }}'
nft add rule inet trial in {protocol} sport {port} drop
nft add rule inet trial out {protocol} dport {port} drop"""
_SLOTS = 'sbd -d "$(sed -n s/^SBD_DEVICE=//p "$1")" list'
_SECRET = "/etc/halab/fencing-password"


@pytest.fixture(scope="module")
def levels(lab: Lab) -> Lab:
    lab.until("the site", lab.served_by)
    return lab


def _healthy(lab: Lab) -> None:
    """After a deploy, which has devices tried again that failed while the endpoint did not answer."""
    lab.reconnect()
    lab.deploy()
    everyone = set(lab.nodes)
    lab.until("all online for all", lambda: all(lab.online(node) == everyone for node in lab.nodes), deadline_s=600)
    lab.until("GFS2 everywhere", lab.all_mounted, deadline_s=600)
    lab.until("the site", lab.served_by)
    assert diff(lab).actions == {}


@contextlib.contextmanager
def _endpoint(lab: Lab, number: signal.Signals) -> Iterator[None]:
    """Its supervisor and its daemon get this signal; the deploy afterwards brings back what is dead."""
    config = PowerFiles(STATE / "fencing" / lab.settings.name).config
    victims = power_process.processes(config)
    assert len(victims) == 2
    for process in victims:  # the supervisor first: it would start the daemon again
        os.kill(process.pid, number)
    try:
        yield
    finally:
        if number == signal.SIGSTOP:
            for process in victims:
                os.kill(process.pid, signal.SIGCONT)


def _used(lab: Lab, target: str) -> Counter[tuple[str, str]]:
    """(device, how it ended) of what has fenced a node, as the others' logs have it."""
    pattern = rf"'reboot' \[[0-9]+\] targeting {target} using (\S+) (returned [0-9]+|could not be executed)"
    asked = ("journalctl", "--boot", "--quiet", "--output=cat", "--unit=pacemaker")
    logs = [lab.ask(node, *asked) for node in lab.nodes if node != target]
    return Counter(found for log in logs for found in re.findall(pattern, log))


def _fenced_by_the_second_level(used: Counter[tuple[str, str]], node: str) -> None:
    assert used[f"fence-{node}", "returned 0"] == 0
    assert f"fence-{node}" in {device for device, _ in used}, "the first level was tried"
    assert used["fence-sbd", "returned 0"] >= 1  # DLM may ask for it, too


def test_the_second_level_goes_and_comes_and_nobody_is_restarted(levels: Lab) -> None:
    boots = {node: levels.boot_id(node) for node in levels.nodes}
    one = Lab({**levels.environment, "HALAB_FENCING_METHOD": "redfish"})
    one.deploy()
    for node in levels.nodes:
        assert levels.ask(node, "pgrep", "--count", "--exact", "sbd", ok=(1,)).strip() == "0"
    levels.deploy()
    assert {node: levels.boot_id(node) for node in levels.nodes} == boots


def test_sbd_runs_beside_the_cluster_and_shows_when_it_does_not(levels: Lab) -> None:
    config = levels.settings.image.platform.sbd_config
    for node in levels.nodes:
        assert levels.ask(node, "systemctl", "is-active", "sbd", "corosync").split() == ["active", "active"]
        slots = [line.split() for line in levels.ask(node, "sh", "-euc", _SLOTS, "sh", config).splitlines()]
        assert {words[1]: words[2] for words in slots} == dict.fromkeys(levels.nodes, "clear")
    assert diff(levels).actions == {}
    boot = levels.boot_id("node3")
    levels.ask("node3", "systemctl", "kill", "--kill-whom=main", "--signal=TERM", "sbd")
    # Its unit asks a process to end that has ended: so it is "failed" then, not "inactive".
    state = cmd("systemctl", "is-active", "sbd", ok=(0, 3))
    levels.until("the end of sbd", lambda: levels.host("node3").ask(state).rc != 0)
    levels.ask("node3", "sh", "-euc", "cibadmin --delete --xpath \"//fencing-level[@target='node3'][@index='2']\"")
    assert set(diff(levels).actions) == {"halab_sbd.node3_sbd", "halab_fencing_level.node3_level2"}
    levels.deploy()
    assert levels.ask("node3", "systemctl", "is-active", "sbd").split() == ["active"]
    assert levels.boot_id("node3") == boot
    assert diff(levels).actions == {}


def test_the_endpoint_is_dead_and_the_active_node_crashes(levels: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    """The watchdog resets it, the disk tells the others when it counts as dead; the site goes on without a deploy."""
    active = levels.until("the site", levels.served_by)
    boot, before = levels.boot_id(active), _used(levels, active)
    with _endpoint(levels, signal.SIGKILL):
        began = time.monotonic()
        levels.crash(active)
        levels.until("end of service", lambda: levels.served_by() is None, deadline_s=60)
        levels.until("site on another node", lambda: levels.served_by() not in (None, active), deadline_s=600)
        with capfd.disabled():
            print(f"\nendpoint dead: site on another node after {time.monotonic() - began:.0f} s", flush=True)
        _fenced_by_the_second_level(_used(levels, active) - before, active)
        levels.until("another boot", lambda: levels.boot_id(active) not in (None, boot), deadline_s=600)
        everyone = set(levels.nodes)
        levels.until("three nodes", lambda: all(levels.online(n) == everyone for n in levels.nodes), deadline_s=600)
    _healthy(levels)


@pytest.mark.parametrize("how", ["wrong password", "hang"])
def test_the_first_level_is_broken(levels: Lab, how: str, capfd: pytest.CaptureFixture[str]) -> None:
    victim, others = "node2", ["node1", "node3"]
    boot, before = levels.boot_id(victim), _used(levels, victim)
    began = time.monotonic()
    fence = ("stonith_admin", "--reboot", victim, "--timeout", "600")
    if how == "wrong password":
        for node in others:
            levels.ask(node, "sed", "-i.kept", "s/echo '/echo 'x/", _SECRET)
        try:
            levels.ask("node1", *fence, timeout_s=700)
        finally:
            for node in others:
                levels.ask(node, "mv", f"{_SECRET}.kept", _SECRET)
    else:
        with _endpoint(levels, signal.SIGSTOP):
            levels.ask("node1", *fence, timeout_s=700)
    with capfd.disabled():
        print(f"\n{how}: {victim} fenced by SBD after {time.monotonic() - began:.0f} s", flush=True)
    _fenced_by_the_second_level(_used(levels, victim) - before, victim)
    levels.until("another boot", lambda: levels.boot_id(victim) not in (None, boot), deadline_s=600)
    _healthy(levels)


def test_a_node_lives_without_its_disk_and_not_without_disk_and_cluster(
    levels: Lab, capfd: pytest.CaptureFixture[str]
) -> None:
    """The endpoint is stopped meanwhile: nobody but the node's own watchdog resets it."""
    victim, boot = "node3", levels.boot_id("node3")

    def told() -> int:
        log = levels.ask(victim, "journalctl", "--boot", "--quiet", "--output=cat", "--unit=sbd")
        return log.count("surviving on pacemaker")

    def up_s() -> float:
        return float(levels.ask(victim, "cat", "/proc/uptime").split()[0])

    before = told()
    with _endpoint(levels, signal.SIGSTOP):
        levels.ask(victim, "sh", "-euc", _CUT.format(protocol="tcp", port=3260))
        levels.until("sbd without its disk", lambda: told() > before, deadline_s=80)
        lived_s = up_s() + 40  # longer than its watchdog waits
        levels.until("a longer life", lambda: up_s() > lived_s, deadline_s=80)
        assert levels.boot_id(victim) == boot
        began = time.monotonic()
        levels.ask(victim, "sh", "-euc", _CUT.format(protocol="udp", port=5405))
        levels.until("a mute node", lambda: levels.boot_id(victim) != boot, deadline_s=120)
        with capfd.disabled():
            print(f"\n{victim} without disk and cluster: gone after {time.monotonic() - began:.0f} s", flush=True)
        levels.until("another boot", lambda: levels.boot_id(victim) not in (None, boot), deadline_s=600)
    _healthy(levels)
