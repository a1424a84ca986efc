"""Every type in the CIB against a real Pacemaker: made, looked at, drifted, mended, changed, removed."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import Item, converge, remove
from halab.provisioners.pacemaker.constraints import NodePreference, StartsAfter
from halab.provisioners.pacemaker.forget import LookAgain
from halab.provisioners.pacemaker.items import Clone, CloneItem, Group, GroupItem, Primitive, PrimitiveItem
from halab.provisioners.pacemaker.primitives import Member, Operation
from halab.provisioners.pacemaker.settings import (
    ClusterProperty,
    ClusterPropertyItem,
    Colocation,
    ColocationItem,
    Location,
    LocationItem,
    Order,
    OrderItem,
)
from halab.provisioners.pacemaker.status import STATUS_COMMAND, parse_status
from halab.provisioners.pacemaker.stonith import FencingLevel, FencingLevelItem, Stonith, StonithItem
from tests.pacemaker.cluster import RealCluster, until

pytestmark = pytest.mark.long

CLUSTER, DUMMY = "pen", "ocf:pacemaker:Dummy"
MONITOR = Operation(name="monitor", interval="10s", timeout="20s")


def dummy(name: str) -> Member:
    return Member(name=name, agent=DUMMY, operations=(MONITOR,))


def alone(name: str) -> Primitive:
    return Primitive(cluster=CLUSTER, name=name, agent=DUMMY, operations=(MONITOR,))


DEVICE = Stonith(
    cluster=CLUSTER,
    name="pen",
    agent="fence_pen",
    node="node1",
    delay="node1:3s;node2:0s",
    operations=(Operation(name="monitor", interval="60s"),),
    locations=(NodePreference(node="node1", score="-INFINITY"),),
)


@dataclass(frozen=True)
class Case:
    """A type: what it is about, as it is made, as it is changed to, and what somebody types meanwhile."""

    item: Item[Any]
    made: Any
    changed: Any
    by_hand: tuple[str, ...]
    stands_on: tuple[tuple[Item[Any], Any], ...] = ()


_TWO = ((PrimitiveItem(), alone("one")), (PrimitiveItem(), alone("two")))
CASES = {
    "property": Case(
        ClusterPropertyItem(),
        ClusterProperty(cluster=CLUSTER, name="no-quorum-policy", value="freeze"),
        ClusterProperty(cluster=CLUSTER, name="no-quorum-policy", value="stop"),
        ("crm_attribute", "--name", "no-quorum-policy", "--update", "ignore"),
    ),
    "primitive": Case(
        PrimitiveItem(),
        alone("one"),
        replace(alone("one"), params={"fake": "value"}, meta={"migration-threshold": "3"}),
        (
            "crm_resource",
            "--resource",
            "one",
            "--meta",
            "--set-parameter",
            "target-role",
            "--parameter-value",
            "Stopped",
        ),
    ),
    "group": Case(
        GroupItem(),
        Group(cluster=CLUSTER, name="web", primitives=(dummy("ip"), dummy("httpd")), meta={"priority": "10"}),
        Group(
            cluster=CLUSTER, name="web", primitives=(dummy("ip"), dummy("httpd"), dummy("log")), meta={"priority": "9"}
        ),
        ("crm_resource", "--resource", "web", "--ban", "--node", "node1"),
    ),
    "clone": Case(
        CloneItem(),
        Clone(cluster=CLUSTER, name="all-clone", primitives=(dummy("all"),), meta={"interleave": "true"}),
        Clone(
            cluster=CLUSTER,
            name="all-clone",
            primitives=(dummy("all"),),
            meta={"interleave": "true"},
            locations=(NodePreference(node="node2", score="5"),),
            after=(StartsAfter(resource="one"),),
        ),
        (
            "crm_resource",
            "--resource",
            "all-clone",
            "--meta",
            "--set-parameter",
            "interleave",
            "--parameter-value",
            "no",
        ),
        _TWO[:1],
    ),
    "stonith": Case(
        StonithItem(),
        DEVICE,
        replace(DEVICE, delay="node1:5s;node2:1s", meta={"resource-stickiness": "1"}),
        ("crm_resource", "--resource", "pen", "--set-parameter", "pcmk_delay_base", "--parameter-value", "node1:9s"),
    ),
    "fencing level": Case(
        FencingLevelItem(),
        FencingLevel(cluster=CLUSTER, node="node1", level=1, devices=("pen",)),
        FencingLevel(cluster=CLUSTER, node="node1", level=1, devices=("pen", "other")),
        ("cibadmin", "--modify", "--xml-text", "<fencing-level id='fl-node1-1' devices='other'/>"),
        ((StonithItem(), DEVICE), (StonithItem(), replace(DEVICE, name="other"))),
    ),
    "location": Case(
        LocationItem(),
        Location(cluster=CLUSTER, resource="one", node="node2", score="100"),
        Location(cluster=CLUSTER, resource="one", node="node2", score="-INFINITY"),
        ("cibadmin", "--delete", "--force", "--xpath", "//rsc_location"),
        _TWO[:1],
    ),
    "colocation": Case(
        ColocationItem(),
        Colocation(cluster=CLUSTER, resource="two", with_resource="one", score="INFINITY"),
        Colocation(cluster=CLUSTER, resource="two", with_resource="one", score="-INFINITY"),
        ("cibadmin", "--delete", "--force", "--xpath", "//rsc_colocation"),
        _TWO,
    ),
    "order": Case(
        OrderItem(),
        Order(cluster=CLUSTER, first="one", then="two"),
        Order(cluster=CLUSTER, first="one", then="two", kind="Optional"),
        ("cibadmin", "--delete", "--force", "--xpath", "//rsc_order"),
        _TWO,
    ),
}


def test_it_is_that_pacemaker(cluster: RealCluster) -> None:
    root = cluster.status("node1")
    dc = None if root is None else root.find("summary/current_dc")
    assert dc is not None
    assert dc.get("version", "").startswith(f"{cluster.system.pacemaker}.")


@pytest.mark.parametrize("name", CASES)
def test_the_life_of(cluster: RealCluster, name: str) -> None:
    case, node = CASES[name], cluster.nodes["node1"]
    before = configuration(cluster)
    host = fresh(cluster)
    for item, spec in case.stands_on:
        assert converge(host(), item, None, spec) == spec
    item = case.item
    assert item.observe(host(), case.made) is None
    assert converge(host(), item, None, case.made) == case.made
    assert item.observe(host(), case.made) == case.made, "a plan shows nothing"
    node.ask(*case.by_hand)
    assert item.observe(host(), case.made) != case.made, "it shows in a plan"
    assert converge(host(), item, case.made, case.made) == case.made
    assert converge(host(), item, case.made, case.changed) == case.changed
    assert node.ask("crm_verify", "--live-check", "-V") == ""
    remove(host(), item, case.changed)
    assert item.observe(host(), case.changed) is None
    for item, spec in reversed(case.stands_on):
        remove(host(), item, spec)
    assert configuration(cluster) == before, "nothing is left behind"


@pytest.mark.parametrize("node", ["node1", "node2"])
def test_what_it_did_while_nobody_managed_it_is_no_failure(cluster: RealCluster, node: str) -> None:
    """It would be answered by fencing the node, as the file system's failures are."""
    watched = Operation(name="monitor", interval="1s", timeout="20s", on_fail="fence")
    member = replace(dummy("all"), operations=(watched,))
    managed = Clone(cluster=CLUSTER, name="all-clone", primitives=(member,))
    left_alone = replace(managed, primitives=(replace(member, meta={"is-managed": "false"}),))
    host, item = fresh(cluster), CloneItem()
    assert converge(host(), item, None, managed) == managed
    assert converge(host(), item, managed, left_alone) == left_alone
    cluster.nodes[node].ask("crm_resource", "--resource", "all", "--force-stop")
    until("its failure", lambda: parse_status(cluster.nodes["node1"].ask(*STATUS_COMMAND.argv)).fail_counts)
    assert converge(host(), item, left_alone, managed) == managed
    seen = parse_status(cluster.nodes["node1"].ask(*STATUS_COMMAND.argv))
    assert {name for r in seen.instances("all") for name in r.nodes} == set(cluster.names)
    assert (seen.failures, seen.fail_counts, seen.fencing) == ((), (), ())
    assert cluster.fenced == []
    remove(host(), item, managed)


def test_each_node_looks_again_at_a_member_of_a_cloned_group(cluster: RealCluster) -> None:
    """Looking takes a while here: what a node has not yet looked at must not keep the next node from being asked."""
    slow = replace(dummy("late"), params={"op_sleep": "2"})
    group = Clone(cluster=CLUSTER, name="pair-clone", group_name="pair", primitives=(dummy("early"), slow))
    left_alone = replace(group, primitives=(dummy("early"), replace(slow, meta={"is-managed": "false"})))
    host, item = fresh(cluster), CloneItem()
    assert converge(host(), item, None, group) == group
    assert converge(host(), item, group, left_alone) == left_alone
    before = {node: call_ids(cluster, node, "late") for node in cluster.names}
    host().do(LookAgain("late"))
    for node in cluster.names:
        assert before[node], node
        assert not before[node] & call_ids(cluster, node, "late"), node
    assert converge(host(), item, left_alone, group) == group
    assert cluster.fenced == []
    remove(host(), item, group)


def call_ids(cluster: RealCluster, node: str, primitive: str) -> set[str]:
    """What the cluster remembers of it: a node never gives a number twice."""
    root = ET.fromstring(cluster.nodes["node1"].ask("cibadmin", "--query", "--scope", "status"))
    done = root.iterfind(f"node_state[@uname='{node}']//lrm_resource[@id='{primitive}']/lrm_rsc_op")
    return {operation.attrib["call-id"] for operation in done if operation.get("op-status") != "-1"}


def fresh(cluster: RealCluster) -> Callable[[], Host]:
    """Hosts that remember nothing, as in the process of the next run."""
    return lambda: cluster.host("node1")


def configuration(cluster: RealCluster) -> list[tuple[str, ...]]:
    """Resources, constraints, levels and options, but for empty sets."""
    root = ET.fromstring(cluster.nodes["node1"].ask("cibadmin", "--query", "--scope", "configuration"))
    kinds = ("nvpair", "primitive", "group", "clone", "rsc_location", "rsc_colocation", "rsc_order", "fencing-level")
    return sorted((e.tag, *map(str, e.attrib.values())) for e in root.iter() if e.tag in kinds)
