"""`halab fence`: each method fired by hand at a real node, and the lab is as before."""

from __future__ import annotations

import json

import pytest

from tests.e2e.lab import HALAB, Lab
from tests.e2e.planned import diff

pytestmark = pytest.mark.long


def test_each_method_is_fired_once(lab: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    lab.until("the site", lab.served_by)
    boots = {node: lab.boot_id(node) for node in lab.nodes}
    done = lab.run(str(HALAB), "fence", "--test", "--yes", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(done.stdout)
    with capfd.disabled():
        print(f"\n{done.stderr}", flush=True)
    assert {row["device"] for row in rows} == {*(f"fence-{node}" for node in lab.nodes), "fence-sbd"}
    assert all(row["monitor_s"] is not None and not row["fault"] for row in rows)
    fired = {row["method"]: row["fired"] for row in rows if row["fired"]}
    assert {method: one["proof"] for method, one in fired.items()} == {"redfish": "stopped, started", "sbd": "reset"}
    lab.reconnect()
    (victim,) = {one["node"] for one in fired.values()}
    assert {node for node, boot in boots.items() if lab.boot_id(node) != boot} == {victim}
    assert lab.served_by() is not None
    assert diff(lab).actions == {}, "the levels are as before"


def test_as_the_cluster_would_and_who_did_it(lab: Lab) -> None:
    victim = next(node for node in reversed(lab.nodes) if node != lab.served_by())
    done = lab.run(str(HALAB), "fence", victim, "--json")
    assert done.returncode == 0, done.stderr
    fired = json.loads(done.stdout)
    assert (fired["device"], fired["by"]) == (None, [f"fence-{victim}"])
    lab.reconnect()
    lab.until("all online", lambda: lab.online() == set(lab.nodes), deadline_s=600)


def test_one_method_by_hand_and_a_node_left_off(lab: Lab) -> None:
    victim = next(node for node in reversed(lab.nodes) if node != lab.served_by())
    done = lab.run(str(HALAB), "fence", victim, "--method", "redfish", "--off", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["proof"] == "stopped"
    assert set(diff(lab).actions) == {f"halab_machine.{victim}"}
    lab.deploy()
    lab.until("all online", lambda: lab.online() == set(lab.nodes), deadline_s=600)
    refused = lab.run(str(HALAB), "fence", victim, "--method", "wti")
    assert refused.returncode == 1
    assert "These do: redfish (fence-" in refused.stderr
