import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from halab.provisioners.corosync.conf import Member, render_corosync_conf
from halab.provisioners.corosync.leaving import Stop
from halab.provisioners.engine.command import Command, Result
from halab.provisioners.engine.errors import CommandFailed, TimedOut
from halab.provisioners.engine.host import Host, Pace
from halab.provisioners.engine.platform import DEBIAN_13
from halab.provisioners.engine.steps import Run
from halab.provisioners.pacemaker.cluster_node import ClusterNode, ClusterNodeItem, Drain, PowerOff

DATA = Path(__file__).parents[3] / "data"
CRM_MON = (DATA / "corosync" / "crm_mon-3-online.xml").read_text()
NOT_CONNECTED = (DATA / "pacemaker" / "crm_mon-3.0-not-connected.xml").read_text()
ITEM = ClusterNodeItem()
NODE = ClusterNode(machine="uuid", cluster="summit", name="node3")
ON_NODE3 = (
    '<resources><resource id="ip" resource_agent="x" role="Started" active="true" orphaned="false" blocked="false" '
    'managed="{}" failed="false" nodes_running_on="1"><node name="node3" id="3" cached="true"/></resource></resources>'
)


def flagged(name: str, **flags: str) -> str:
    """crm_mon's XML with other flags on one node."""
    head, tail = CRM_MON.split(f'<node name="{name}" ')
    node, rest = tail.split("/>", 1)
    for flag, value in flags.items():
        assert f' {flag}="' in node
        before, after = node.split(f' {flag}="')
        node = f'{before} {flag}="{value}"{after[after.index(chr(34)) + 1 :]}'
    return f'{head}<node name="{name}" {node}/>{rest}'


def with_resource(xml: str, managed: str = "true") -> str:
    return xml.replace("<resources/>", ON_NODE3.format(managed)) if "<resources/>" in xml else _put(xml, managed)


def _put(xml: str, managed: str) -> str:
    return xml.replace("</nodes>", "</nodes>" + ON_NODE3.format(managed))


def words(now: ClusterNode | None, wanted: ClusterNode | None) -> list[str]:
    return [str(step) for step in ITEM.steps(DEBIAN_13, now, wanted)]


@pytest.mark.parametrize(
    ("rc", "xml", "seen"),
    [
        (0, CRM_MON, NODE),
        (0, flagged("node3", standby="true"), replace(NODE, standby=True)),
        (0, flagged("node3", maintenance="true"), replace(NODE, maintenance=True)),
        (0, flagged("node2", standby="true"), NODE),
        (102, NOT_CONNECTED, NODE),  # nothing is to be seen where the cluster does not run
        (0, flagged("node3", online="false", standby="true"), NODE),
        (0, flagged("node3", pending="true", standby="true"), NODE),  # how a node is shown that still joins
    ],
)
def test_observe(rc: int, xml: str, seen: ClusterNode) -> None:
    assert ITEM.observe(Host(Cluster([(rc, xml)]), platform=DEBIAN_13), NODE) == seen


def test_steps() -> None:
    settled = [
        "wait for node3 out of standby",
        "wait for cluster at rest, after a change of node3",
        "wait for end of all operations",
    ]
    assert words(NODE, NODE) == []
    take_back, *rest = ITEM.steps(DEBIAN_13, replace(NODE, standby=True), NODE)
    assert isinstance(take_back, Run)
    assert take_back.command.argv[4:] == ("node3", "standby")
    subprocess.run(["sh", "-n", "-c", take_back.command.argv[2]], check=True)
    assert [str(step) for step in rest] == settled
    assert words(NODE, replace(NODE, standby=True))[0] == (
        "crm_attribute --node node3 --name standby --lifetime forever --update true"
    )
    assert words(NODE, None) == ["drain node3", "leave the cluster summit"]
    assert [str(step) for step in ITEM.steps_elsewhere(NODE)] == ["fence node3, which does not answer"]


class Cluster:
    """A transport: crm_mon answers in turn, the last answer for ever; whatever else is asked is noted and succeeds."""

    name = "node1"

    def __init__(self, mon: list[tuple[int, str]], nodes: int = 3) -> None:
        self.mon, self.asked, self.leaving = mon, list[str](), set[str]()
        members = [Member(name=f"node{n}", address=f"10.0.0.{n}", node_id=n) for n in range(1, nodes + 1)]
        self.conf = render_corosync_conf("summit", None, members)

    def run(self, command: Command, timeout_s: float) -> Result:
        del timeout_s
        probe = command.what == "ask crm_mon, and who else is leaving"
        if command.argv[0] == "crm_mon" or probe:
            rc, xml = self.mon.pop(0) if len(self.mon) > 1 else self.mon[0]
            return Result(command, rc, f"{xml}\036{' '.join(self.leaving)}" if probe else xml, "")
        if command.argv[0] == "cat":
            return Result(command, 0, self.conf, "")
        self.asked.append(str(command))
        return Result(command, 0, "", "")

    def put(self, path: str, content: bytes, mode: int, owner: str) -> None:
        raise AssertionError(path)


def host(cluster: Cluster) -> Host:
    now = [0.0]

    def pause(seconds: float) -> bool:
        now[0] += seconds
        return False

    return Host(cluster, platform=DEBIAN_13, pace=Pace(clock=lambda: now[0], pause=pause))


STANDBY = "crm_attribute --node node3 --name standby --lifetime reboot --update on"
NO_STANDBY = "crm_attribute --node node3 --name standby --lifetime reboot --delete"


def test_a_node_is_emptied_before_it_leaves() -> None:
    cluster = Cluster(
        [(0, with_resource(CRM_MON)), (0, with_resource(CRM_MON)), (0, with_resource(CRM_MON)), (0, CRM_MON)]
    )
    host(cluster).do(Drain("node3"))
    assert cluster.asked == [STANDBY]


def test_what_cannot_be_moved_keeps_the_node_in_the_cluster() -> None:
    cluster = Cluster([(0, with_resource(CRM_MON, managed="false"))])
    with pytest.raises(CommandFailed, match="ip cannot be stopped there"):
        host(cluster).do(Drain("node3"))
    assert cluster.asked == [STANDBY, NO_STANDBY]


def test_the_last_node_that_makes_the_quorum_stays() -> None:
    """Whoever is to leave must not leave behind a cluster that stands still."""
    cluster = Cluster([(0, flagged("node2", online="false"))])
    with pytest.raises(TimedOut, match="only node1 would be left, 2 nodes make a quorum"):
        host(cluster).do(Drain("node3"))
    assert cluster.asked == []


def test_when_all_leave_at_once_nobody_waits_for_anybody() -> None:
    """A new image for all machines, say: whatever ran there goes with them."""
    cluster = Cluster([(0, with_resource(flagged("node1", online="false")))])
    cluster.leaving = {"node2"}
    host(cluster).do(Drain("node3"))
    assert cluster.asked == []
    # The others went while this one was being emptied: without quorum nothing can be stopped any more.
    gone = flagged("node1", online="false")
    assert gone.count('online="true"') == 2
    both = gone.replace('name="node2" id="2" online="true"', 'name="node2" id="2" online="false"')
    cluster = Cluster([*[(0, with_resource(CRM_MON))] * 4, (0, with_resource(both))])
    host(cluster).do(Drain("node3"))
    assert cluster.asked == [STANDBY]


@pytest.mark.parametrize("answer", [(102, NOT_CONNECTED), (0, flagged("node3", online="false"))])
def test_a_node_that_takes_no_part_is_not_drained(answer: tuple[int, str]) -> None:
    cluster = Cluster([answer])
    host(cluster).do(Drain("node3"))
    assert cluster.asked == []


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ([(0, flagged("node3", online="false"))], []),
        ([(0, CRM_MON), (0, flagged("node3", online="false"))], ["stonith_admin --fence node3 --timeout 300"]),
        (
            [(0, flagged("node3", online="false", unclean="true")), (0, flagged("node3", online="false"))],
            ["stonith_admin --fence node3 --timeout 300"],
        ),
    ],
)
def test_a_mute_node_is_fenced_unless_it_is_known_to_be_off(answers: list[tuple[int, str]], asked: list[str]) -> None:
    cluster = Cluster(answers)
    host(cluster).do(PowerOff("node3"))
    assert cluster.asked == asked


def test_stopping(guest_host: Callable[..., Any]) -> None:
    asked, guest = guest_host("")
    asked.do(Stop(120, "leave the cluster summit"))
    (command,) = guest.asked
    subprocess.run(["sh", "-n", "-c", command.argv[2]], check=True)
    assert command.argv[4:] == ("120",)
    assert "rm " not in command.argv[2], "its configuration is its membership's to remove"
