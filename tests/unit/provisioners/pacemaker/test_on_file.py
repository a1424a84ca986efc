"""Whole life cycles, with Pacemaker's own tools on a CIB in a file and its scheduler as the cluster."""

from __future__ import annotations

from dataclasses import replace

import pytest

from halab.provisioners.engine.errors import CommandFailed
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import converge, remove
from halab.provisioners.pacemaker.constraints import ColocatedWith, NodePreference, StartsAfter
from halab.provisioners.pacemaker.items import Clone, CloneItem, Group, GroupItem
from halab.provisioners.pacemaker.primitives import Member, Operation
from halab.provisioners.pacemaker.status import ClusterStatus, parse_status
from halab.provisioners.pacemaker.stonith import FencingLevel, FencingLevelItem, Stonith, StonithItem
from tests.unit.provisioners.pacemaker.conftest import FileCluster

LOCKING = Clone(
    cluster="summit",
    name="locking-clone",
    group_name="locking",
    meta={"interleave": "true"},
    primitives=(
        Member(
            name="dlm",
            agent="ocf:pacemaker:controld",
            operations=(Operation(name="monitor", interval="30s", on_fail="fence"),),
        ),
        Member(name="lvmlockd", agent="ocf:heartbeat:lvmlockd"),
    ),
)
WEB = Group(
    cluster="summit",
    name="web",
    primitives=(
        Member(name="ip", agent="ocf:heartbeat:IPaddr2", params={"ip": "192.0.2.10"}),
        Member(name="apache", agent="ocf:heartbeat:apache"),
    ),
    after=(StartsAfter(resource="locking-clone"),),
    colocations=(ColocatedWith(with_resource="locking-clone"),),
    locations=(NodePreference(node="node2", score="100"),),
)


def status(cluster: FileCluster) -> ClusterStatus:
    return parse_status(cluster.tool("crm_mon", "--output-as=xml"))


def test_clone_then_group_then_away(cluster: FileCluster, host: Host) -> None:
    assert converge(host, CloneItem(), None, LOCKING) == LOCKING
    assert converge(host, GroupItem(), None, WEB) == WEB
    cluster.verify()
    seen = status(cluster)
    assert [r.nodes for r in seen.instances("dlm")] == [("node1",), ("node2",), ("node3",)]
    assert [r.nodes for r in seen.instances("apache")] == [("node2",)]
    remove(host, GroupItem(), WEB)
    remove(host, CloneItem(), LOCKING)
    cluster.verify()
    left = cluster.tool("cibadmin", "--query", "--scope", "configuration")
    assert not [name for name in ("locking", "web", "apache") if name in left]


def test_the_scheduler_obeys_what_the_group_carries(cluster: FileCluster, host: Host) -> None:
    converge(host, CloneItem(), None, LOCKING)
    converge(host, GroupItem(), None, WEB)
    away = replace(WEB, locations=(NodePreference(node="node2", score="-INFINITY"), NodePreference(node="node3")))
    assert converge(host, GroupItem(), WEB, away) == away
    assert [r.nodes for r in status(cluster).instances("ip")] == [("node3",)]
    cluster.tool("crm_resource", "--ban", "--resource", "web", "--node", "node3")
    drifted = GroupItem().observe(Host(cluster), away)
    assert drifted is not None
    assert drifted.bans == ("cli-ban-web-on-node3",)
    host.shared.memo.drop()  # as in the process of the next run
    assert converge(host, GroupItem(), away, away) == away
    assert [r.nodes for r in status(cluster).instances("ip")] == [("node3",)]
    cluster.verify()


def test_nothing_starts_before_what_it_comes_after(cluster: FileCluster, host: Host) -> None:
    stopped = replace(LOCKING, meta={"interleave": "true", "target-role": "Stopped"})
    assert converge(host, CloneItem(), None, stopped) == stopped
    converge(host, GroupItem(), None, replace(WEB, wait=False))
    assert not any(r.active for name in ("dlm", "ip") for r in status(cluster).instances(name))
    converge(host, CloneItem(), stopped, LOCKING)
    assert all(r.settled for name in ("dlm", "lvmlockd", "ip") for r in status(cluster).instances(name))


def test_a_failure_ends_the_wait_with_its_reason(cluster: FileCluster, host: Host) -> None:
    cluster.fail = tuple(f"apache_start_0@{node}=5" for node in cluster.nodes)
    with pytest.raises(
        CommandFailed, match=r"start of web will not come.*start of apache failed on node.: not installed"
    ):
        converge(host, GroupItem(), None, replace(WEB, after=(), colocations=()))


def test_stonith_device_with_levels(cluster: FileCluster, host: Host) -> None:
    device = Stonith(
        cluster="summit",
        name="fence-node1",
        agent="fence_redfish",
        node="node1",
        machine="u-1",
        delay="5s",
        params={"ip": "192.0.2.1", "systems_uri": "/redfish/v1/Systems/u-1"},
        operations=(Operation(name="monitor", interval="60s"),),
        locations=(NodePreference(node="node1", score="-INFINITY"),),
    )
    level = FencingLevel(cluster="summit", node="node1", level=1, devices=("fence-node1",))
    assert converge(host, StonithItem(), None, device) == device
    assert converge(host, FencingLevelItem(), None, level) == level
    assert [r.nodes for r in status(cluster).instances("fence-node1")] != [("node1",)]
    cluster.verify()
    remove(host, FencingLevelItem(), level)
    remove(host, StonithItem(), device)
    cluster.verify()
    assert "fence-node1" not in cluster.tool("cibadmin", "--query", "--scope", "configuration")


def test_a_clone_that_has_failed_on_a_node_shows_and_is_tried_again(cluster: FileCluster, host: Host) -> None:
    converge(host, CloneItem(), None, LOCKING)
    cluster.tool("crm_simulate", "--xml-file", cluster.cib, "--quorum", "true", "--simulate", "--node-down", "node3",
                 "--save-output", cluster.cib)  # fmt: skip
    cluster.fail = ("lvmlockd_start_0@node3=5",)
    cluster.tool("crm_simulate", "--xml-file", cluster.cib, "--quorum", "true", "--simulate", "--node-up", "node3",
                 "--op-fail", cluster.fail[0], "--save-output", cluster.cib)  # fmt: skip
    host.shared.memo.drop()
    seen = CloneItem().observe(host, LOCKING)
    assert seen is not None
    assert seen.condition.startswith("start of lvmlockd failed on node3: not installed")
    assert replace(seen, condition="complete") == LOCKING
