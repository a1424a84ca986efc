from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from halab.provisioners.engine.command import Command, Result, cmd
from halab.provisioners.engine.errors import CommandFailed, TimedOut, UnexpectedOutput
from halab.provisioners.engine.host import Host, Pace, Polls, Transport
from halab.provisioners.pacemaker.await_state import (
    Expected,
    await_started,
    await_stopped,
    hopeless,
    missing,
    next_actions,
    stuck,
)
from halab.provisioners.pacemaker.status import (
    Ban,
    ClusterStatus,
    FailCount,
    FailedOperation,
    NodeStatus,
    ResourceStatus,
    parse_status,
)

DATA = Path(__file__).parents[3] / "data" / "pacemaker"
RUNNING, FAILED = (DATA / "crm_mon-2.1-running.xml").read_text(), (DATA / "crm_mon-3.0-failed.xml").read_text()
CLONE = Expected("k", ("a", "b"), None)
GROUP = Expected("g", ("a", "b"))
BOTH_NODES = Expected("k", ("a", "b"), 2)  # clone-max, as the lab's own file system has it


def node(name: str, **flags: bool) -> NodeStatus:
    flags = {key: flags.get(key, False) for key in ("standby", "maintenance", "pending", "unclean", "is_dc")}
    return NodeStatus(name=name, id=name, online=True, **flags)


def at(
    resource: str, *nodes: str, role: str = "Started", pending: str | None = None, target: str | None = None
) -> ResourceStatus:
    return ResourceStatus(
        id=resource, agent="x", role=role if nodes else "Stopped", active=bool(nodes), failed=False, blocked=False,
        managed=True, orphaned=False, pending=pending, target_role=target, nodes=nodes, within=("k",),
    )  # fmt: skip


def status(*resources: ResourceStatus, nodes: tuple[NodeStatus, ...] = (node("n1"), node("n2"))) -> ClusterStatus:
    return ClusterStatus(
        version="", dc="n1", with_quorum=True, maintenance_mode=False, stop_all_resources=False,
        symmetric=True, nodes=nodes, resources=resources, failures=(), fail_counts=(), bans=(), fencing=(),
    )  # fmt: skip


BOTH = (at("a", "n1"), at("a", "n2"), at("b", "n1"), at("b", "n2"))


@pytest.mark.parametrize(
    ("seen", "expected", "result"),
    [
        (status(at("a", "n1"), at("b", "n1")), GROUP, []),
        (status(at("a", "n1"), at("b")), GROUP, ["b does not run"]),
        (status(), GROUP, ["a does not run", "b does not run"]),
        (status(at("a", "n1", pending="Starting"), at("b")), GROUP, ["a does not run", "b does not run"]),
        (status(at("a", "n1", pending="Monitoring"), at("b", "n1")), GROUP, []),
        (status(at("a", "n1", role="Stopping"), at("b", "n1")), GROUP, ["a does not run"]),
        (status(at("a", "n1"), at("b", target="Stopped")), GROUP, []),
        (
            status(at("a", "n1"), at("b", "n1", target="Stopped")),
            GROUP,
            ["b still runs, although its target-role is Stopped"],
        ),
        (status(*BOTH), CLONE, []),
        (status(*BOTH[:3], at("b")), CLONE, ["b runs on 1 of 2 nodes"]),
        (status(*BOTH[:3], at("b"), nodes=(node("n1"), node("n2", standby=True))), CLONE, []),
        (status(*BOTH[:3], at("b"), nodes=(node("n1"), node("n2", pending=True))), CLONE, []),
        (replace(status(*BOTH[:3], at("b")), bans=(Ban("x", "k", "n2"),)), CLONE, []),
        (replace(status(*BOTH[:3], at("b")), symmetric=False), CLONE, []),
        (status(at("a", "n1"), at("b", "n1")), replace(CLONE, copies=1), []),
        (status(at("a", "n1", role="Promoted"), at("a", "n2", role="Unpromoted")), Expected("k", ("a",), None), []),
    ],
)  # fmt: skip
def test_missing(seen: ClusterStatus, expected: Expected, result: list[str]) -> None:
    assert list(missing(seen, expected)) == result


def failed(name: str, where: str, code: int = 1, task: str = "start") -> FailedOperation:
    return FailedOperation(name, where, task, code, "no such thing")


@pytest.mark.parametrize(
    ("failures", "spent", "expected", "gives_up"),
    [
        ((), (), GROUP, False),
        ((failed("a", "n1", 5),), (), GROUP, False),  # it may still run on n2
        ((failed("a", "n1", 5),), (), CLONE, True),
        ((failed("a", "n1", 6),), (), GROUP, True),
        ((failed("a", "n1"),), ("n1", "n2"), GROUP, True),
        ((failed("a", "n1", 5), failed("a", "n2", 5, "probe")), (), GROUP, True),
        ((failed("a", "n1"),), ("n1",), GROUP, False),
        ((failed("other", "n1", 6),), (), GROUP, False),
        ((failed("a", "n1", 1, "monitor"),), (), CLONE, False),
        ((failed("a", "n1", 5),), (), BOTH_NODES, True),  # a copy for each node, and one of them cannot have it
        ((failed("a", "n1"),), ("n1",), replace(CLONE, copies=5), True),
        ((failed("a", "n1", 5),), (), replace(CLONE, copies=1), False),
    ],
)
def test_hopeless(
    failures: tuple[FailedOperation, ...], spent: tuple[str, ...], expected: Expected, gives_up: bool
) -> None:
    seen = replace(
        status(at("a"), at("b")), failures=failures, fail_counts=tuple(FailCount("a", where, True) for where in spent)
    )
    said = hopeless(seen, expected)
    assert (said is not None) is gives_up
    assert said is None or ("start of a failed on n1: no such thing" in said and "pcs resource cleanup a" in said)


FAILED_B = replace(at("b", "n2"), failed=True)


@pytest.mark.parametrize(
    ("seen", "expected", "says"),
    [
        (status(*BOTH), CLONE, None),
        (status(*BOTH[:3], at("b")), CLONE, None),  # it is about to start there
        (
            replace(status(*BOTH[:3], at("b")), fail_counts=(FailCount("b", "n2", True),)),
            CLONE,
            "b has failed as often",
        ),
        (replace(status(*BOTH[:3], at("b")), failures=(failed("b", "n2", 5),)), CLONE, "start of b failed on n2"),
        (replace(status(*BOTH[:3], at("b")), failures=(failed("b", "n2", 5),)), BOTH_NODES, "start of b failed on n2"),
        (
            replace(status(*BOTH[:3], FAILED_B), failures=(failed("b", "n2", 7, "monitor"),)),
            CLONE,
            "monitor of b failed on n2: no such thing",
        ),
        (status(*BOTH[:3], replace(at("b", "n2"), blocked=True)), CLONE, "b has failed"),
        (replace(status(*BOTH[:3], at("b"), nodes=(node("n1"), node("n2", online=False)))), CLONE, None),
    ],
)
def test_stuck(seen: ClusterStatus, expected: Expected, says: str | None) -> None:
    """What a plan shows as `condition`: not what merely takes its time, and not what a missing node explains."""
    said = stuck(seen, expected)
    assert said == says if says is None else (said or "").startswith(says)
    assert "cleanup" not in (said or "")


def test_an_agent_that_is_not_there_is_hopeless_at_its_first_probe() -> None:
    assert "probe of nope failed on node1: not installed" in (
        hopeless(parse_status(FAILED), Expected("nope", ("nope",))) or ""
    )
    assert list(missing(parse_status(FAILED), Expected("c1-clone", ("c1a", "c1b"), None))) == []


@dataclass
class Mon:
    """Answers crm_mon with one text after the other, the last one for ever."""

    answers: list[str]
    name: str = "node1"
    commands: list[str] = field(default_factory=list)
    rc: int = 0

    def run(self, command: Command, timeout_s: float) -> Result:
        self.commands.append(str(command))
        del timeout_s
        if "crm_mon" not in str(command):
            return Result(command, 0, "", "")
        return Result(command, self.rc, self.answers.pop(0) if len(self.answers) > 1 else self.answers[0], "gone")

    def put(self, path: str, content: bytes, mode: int, owner: str) -> None:
        raise AssertionError


def host(mon: Transport) -> Host:
    now = [0.0]

    def pause(seconds: float) -> bool:
        now[0] += seconds
        return False

    return Host(mon, pace=Pace(clock=lambda: now[0], pause=pause))


WEB = Expected("web", ("ip", "apache"))


def test_waits_until_it_runs() -> None:
    stopped = RUNNING.replace('role="Started" active="true"', 'role="Stopped" active="false"')
    mon = Mon([stopped, stopped, RUNNING])
    host(mon).do(await_started(WEB, 60))
    assert len(mon.commands) == 3


def test_a_deadline_says_what_is_missing_in_words() -> None:
    banned = Expected("banned", ("banned",))
    with pytest.raises(TimedOut) as error:
        host(Mon([FAILED])).do(await_started(banned, 5))
    assert error.value.summary == "node1: no start of banned within 5 s"
    assert error.value.detail.endswith("banned does not run; it is banned from node1")


def test_a_cluster_that_stops_answering_is_waited_for() -> None:
    with pytest.raises(TimedOut, match="gone"):
        host(Mon(["<pacemaker-result/>"], rc=102)).do(await_started(WEB, 5))


def test_what_cannot_start_ends_the_wait() -> None:
    with pytest.raises(CommandFailed, match=r"start of nope will not come: probe of nope failed on node1"):
        host(Mon([FAILED])).do(await_started(Expected("nope", ("nope",)), 300))


@pytest.mark.parametrize(
    "text",
    [
        RUNNING.replace('<current_dc present="false"/>', '<current_dc present="true" with_quorum="false"/>'),
        RUNNING.replace('maintenance-mode="false"', 'maintenance-mode="true"'),
        RUNNING.replace('managed="true"', 'managed="false"'),
    ],
)
def test_what_cannot_be_stopped_now_is_not_waited_for(text: str) -> None:
    quorate = text if "<current_dc present=\"true\"" in text else text.replace(
        '<current_dc present="false"/>', '<current_dc present="true" with_quorum="true"/>')  # fmt: skip
    mon = Mon([quorate])
    host(mon).do(await_stopped("web", WEB.primitives, 60))
    assert len(mon.commands) == 1


def test_nothing_runs_where_the_cluster_was_stopped() -> None:
    mon = Mon(["<pacemaker-result/>"], rc=102)
    host(mon).do(await_stopped("web", WEB.primitives, 60))
    assert len(mon.commands) == 1


def test_a_stop_that_failed_ends_the_wait() -> None:
    text = RUNNING.replace('<current_dc present="false"/>', '<current_dc present="true" with_quorum="true"/>')
    with pytest.raises(TimedOut, match="ip is Started on node2"):
        host(Mon([text])).do(await_stopped("web", WEB.primitives, 3))
    with pytest.raises(CommandFailed, match="stop of web will not come"):
        host(Mon([text.replace('blocked="false"', 'blocked="true"')])).do(await_stopped("web", WEB.primitives, 3))


def test_next_actions() -> None:
    xml = (
        '<pacemaker-result><actions><rsc_action action="stop" resource="ip" node="node2"/>'
        '<rsc_action action="start" resource="dlm:0" node="n"/>'
        '<rsc_action action="start" resource="x" node="n" blocked="true"/></actions></pacemaker-result>'
    )
    assert next_actions(xml) == {"ip", "dlm"}
    with pytest.raises(UnexpectedOutput):
        next_actions("Transition Summary:")


def test_those_who_wait_share_an_answer() -> None:
    asked: list[Command] = []
    polls, probe, clock = Polls(), cmd("probe"), iter((1.0, 2.0))

    def newer(than: float) -> float:
        return polls.newer(than, probe, ask, lambda: next(clock))[0]

    def ask(command: Command) -> Result:
        asked.append(command)
        return Result(command, 0, "", "")

    assert [newer(0.0), newer(0.5), newer(1.0), newer(1.5)] == [1.0, 1.0, 2.0, 2.0]
    assert len(asked) == 2
