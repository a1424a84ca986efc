"""Taking a node out of service: what must be true before, what is waited for, what must run again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from halab.provisioners.engine.command import Result, cmd
from halab.provisioners.engine.errors import Conflict
from halab.provisioners.engine.steps import Await, Run
from halab.provisioners.pacemaker import drain
from halab.provisioners.pacemaker.status import ClusterStatus, FailedOperation, NodeStatus, parse_status
from tests.unit.provisioners.pacemaker.test_await_state import at, node, status

DATA = Path(__file__).parents[3] / "data" / "pacemaker"
RUNNING = (DATA / "crm_mon-2.1-running.xml").read_text()
OFF = NodeStatus("n3", "3", False, False, False, False, False, False)
THREE = (node("n1"), node("n2"), node("n3"))


def cluster(*nodes: NodeStatus, **changes: object) -> ClusterStatus:
    return replace(status(nodes=nodes), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seen", "two_node", "why"),
    [
        (cluster(*THREE), False, None),
        (cluster(*THREE[:2]), True, None),
        (cluster(*THREE[:1]), False, None),
        (cluster(*THREE[:2]), False, "only n2 would be left, 2 nodes make a quorum"),
        (cluster(*THREE[:2], OFF), False, "only n2 would be left, 2 nodes make a quorum"),
        (cluster(*THREE, with_quorum=False), False, "it has no quorum"),
        (cluster(*THREE, dc=None), False, "it has no quorum"),
        (cluster(*THREE, maintenance_mode=True), False, "maintenance mode"),
        (cluster(node("n1"), node("n2"), node("n3", pending=True)), False, "n3 is still joining"),
        (cluster(node("n1"), node("n2"), node("n3", unclean=True)), False, "n3 is unclean"),
        (cluster(node("n1"), node("n2", standby=True), node("n3", standby=True)), False, "no other node may run"),
        (cluster(node("n1"), node("n2"), node("n3", standby=True)), False, None),
    ],
)
def test_when_a_cluster_can_do_without_a_node(seen: ClusterStatus, two_node: bool, why: str | None) -> None:
    found = drain.needed(seen, "n1", two_node)
    assert (found is None) if why is None else (found is not None and why in found)


CLONED = (at("dlm", "n1"), at("dlm", "n2"), at("dlm", "n3"))


@pytest.mark.parametrize(
    ("seen", "primitives"),
    [
        (replace(status(*CLONED, at("ip", "n1"), at("fence", "n1")), nodes=THREE), ("dlm",)),
        (replace(status(at("dlm", "n1"), at("ip", "n1")), nodes=THREE[:1]), ("dlm", "ip")),  # the only node
        (replace(status(*CLONED[:2], at("ip", "n1")), nodes=THREE[:2]), ("dlm",)),
        (replace(status(*CLONED[1:]), nodes=THREE), ()),
    ],
)
def test_what_must_run_on_a_node_again(seen: ClusterStatus, primitives: tuple[str, ...]) -> None:
    assert drain.served(seen, "n1") == drain.Served("n1", primitives)


def test_a_node_that_takes_no_part_is_not_drained() -> None:
    assert drain.served(cluster(*THREE[:2], OFF), "n3") is None
    assert drain.served(cluster(*THREE), "elsewhere") is None


@pytest.mark.parametrize(
    ("seen", "lacks"),
    [
        (replace(status(*CLONED), nodes=THREE), ""),
        (replace(status(*CLONED[1:]), nodes=THREE), "dlm does not run on n1"),
        (replace(status(at("dlm", "n1", role="Starting")), nodes=THREE), "dlm does not run on n1"),
        (replace(status(*CLONED), nodes=(node("n1", pending=True), *THREE[1:])), "n1 is not available"),
        (replace(status(*CLONED), nodes=(node("n1", standby=True), *THREE[1:])), "n1 is not available"),
        (replace(status(*CLONED), nodes=THREE, with_quorum=False), "there is no quorum"),
    ],
)
def test_when_a_node_is_back(seen: ClusterStatus, lacks: str) -> None:
    assert drain.lacking(seen, drain.Served("n1", ("dlm",))) == lacks


def test_the_order_in_which_a_node_is_taken_out() -> None:
    steps = list(drain.take_out("n1", two_node=False))
    assert [str(step) for step in steps] == [
        "wait for cluster that can do without n1",
        "wait for cluster at rest, before n1 is taken out",
        "crm_attribute --node n1 --name standby --lifetime reboot --update on",
        "wait for node n1 without resources",
    ]
    assert isinstance(steps[2], Run)
    assert drain.end_standby("n1").argv[-1] == "--delete"


def answer(text: str, rc: int = 0) -> Result:
    return Result(cmd("crm_mon"), rc, text, "Not connected")


def test_waits_read_what_pacemaker_prints() -> None:
    names = [n.name for n in parse_status(RUNNING).nodes]
    leaving = drain.empty(names[0])
    assert not leaving.ready(answer(RUNNING))
    assert "still there" in leaving.seen(answer(RUNNING))
    assert drain.empty("nowhere").ready(answer(RUNNING))
    served = drain.Served(names[0], ())
    for wait in (leaving, drain.spare(names[0], False), drain.back(served), drain.at_rest("before it")):
        assert isinstance(wait, Await)
        assert not wait.ready(answer("", 102))
        assert "Not connected" in wait.seen(answer("", 102))


def test_a_node_is_spared_and_back_only_when_pacemaker_shows_it() -> None:
    name = parse_status(RUNNING).nodes[0].name
    dc = f'<current_dc present="true" version="2.1.5" name="{name}" id="1" with_quorum="true" mixed_version="false"/>'
    well = RUNNING.replace('<current_dc present="false"/>', dc)
    assert drain.spare(name, True).ready(answer(well))
    assert not drain.spare(name, True).ready(answer(RUNNING)), "it has no DC yet"
    assert drain.back(drain.Served(name, ())).ready(answer(well))
    assert not drain.back(drain.Served(name, ("gone",))).ready(answer(well))
    assert "gone does not run" in drain.back(drain.Served(name, ("gone",))).seen(answer(well))


@pytest.mark.parametrize("failed", ["", "node1"])
def test_after_a_node_that_did_not_come_back_no_other_one_is_taken_out(failed: str) -> None:
    if not failed:
        drain.refuse_unhealthy(failed, "node2")
        return
    with pytest.raises(Conflict, match="node2 was not restarted") as refused:
        drain.refuse_unhealthy(failed, "node2")
    assert "node1 did not come back" in refused.value.detail


# What a node's history says of a primitive that has failed there.
SPENT = (
    '<resource_history id="{}" orphan="false" migration-threshold="3" fail-count="{}" '
    'last-failure="Sun Nov 22 15:39:42 2026"/>'
)
FAILED = (DATA / "crm_mon-3.0-failed.xml").read_text()


@pytest.mark.parametrize(
    ("failed", "count", "node", "why"),
    [
        ("d1", 1000000, "node1", "d1 failed there.  Correct it, then apply again."),
        ("d1", 1, "node1", None),  # it is tried again
        ("ip", 1000000, "node1", None),  # it may stay elsewhere
        ("d1", 1000000, "node2", None),  # another node's
    ],
)
def test_a_node_whose_service_has_failed_for_good_is_not_waited_for(
    failed: str, count: int, node: str, why: str | None
) -> None:
    text = FAILED.replace('<node name="node1">', f'<node name="node1">{SPENT.format(failed, count)}')
    assert drain.back(drain.Served(node, ("dlm", "d1"))).failed(answer(text)) == why


def test_why_a_node_cannot_be_emptied_is_its_stops_own_word() -> None:
    stop, start = (FailedOperation("fs", "n1", task, 1, "it is busy") for task in ("stop", "start"))
    others = replace(stop, resource="ip")
    held = replace(at("fs", "n1"), blocked=True)
    seen = replace(status(held, at("ip", "n1"), replace(at("x", "n2"), blocked=True)), failures=(start, others, stop))
    assert drain.stuck(seen, "n1") == f"fs cannot be stopped there. {stop}"
    assert drain.stuck(replace(seen, resources=(at("fs", "n1"),)), "n1") is None


NOTHING = "<pacemaker-result><actions/></pacemaker-result>"
BUSY = (
    '<pacemaker-result><actions><rsc_action action="Start" resource="dlm:0" blocked="false"/></actions>'
    "</pacemaker-result>"
)


FENCES = (
    '<pacemaker-result><actions><node_action task="Fence (reboot)" node="node2" reason="peer is no longer part of the '
    'cluster"/></actions></pacemaker-result>'
)


def test_a_cluster_that_fences_is_not_at_rest() -> None:
    """Nothing may run there, so that no resource has to move."""
    rest = drain.at_rest("before it")
    assert not rest.ready(answer(FENCES))
    assert rest.seen(answer(FENCES)) == "Fence (reboot) node2"


def test_a_cluster_at_rest_has_no_action_left() -> None:
    rest = drain.at_rest("before it")
    assert rest.ready(answer(NOTHING))
    assert not rest.ready(answer(BUSY))
    assert "dlm" in rest.seen(answer(BUSY))
