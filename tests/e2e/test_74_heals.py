"""Failures that leave Pacemaker and Corosync in good health, and the site away: the cluster heals by itself."""

from __future__ import annotations

import os
import re
import signal
import time

import pytest

from halab.provider.fencing import power_process
from halab.provider.fencing.power_files import PowerFiles
from tests.e2e.lab import STATE, Lab, hypervisor
from tests.e2e.planned import diff
from tests.e2e.terraform_lab import unwrapped

pytestmark = pytest.mark.long

_CUT = """nft insert rule inet halab input tcp sport 3260 drop
nft add chain inet halab output '{ type filter hook output priority filter; }'
nft add rule inet halab output tcp dport 3260 drop"""
_FILE = "/var/www/html/written-before"


@pytest.fixture(autouse=True)
def written(lab: Lab) -> None:
    lab.until("the site", lab.served_by)
    lab.ask("node1", "sh", "-euc", f"echo precious > {_FILE}; sync {_FILE}")


def _healthy(lab: Lab) -> None:
    lab.reconnect()
    everyone = set(lab.nodes)
    lab.until("all online for all", lambda: all(lab.online(node) == everyone for node in lab.nodes), deadline_s=600)
    lab.until("GFS2 everywhere", lab.all_mounted, deadline_s=600)
    lab.until("the site", lab.served_by)
    lab.until("SBD's device, which Pacemaker tries again", lambda: lab.runs_on("fence-sbd"))
    for node in lab.nodes:
        assert lab.ask(node, "cat", _FILE) == "precious\n"
    assert diff(lab).actions == {}


def _fenced(lab: Lab, by: str) -> set[str]:
    events = lab.status(by).iterfind("fence_history/fence_event")
    return {event.get("target", "") for event in events if event.get("status") == "success"}


def test_a_node_that_loses_the_lun_is_fenced(lab: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    """Within the session's 120 s, a monitor's interval, and a failover."""
    active = lab.until("the site", lab.served_by)
    witness = next(node for node in lab.nodes if node != active)
    boot = lab.boot_id(active)
    lab.ask(active, "sh", "-euc", _CUT)
    began = time.monotonic()
    lab.until("site on another node", lambda: lab.served_by() not in (None, active), deadline_s=120 + 20 + 180)
    away = time.monotonic() - began
    with capfd.disabled():
        print(f"\niSCSI cut at {active}: another node serves the site after {away:.0f} s", flush=True)
    assert active in _fenced(lab, witness)
    lab.until("another boot", lambda: lab.boot_id(active) not in (None, boot), deadline_s=600)
    _healthy(lab)


def test_the_site_is_back_when_the_target_is(lab: Lab) -> None:
    """It is away for longer than the sessions wait: all nodes lose their file system."""
    boots = {node: lab.boot_id(node) for node in lab.nodes}
    with hypervisor() as connection:
        target = connection.lookupByName(f"{lab.settings.name}-target")
        target.destroy()
        lab.until("end of service", lambda: lab.served_by() is None, deadline_s=300)
        lab.until(
            "the first fenced node",
            lambda: any(lab.boot_id(node) not in (None, boots[node]) for node in lab.nodes),
            deadline_s=600,
        )
        target.create()
    lab.until("the site", lab.served_by, deadline_s=900)
    _healthy(lab)


def test_two_of_three_are_reset_at_once(lab: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    """Quorum is lost, so nobody is fenced; both come back, and neither is reset again or stays out."""
    active = lab.until("the site", lab.served_by)
    other = next(node for node in lab.nodes if node != active)
    boots = {node: lab.boot_id(node) for node in (active, other)}
    with hypervisor() as connection:
        for node in boots:
            connection.lookupByName(f"{lab.settings.name}-{node}").reset(0)
    began = time.monotonic()
    lab.until("end of service", lambda: lab.served_by() is None, deadline_s=60)
    lab.until("the site", lab.served_by, deadline_s=600)
    away = time.monotonic() - began
    with capfd.disabled():
        print(f"\n{active} and {other} reset: the site was away for {away:.0f} s", flush=True)
    for node, boot in boots.items():
        assert lab.boot_id(node) not in (None, boot)
    _healthy(lab)


def test_a_withdraw_shows_in_a_plan_with_its_remedy(lab: Lab) -> None:
    """For another reason than a lost device: the cluster does not notice."""
    active = lab.until("the site", lab.served_by)
    idle, witness = (node for node in lab.nodes if node != active)
    boot = lab.boot_id(idle)
    lab.ask(idle, "sh", "-euc", "echo 1 | tee /sys/fs/gfs2/*/withdraw")
    done = lab.run("npx", "cdktf", "diff")
    said = unwrapped(done.stdout + done.stderr)
    assert done.returncode == 0
    assert f"has withdrawn on {idle}" in said
    remedy = re.search(r"`(stonith_admin [^`]+)`", said)
    assert remedy is not None
    lab.ask(witness, *remedy[1].split(), timeout_s=300)
    lab.until("another boot", lambda: lab.boot_id(idle) not in (None, boot), deadline_s=600)
    _healthy(lab)


def _events(lab: Lab, by: str) -> set[tuple[str, str]]:
    """Target and outcome of each fencing, as this node knows them."""
    events = lab.status(by).iterfind("fence_history/fence_event")
    return {(event.get("target", ""), event.get("status", "")) for event in events}


def test_a_deploy_starts_the_dead_endpoint_and_the_crashed_node_is_fenced(
    lab: Lab, capfd: pytest.CaptureFixture[str]
) -> None:
    """With one way to fence: neither the endpoint's daemon nor its supervisor is there, and nothing fences."""
    one_way = Lab({**lab.environment, "HALAB_FENCING_METHOD": "redfish"})
    one_way.deploy()
    active = lab.until("the site", lab.served_by)
    witness = next(node for node in lab.nodes if node != active)
    boot = lab.boot_id(active)
    config = PowerFiles(STATE / "fencing" / lab.settings.name).config
    victims = power_process.processes(config)
    assert len(victims) == 2
    for process in victims:  # the supervisor first: it would start the daemon again
        os.kill(process.pid, signal.SIGKILL)
    lab.until("end of the endpoint", lambda: not power_process.processes(config), deadline_s=15)
    lab.crash(active)
    lab.until("a fencing that failed", lambda: (active, "failed") in _events(lab, witness), deadline_s=600)
    assert lab.served_by() is None
    began = time.monotonic()
    one_way.deploy()
    lab.until("the site", lab.served_by)
    with capfd.disabled():
        print(f"\nendpoint dead, {active} crashed: the site is back {time.monotonic() - began:.0f} s after", flush=True)
    assert (active, "success") in _events(lab, witness)
    assert lab.boot_id(active) not in (None, boot)
    lab.reconnect()
    lab.deploy()
    _healthy(lab)


def test_a_plan_while_nobody_fences(lab: Lab) -> None:
    """A node has no power, the one way to fence is dead: DLM waits though there is quorum, and a plan does not."""
    one_way = Lab({**lab.environment, "HALAB_FENCING_METHOD": "redfish"})
    one_way.deploy()
    active = lab.until("the site", lab.served_by)
    idle, witness = (node for node in lab.nodes if node != active)
    config = PowerFiles(STATE / "fencing" / lab.settings.name).config
    for process in power_process.processes(config):  # the supervisor first: it would start the daemon again
        os.kill(process.pid, signal.SIGKILL)
    lab.until("end of the endpoint", lambda: not power_process.processes(config), deadline_s=15)
    with hypervisor() as connection:
        connection.lookupByName(f"{lab.settings.name}-{idle}").destroy()
    lab.until("a fencing that failed", lambda: (idle, "failed") in _events(lab, witness), deadline_s=600)
    assert _with_quorum(lab, witness)
    done = one_way.run("npx", "cdktf", "diff")
    said = unwrapped(done.stdout + done.stderr)
    assert done.returncode == 0
    assert "DLM of cluster summit stands still (gfs0" in said
    assert said.count("the shared file system is not looked at") == 1
    one_way.deploy()
    lab.reconnect()
    lab.deploy()
    _healthy(lab)


def test_the_majority_is_gone_for_good(lab: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    """docs/runbook.md, "After quorum was lost": two machines with their disks; a deploy makes them anew."""
    lost, kept = lab.nodes[1:], lab.nodes[0]
    with hypervisor() as connection:
        pool = connection.storagePoolLookupByName(lab.settings.name)
        for node in lost:
            domain = connection.lookupByName(f"{lab.settings.name}-{node}")
            domain.destroy()
            domain.undefine()
            pool.storageVolLookupByName(f"{node}.qcow2").delete()
    lab.until("loss of quorum", lambda: not _with_quorum(lab, kept), deadline_s=300)
    boot, began = lab.boot_id(kept), time.monotonic()
    lab.deploy()
    lab.reconnect()
    with capfd.disabled():
        print(f"\n{' and '.join(lost)} gone for good: a deploy took {time.monotonic() - began:.0f} s", flush=True)
    _healthy(lab)
    assert lab.boot_id(kept) == boot, "who was left goes on"


def _with_quorum(lab: Lab, node: str) -> bool:
    dc = lab.status(node).find("summary/current_dc")
    return dc is not None and dc.get("with_quorum") == "true"
