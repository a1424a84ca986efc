"""Whole life cycles, with Pacemaker's own tools on a CIB in a file and its scheduler as the cluster."""

from __future__ import annotations

from halab.provisioners.host import Host
from halab.provisioners.item import converge, remove
from halab.provisioners.pacemaker.constraints import ColocatedWith, NodePreference, StartsAfter
from halab.provisioners.pacemaker.items import Clone, CloneItem, Group, GroupItem
from halab.provisioners.pacemaker.primitives import Member, Operation
from halab.provisioners.pacemaker.status import ClusterStatus, parse_status

from .conftest import FileCluster

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
