"""Fencing devices that ran on a lost node start elsewhere once it is fenced, on a real Pacemaker."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from halab.constructs.fenced import FENCE_META
from halab.provisioners.engine.item import converge
from halab.provisioners.pacemaker.status import parse_status
from halab.provisioners.pacemaker.stonith import Stonith, StonithItem
from tests.pacemaker.cluster import THREE, RealCluster, running, until
from tests.pacemaker.system import System

pytestmark = pytest.mark.long


@pytest.fixture
def three(debian: System, tmp_path: Path) -> Iterator[RealCluster]:
    """Three nodes, each with a device that fences it; all devices run."""
    with running(debian, tmp_path, THREE) as made:
        for name in made.names:
            device = Stonith(cluster="pen", name=f"fence-{name}", agent="fence_pen", node=name, meta={**FENCE_META})
            converge(made.host("node1"), StonithItem(), None, device)
        until("devices", lambda: len(homes(made)) == len(made.names))
        yield made


def homes(cluster: RealCluster, by: str = "node1") -> dict[str, str]:
    """Device -> the node on which it is started."""
    status = parse_status(cluster.nodes[by].ask("crm_mon", "--output-as=xml"))
    return {
        resource.id: resource.nodes[0]
        for resource in status.resources
        if resource.id.startswith("fence-") and resource.role == "Started"
    }


def waits_for_fencing(cluster: RealCluster, device: str, lost: str) -> bool:
    """Whether the scheduler would start it only after the fencing of that node."""
    graph = cluster.nodes["node1"].ask(
        "sh",
        "-euc",
        f"crm_simulate --live-check --node-fail={lost} --save-graph=/run/graph --simulate >&2; cat /run/graph",
    )
    for synapse in ET.fromstring(graph).iter("synapse"):
        starts = synapse.find(f"action_set/rsc_op[@operation='start']/primitive[@id='{device}']") is not None
        if starts:
            return synapse.find("inputs/trigger/crm_event[@operation='stonith']") is not None
    raise AssertionError(f"{device} is not started anew")


def test_a_device_of_a_lost_node_does_not_hold_up_its_fencing(three: RealCluster) -> None:
    lost, device = next((node, device) for device, node in homes(three).items() if node != "node1")
    assert waits_for_fencing(three, device, lost)
    three.nodes["node1"].ask("crm_resource", "--resource", device, "--meta", "--delete-parameter", "requires")
    assert not waits_for_fencing(three, device, lost), "what the lab sets is what makes it wait"
    three.nodes["node1"].ask(
        "crm_resource", "--resource", device, "--meta", "--set-parameter", "requires", "--parameter-value", "fencing"
    )
    three.power_off(lost)
    until("fencing", lambda: [target for target, _ in three.fenced] == [lost])
    until("start elsewhere", lambda: homes(three).get(device, lost) != lost)
