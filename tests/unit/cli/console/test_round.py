"""Who is asked when: the speaker for the cluster, then whom the change concerns; the target when its time has come."""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from halab.cli.console import round as rounds
from halab.cli.console.board import Board
from halab.cli.console.round import Round
from halab.cli.look import views
from halab.cli.look.deployed import Deployed, KnownMachine
from halab.cli.look.place import Place
from halab.cli.look.snapshot import Answer, Glance, Power
from halab.provider.hypervisor.machine.presence import Presence
from tests.unit.cli.look.samples import EXPORTER, MEMBER, RUNNING, STOPPED

MEMBERS = ("node1", "node2", "node3")
_NODE2 = 'name="node2" id="2" online="true" standby="false" standby_onfail="false" maintenance='
MAINTAINED = RUNNING.replace(f'{_NODE2}"false"', f'{_NODE2}"true"')
LOST = RUNNING.replace('name="node3" id="3" online="true"', 'name="node3" id="3" online="false"')
_LONG_S = 10.0


def _machine(name: str) -> KnownMachine:
    return KnownMachine(f"uuid-{name}", name, "", "", "summit" if name in MEMBERS else "", name, "", True)


LAB = Deployed(tuple(map(_machine, (*MEMBERS, "target"))), None, "")


@dataclass
class Asked:
    """A lab in which each question is written down. `cluster`: what members say of it; who is `mute` says nothing."""

    cluster: dict[str, str] = field(default_factory=lambda: dict.fromkeys(MEMBERS, RUNNING))
    mute: set[str] = field(default_factory=set)
    questions: queue.Queue[tuple[str, str]] = field(default_factory=queue.Queue)
    journals: dict[str, Callable[[str], None]] = field(default_factory=dict)

    def powers(self) -> Mapping[str, Power]:
        return {machine.uuid: Power(Presence.RUNNING) for machine in LAB.machines}

    def look(self, machine: KnownMachine) -> Answer | str:
        at = time.time()
        self.questions.put(("look", machine.name))
        if machine.name in self.mute:
            return "no answer"
        return Answer(at, MEMBER if machine.cluster else EXPORTER, self.cluster.get(machine.name, ""))

    def glance(self, machine: KnownMachine) -> Glance | str:
        at = time.time()
        self.questions.put(("glance", machine.name))
        return "no answer" if machine.name in self.mute else Glance(at, self.cluster[machine.name])

    def journal(self, machine: KnownMachine, hear: Callable[[str], None]) -> AbstractContextManager[object]:
        self.journals[machine.name] = hear
        return nullcontext()

    def close(self, machine: KnownMachine) -> None:
        pass

    def close_glances(self) -> None:
        self.questions.put(("close", "glances"))

    def speak(self, node: str, text: str = "State transition S_IDLE -> S_POLICY_ENGINE") -> None:
        self.journals[node](json.dumps({"MESSAGE": text, "__REALTIME_TIMESTAMP": "1795767000000000"}))

    def next(self, count: int = 1) -> list[tuple[str, str]]:
        return [self.questions.get(timeout=_LONG_S) for _ in range(count)]


@dataclass
class Watched:
    """A round that has begun: all were looked at, and a first line was heard."""

    lab: Asked
    board: Board
    round: Round

    def shows(self, node: str, state: str) -> None:
        deadline = time.monotonic() + _LONG_S
        while (shown := self.state(node)) != state:
            assert time.monotonic() < deadline, f"{node} is shown as {shown}"
            time.sleep(0.01)

    def state(self, node: str) -> str:
        report = self.board.overview().report
        assert report
        return next(machine.cluster for machine in report.machines if machine.name == node)


@contextmanager
def watched(folder: Path, lab: Asked) -> Iterator[Watched]:
    files = [folder / name for name in ("tfstate", "key", "conf", "fencing", "kvm", "seen", "audit.jsonl")]
    place = Place("summit", "test:///default", *files)
    board = Board("summit", LAB, None, lambda: None)
    with Round(place, LAB, board, lab) as running:
        assert sorted(lab.next(4)) == [("look", name) for name in (*MEMBERS, "target")]
        lab.speak("node1")
        assert lab.next() == [("glance", "node1")]
        yield Watched(lab, board, running)
    assert lab.next() == [("close", "glances")], "by the thread that glances, when nobody watches"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "SETTLED_S", 0.05)


def test_a_change_is_asked_of_the_speaker_and_then_of_whom_it_concerns(tmp_path: Path) -> None:
    with watched(tmp_path, Asked()) as on:
        on.shows("node2", "online")
        on.lab.cluster = dict.fromkeys(MEMBERS, MAINTAINED)
        on.lab.speak("node3")
        assert on.lab.next(2) == [("glance", "node3"), ("look", "node2")]
        on.shows("node2", "maintenance")
        on.lab.speak("node3", "nothing that the cluster shows")
        assert on.lab.next() == [("glance", "node3")]
        assert on.lab.questions.empty(), "neither the others nor the target"


def test_a_cluster_that_starts_is_looked_at_on_every_member(tmp_path: Path) -> None:
    with watched(tmp_path, Asked(dict.fromkeys(MEMBERS, STOPPED))) as on:
        assert sorted(on.lab.next(2)) == [("glance", "node2"), ("glance", "node3")], "it may run on any of them"
        assert sorted(on.lab.next(3)) == [("look", name) for name in MEMBERS], "why does it not?"
        on.lab.cluster = dict.fromkeys(MEMBERS, RUNNING)
        on.lab.speak("node2")
        assert sorted(on.lab.next(4)) == [("glance", "node2"), *(("look", name) for name in MEMBERS)]
        on.shows("node2", "online")


def test_a_page_that_opens_asks_nobody_twice(tmp_path: Path) -> None:
    with watched(tmp_path, Asked()) as on:
        on.lab.speak("node1", "nothing that the cluster shows")
        assert on.lab.next() == [("glance", "node1")]
        time.sleep(2 * rounds.SETTLED_S)  # a look would come by then: that none does has no event to wait for
        assert on.lab.questions.empty()


def test_it_is_shown_before_anybody_else_has_answered(tmp_path: Path) -> None:
    """The others' answers are older, and count more members: they are over."""
    with watched(tmp_path, Asked()) as on:
        on.shows("node3", "online")
        time.sleep(views._AT_ONCE_S)  # what was asked less before is no older view
        on.lab.cluster["node1"] = LOST
        on.lab.mute = {"node3"}
        on.lab.speak("node1")
        assert on.lab.next() == [("glance", "node1")]
        on.shows("node3", "offline")
        assert sorted(on.lab.next(3)) == [("look", name) for name in MEMBERS], "the quorum may concern all"


@pytest.mark.parametrize("silent", ["mute", "stopped"])
def test_another_member_tells_where_the_speaker_cannot(tmp_path: Path, silent: str) -> None:
    with watched(tmp_path, Asked()) as on:
        on.shows("node2", "online")
        on.lab.cluster = {**dict.fromkeys(MEMBERS, MAINTAINED), "node2": STOPPED}
        on.lab.mute = {"node2"} if silent == "mute" else set()
        on.lab.speak("node2")
        asked = on.lab.next(3)
        assert [one for one in asked if one[0] == "glance"] == [("glance", "node2"), ("glance", "node1")]
        assert ("look", "node2") in asked, "what is wrong with it is to be shown, too"
        on.shows("node2", "maintenance")


def test_who_was_mute_and_speaks_is_looked_at(tmp_path: Path) -> None:
    with watched(tmp_path, Asked()) as on:
        on.lab.mute = {"node2"}
        on.lab.speak("node2")
        assert sorted(on.lab.next(3)) == [("glance", "node1"), ("glance", "node2"), ("look", "node2")]
        deadline = time.monotonic() + _LONG_S
        while not on.board.mute("uuid-node2"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        on.lab.mute.clear()
        on.lab.speak("node2")
        assert ("look", "node2") in on.lab.next(2), "beside a glance at whoever is known to answer"


def test_an_action_from_here_has_all_looked_at(tmp_path: Path) -> None:
    with watched(tmp_path, Asked()) as on:
        on.round.wake()
        asked = on.lab.next(5)
        assert sorted(asked) == [("glance", "node1"), *(("look", name) for name in (*MEMBERS, "target"))]


def test_what_is_no_journal_line_says_that_something_happened(tmp_path: Path) -> None:
    with watched(tmp_path, Asked()) as on:
        on.lab.journals["node2"]('{"MESSAGE": "cut of')
        assert on.lab.next() == [("glance", "node2")]
        assert [line.machine for line in on.board.overview().lines] == ["node1"]
