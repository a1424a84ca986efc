"""Who is asked for the cluster when a journal speaks, and whose own part may be another one then."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from halab.cli.console.alarm import Alarm
from halab.cli.console.glancing import Glances, concerned
from halab.provisioners.pacemaker.status import parse_status
from tests.unit.cli.look.samples import DATA, RUNNING

NODES = ("node1", "node2", "node3")
_LONG_S = 10.0


class Members:
    """Answer when they are told to, each question once; all of them do not know yet who was asked."""

    def __init__(self, mute: tuple[str, ...] = (), held: bool = False) -> None:
        self.mute, self.held = set(mute), held
        self.asked = queue.Queue[str]()
        self.go = threading.Semaphore(0)

    def ask(self, member: str) -> bool:
        self.asked.put(member)
        if self.held:
            assert self.go.acquire(timeout=_LONG_S)
        return member not in self.mute

    def next(self) -> str:
        return self.asked.get(timeout=_LONG_S)


@contextmanager
def glancing(members: Members, together_s: float = 0.0) -> Iterator[Glances]:
    glances = Glances(NODES, members.ask, together_s)
    thread = threading.Thread(target=glances.run, daemon=True)
    thread.start()
    try:
        yield glances
    finally:
        glances.stop()
        members.go.release(100)
        thread.join(_LONG_S)
        assert not thread.is_alive()


def test_the_speaker_is_asked_and_nobody_else() -> None:
    members = Members()
    with glancing(members) as glances:
        for name in ("node2", "node1", "node3", "node3"):
            glances.spoke(name)
            assert members.next() == name
    assert members.asked.empty()


def test_for_what_happened_elsewhere_the_one_is_asked_that_told_last() -> None:
    members = Members()
    with glancing(members) as glances:
        glances.spoke("node3")
        assert members.next() == "node3"
        glances.want()
        assert members.next() == "node3"


def test_another_one_is_asked_where_the_speaker_is_mute_and_it_comes_last_until_it_answers() -> None:
    members = Members(mute=("node2",))
    with glancing(members) as glances:
        glances.spoke("node2")
        assert [members.next(), members.next()] == ["node2", "node1"]
        glances.spoke("node2")
        assert members.next() == "node1"
        members.mute.clear()
        glances.answers("node2")
        glances.spoke("node2")
        assert members.next() == "node2"
        members.mute.update(NODES)
        glances.spoke("node3")
        assert [members.next() for _ in NODES] == ["node3", "node2", "node1"]
    assert members.asked.empty()


def test_what_is_said_during_a_question_leads_to_one_more() -> None:
    members = Members(held=True)
    with glancing(members) as glances:
        glances.spoke("node1")
        assert members.next() == "node1"
        for name in ("node1", "node3", "node2"):
            glances.spoke(name)
        members.go.release(2)
        assert members.next() == "node2"
    assert members.asked.empty()


def test_it_ends_also_when_it_is_stopped_just_as_it_was_woken() -> None:
    members = Members()
    glances = Glances(NODES, members.ask, 0.0)

    class StopsMeanwhile(threading.Event):
        def clear(self) -> None:
            glances.stop()
            super().clear()

    glances._wanted = StopsMeanwhile()
    glances.spoke("node1")
    thread = threading.Thread(target=glances.run, daemon=True)
    thread.start()
    thread.join(_LONG_S)
    assert not thread.is_alive()
    assert members.asked.empty()


def test_a_burst_of_lines_costs_few_questions() -> None:
    members = Members()
    with glancing(members, together_s=0.3) as glances:
        began = time.monotonic()
        glances.spoke("node1")
        assert members.next() == "node1"
        for _ in range(50):
            glances.spoke("node1")
            glances.spoke("node2")
        lasted = time.monotonic() - began
        members.next()
        assert time.monotonic() - began >= 0.3
    assert members.asked.qsize() <= lasted / 0.3, "one for all of them, but where this host was slow"


def test_who_is_slow_to_answer_has_as_long_a_rest() -> None:
    members = Members(held=True)
    with glancing(members) as glances:
        glances.spoke("node1")
        assert members.next() == "node1"
        glances.spoke("node1")
        asked = time.monotonic()
        with pytest.raises(queue.Empty):
            members.asked.get(timeout=0.3)
        took, answered = time.monotonic() - asked, time.monotonic()
        members.go.release(2)
        members.next()
        assert time.monotonic() - answered >= took


def test_an_alarm_rings_early_once_and_keeps_what_comes_during_a_question() -> None:
    alarm = Alarm(3600.0)
    assert alarm.wait(), "the first one is due at once"
    alarm.ring()
    alarm.ring()
    assert alarm.wait()
    threading.Timer(0.05, alarm.stop).start()
    assert not alarm.wait(), "both were one"
    alarm = Alarm(3600.0)
    assert alarm.wait()
    began = time.monotonic()
    alarm.ring(0.1)
    alarm.ring(5.0)
    alarm.rest(0.2)
    assert alarm.wait()
    assert 0.2 <= time.monotonic() - began < 2.0
    alarm = Alarm(0.1)
    assert all(alarm.wait() for _ in range(3)), "again by itself"


def _quorum(xml: str) -> str:
    return xml.replace('with_quorum="true"', 'with_quorum="false"')


def _maintenance(xml: str) -> str:
    before, node, rest = xml.partition('<node name="node2"')
    return before + node + rest.replace('maintenance="false"', 'maintenance="true"', 1)


def _offline(xml: str) -> str:
    before, node, rest = xml.partition('<node name="node3"')
    return before + node + rest.replace('online="true"', 'online="false"', 1)


def test_a_resource_that_moved_concerns_where_it_was_and_where_it_is() -> None:
    before = (DATA / "pacemaker/crm_mon-2.1-running.xml").read_text()
    head, ip, rest = before.partition('<resource id="ip"')
    moved = head + ip + rest.replace('<node name="node2" id="2"', '<node name="node3" id="3"', 1)
    assert moved != before
    assert concerned(parse_status(before), parse_status(moved)) == {"node2", "node3"}


@pytest.mark.parametrize(
    ("change", "nodes"),
    [
        (str, set()),
        (_maintenance, {"node2"}),
        (_quorum, set(NODES)),
        (_offline, set(NODES)),
    ],
)
def test_whose_own_part_may_be_another(change: Callable[[str], str], nodes: set[str]) -> None:
    after = change(RUNNING)
    assert (after == RUNNING) is (not nodes)
    assert concerned(parse_status(RUNNING), parse_status(after)) == nodes
    assert concerned(parse_status(after), parse_status(RUNNING)) == nodes
