"""Two nodes that lose sight of each other: both go on, each has the other fenced, and the one that serves wins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from halab.provisioners.engine.item import converge
from halab.provisioners.pacemaker.await_state import NEXT_ACTIONS, next_node_actions
from halab.provisioners.pacemaker.constraints import NodePreference
from halab.provisioners.pacemaker.drain import at_rest
from halab.provisioners.pacemaker.items import Group, GroupItem
from halab.provisioners.pacemaker.primitives import Member
from halab.provisioners.pacemaker.settings import ClusterProperty, ClusterPropertyItem
from halab.provisioners.pacemaker.stonith import Stonith, StonithItem
from tests.pacemaker.cluster import RealCluster, running, until
from tests.pacemaker.system import System

pytestmark = pytest.mark.long

# As the lab has them on KVM, in seconds: node1's own delay, and twice that for the one that serves.
_DELAY_S = 5


@pytest.fixture
def pair(debian: System, tmp_path: Path) -> Iterator[RealCluster]:
    """Its nodes do not live long."""
    with running(debian, tmp_path) as made:
        yield made


def fencing(pair: RealCluster) -> None:
    """A device for each node, as the lab has them."""
    host = pair.host("node1")
    delay = ClusterProperty(cluster="pen", name="priority-fencing-delay", value=f"{2 * _DELAY_S}s")
    assert converge(host, ClusterPropertyItem(), None, delay) == delay
    for name in pair.names:
        device = Stonith(
            cluster="pen",
            name=f"fence-{name}",
            agent="fence_pen",
            node=name,
            delay=f"{_DELAY_S}s" if name == "node1" else None,
            locations=(NodePreference(node=name, score="-INFINITY"),),
        )
        assert converge(host, StonithItem(), None, device) == device


@pytest.mark.parametrize("serving", ["node1", "node2"])
def test_the_node_that_serves_survives(pair: RealCluster, serving: str) -> None:
    fencing(pair)
    (other,) = (name for name in pair.names if name != serving)
    site = Group(
        cluster="pen",
        name="site",
        primitives=(Member(name="httpd", agent="ocf:pacemaker:Dummy"),),
        meta={"priority": "10", "resource-stickiness": "1"},
        locations=(NodePreference(node=serving, score="5"),),
    )
    assert converge(pair.host("node1"), GroupItem(), None, site) == site
    assert pair.runs("httpd", seen_by=serving) == serving
    pair.cut()
    until("fencing", lambda: pair.fenced)
    until("end of it", lambda: pair.nodes[other].process.poll() is not None)
    until("rest", lambda: pair.online(serving) == {serving})
    assert pair.fenced == [(other, serving)], "who was, and who asked"
    assert pair.runs("httpd", seen_by=serving) == serving


def test_where_none_serves_node1_survives(pair: RealCluster) -> None:
    fencing(pair)
    pair.cut()
    until("fencing", lambda: pair.fenced)
    until("rest", lambda: pair.online("node1") == {"node1"})
    assert pair.fenced == [("node2", "node1")]


def test_a_cluster_that_has_to_fence_is_not_at_rest(pair: RealCluster) -> None:
    fencing(pair)
    node = pair.nodes["node1"]
    rest = at_rest("in a test")
    assert rest.ready(node.run(NEXT_ACTIONS, 30))
    pair.hold_the_switch()
    pair.power_off("node2")
    until("loss of node2", lambda: next_node_actions(node.run(NEXT_ACTIONS, 30).stdout))
    seen = node.run(NEXT_ACTIONS, 30)
    assert not rest.ready(seen)
    assert rest.seen(seen).startswith("Fence (reboot) node2")
