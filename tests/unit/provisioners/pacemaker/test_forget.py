from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from halab.provisioners.engine.command import Command, Result
from halab.provisioners.engine.errors import TimedOut, UnexpectedOutput
from halab.provisioners.pacemaker.forget import ForgetFailures, LookAgain
from tests.unit.provisioners.pacemaker.test_await_state import FAILED, RUNNING, Mon, host

DATA = Path(__file__).parents[3] / "data" / "pacemaker"
COUNTED = (DATA / "crm_mon-2.1-failed.xml").read_text()


def acted(mon: Mon) -> list[str]:
    return [command for command in mon.commands if "crm_mon" not in command]


def anew(text: str, *calls: int) -> str:
    """The same, but these operations were carried out once more."""
    for call in calls:
        text = text.replace(f'call="{call}"', f'call="{call + 100}"')
    return text


def test_only_what_failed_is_cleaned_up() -> None:
    mon = Mon([FAILED, FAILED.replace('rc="5"', 'rc="0"')])
    host(mon).do(ForgetFailures("c1-clone", ("c1a", "c1b")))
    assert acted(mon) == []
    host(mon).do(ForgetFailures("nope", ("nope",)))
    assert acted(mon) == []
    mon = Mon([FAILED, anew(FAILED, 105)])
    host(mon).do(ForgetFailures("nope", ("nope",)))
    assert acted(mon) == ["crm_resource --cleanup --resource nope"]


ANSWERS = [
    pytest.param(ForgetFailures("nope", ("nope",)), FAILED, anew(FAILED, 105), id="failure"),
    pytest.param(
        ForgetFailures("apache", ("apache",)),
        COUNTED,
        anew(COUNTED.replace(' fail-count="1" last-failure="Sun Nov 22 15:17:01 2026"', ""), 2),
        id="fail count",
    ),
]


@pytest.mark.parametrize(("step", "known", "forgotten"), ANSWERS)
def test_it_waits_until_nothing_of_it_is_known(step: ForgetFailures, known: str, forgotten: str) -> None:
    mon = Mon([known, known, known, forgotten])
    host(mon).do(step)
    assert len(acted(mon)) == 1
    assert mon.commands.index(acted(mon)[0]) == 1
    assert len(mon.commands) == 5


@pytest.mark.parametrize(("step", "known", "forgotten"), ANSWERS)
def test_what_is_not_forgotten_in_time_is_named(step: ForgetFailures, known: str, forgotten: str) -> None:
    del forgotten
    with pytest.raises(TimedOut, match=step.name):
        host(Mon([known])).do(step)


def test_what_a_node_that_is_away_knows_is_left_to_it() -> None:
    mon = Mon([FAILED.replace('online="true"', 'online="false"')])
    host(mon).do(ForgetFailures("nope", ("nope",)))
    assert acted(mon) == []


@dataclass
class Nodes:
    """Two nodes and Pacemaker's way with a clone: while its first instance's node has not looked again after it forgot,
    a request is sent under a name that no node knows, and that is no error."""

    online: tuple[str, ...] = ("node1", "node2")
    pending: int = 3  # answers of cibadmin until a node has looked
    done: dict[str, tuple[int, ...]] = field(default_factory=lambda: {"node1": (81, 82), "node2": (83,)})
    looks: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    name: str = "node1"

    def run(self, command: Command, timeout_s: float) -> Result:
        del timeout_s
        if command.argv[0] == "crm_mon":
            return Result(command, 0, self._crm_mon(), "")
        if command.argv[0] == "cibadmin":
            return Result(command, 0, self._cib(), "")
        node = command.argv[-1]
        self.asked.append(node)
        if self.done["node1"]:
            self.done[node], self.looks[node] = (), self.pending
        return Result(command, 0, "", "")

    def put(self, path: str, content: bytes, mode: int, owner: str) -> None:
        raise AssertionError

    def _crm_mon(self) -> str:
        root = ET.fromstring(RUNNING)
        for node in root.iterfind("nodes/node"):
            node.set("online", "true" if node.get("name") in self.online else "false")
        return ET.tostring(root, encoding="unicode")

    def _cib(self) -> str:
        states = "".join(f'<node_state uname="{node}">{self._known(node)}</node_state>' for node in self.done)
        return f"<status>{states}</status>"

    def _known(self, node: str) -> str:
        if node in self.looks:
            self.looks[node] -= 1
            if not self.looks[node]:
                del self.looks[node]
                self.done[node] = (90,)
        looking = '<lrm_rsc_op operation_key="d1_monitor_0" call-id="-1" op-status="-1"/>' if node in self.looks else ""
        done = "".join(
            f'<lrm_rsc_op operation_key="d1_monitor_0" call-id="{call}" op-status="0"/>' for call in self.done[node]
        )
        return f'<lrm><lrm_resources><lrm_resource id="d1">{done}{looking}</lrm_resource></lrm_resources></lrm>'


def test_one_node_after_the_other_looks_again() -> None:
    """The first one answers after a while: asked at once, the second would forget nothing."""
    nodes = Nodes()
    host(nodes).do(LookAgain("d1"))
    assert nodes.asked == ["node1", "node2"]
    assert nodes.done == {"node1": (90,), "node2": (90,)}


@pytest.mark.parametrize(("pending", "said"), [(10_000, "node1 has not looked yet"), (0, "still knows of .* 81")])
def test_a_node_that_does_not_look_is_named(pending: int, said: str) -> None:
    nodes = Nodes(pending=pending) if pending else Deaf()
    with pytest.raises(TimedOut, match=said):
        host(nodes).do(LookAgain("d1"))


class Deaf(Nodes):
    """Nodes that forget nothing."""

    def run(self, command: Command, timeout_s: float) -> Result:
        return Result(command, 0, "", "") if command.argv[0] == "crm_resource" else super().run(command, timeout_s)


def test_a_node_that_is_away_or_knows_nothing_is_not_asked() -> None:
    nodes = Nodes(online=("node1",))
    host(nodes).do(LookAgain("d1"))
    assert nodes.asked == ["node1"]
    nodes = Nodes()
    host(nodes).do(LookAgain("another"))
    assert nodes.asked == []


def test_an_answer_that_is_no_xml_is_an_error() -> None:
    class Garbled(Nodes):
        def _cib(self) -> str:
            return "<status"

    with pytest.raises(UnexpectedOutput, match="no XML"):
        host(Garbled()).do(LookAgain("d1"))


def test_a_cib_that_does_not_answer_for_a_while_is_asked_again() -> None:
    class Mute(Nodes):
        mute = 2

        def run(self, command: Command, timeout_s: float) -> Result:
            if command.argv[0] == "cibadmin" and self.looks and self.mute:
                self.mute -= 1
                return Result(command, 102, "", "no connection")
            return super().run(command, timeout_s)

    nodes = Mute()
    host(nodes).do(LookAgain("d1"))
    assert (nodes.mute, nodes.done) == (0, {"node1": (90,), "node2": (90,)})


def test_a_failure_that_stays_known_after_the_look_is_named() -> None:
    class Failed(Nodes):
        def _crm_mon(self) -> str:
            known = '<failure node="node1" op_key="d1_start_0" rc="1" call="5" last-rc-change="x"/>'
            end = "</pacemaker-result>"
            return super()._crm_mon().replace(end, f"<failures>{known}</failures>{end}")

    with pytest.raises(TimedOut, match="end of the failures of d1"):
        host(Failed()).do(LookAgain("d1"))
