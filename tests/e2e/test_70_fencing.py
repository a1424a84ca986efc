"""Power fencing. The crash at the end of the talk is a drill (test_75)."""

from __future__ import annotations

from functools import partial

import pytest

from halab.provisioners.engine.command import cmd
from tests.e2e.lab import Lab


def _fenced(lab: Lab, by: str = "node1") -> list[dict[str, str]]:
    """The cluster's history of fencing; a target that was away may have left something in it."""
    return [dict(event.attrib) for event in lab.status(by).iterfind("fence_history/fence_event")]


def test_devices_run_and_hold_no_password(lab: Lab) -> None:
    for node in lab.nodes:
        assert lab.runs_on(f"fence-{node}")
    cib = lab.ask("node1", "cibadmin", "--query")
    assert "ssl_insecure" not in cib
    assert 'name="password"' not in cib


def test_no_fencer_waited_in_vain_for_its_agent(lab: Lab) -> None:
    """It is silent meanwhile, and pacemakerd kills it for that."""
    told = lab.ask("node1", "fence_redfish", "-o", "metadata", timeout_s=300)
    asked = ("sh", "-euc", "echo action=metadata | fence_redfish")
    for node in lab.nodes:
        assert lab.ask(node, *asked) == told
        said = lab.ask(node, "journalctl", "--boot", "--quiet", "--output=cat", "--unit=pacemaker")
        assert "Starting Pacemaker fencer" in said
        assert "Could not retrieve metadata" not in said


@pytest.mark.long  # two minutes; the drill of a crash fences, too
def test_stonith_admin_power_cycles_exactly_that_node(lab: Lab) -> None:
    before = {node: lab.boot_id(node) for node in lab.nodes}
    history = _fenced(lab)
    lab.ask("node1", "stonith_admin", "--reboot", "node2", "--timeout", "120", timeout_s=180)
    lab.until("another boot of node2", lambda: lab.boot_id("node2") not in (None, before["node2"]), deadline_s=600)
    lab.heals()
    assert {node for node in lab.nodes if lab.boot_id(node) != before[node]} == {"node2"}
    new = [event for event in _fenced(lab) if event not in history]
    assert [(e["action"], e["target"], e["status"]) for e in new] == [("reboot", "node2", "success")], new


@pytest.mark.long  # 40 s; the drill of a blink pauses I/O, too
def test_reboot_of_the_target_only_pauses_io(lab: Lab) -> None:
    before = {node: lab.boot_id(node) for node in [*lab.nodes, "target"]}
    lab.attempt("target", cmd("systemctl", "reboot"))
    lab.until(
        "another boot of the target", lambda: lab.boot_id("target") not in (None, before["target"]), deadline_s=600
    )
    for node in lab.nodes:
        write = cmd("sh", "-euc", f"echo back > /var/www/html/{node}; sync /var/www/html/{node}", timeout_s=200)
        lab.until(f"writing on {node}", partial(lab.attempt, node, write))
        assert "withdraw" not in lab.ask(node, "journalctl", "-b", "-k", "--no-pager")
    lab.heals()
    assert {node: lab.boot_id(node) for node in lab.nodes} == {n: before[n] for n in lab.nodes}, "nobody was fenced"
