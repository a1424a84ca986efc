"""What a watch waits for, how much time a slow lab has, and machines that take turns."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from halab.cli.drill import watching
from halab.cli.drill.catalogue import DRILLS
from halab.cli.drill.declaration import NODES
from halab.cli.drill.recording import Recorder
from halab.cli.drill.watching import Pace, Watch, slowness


@pytest.mark.parametrize(
    ("look_s", "stretch", "expected"),
    [
        (0.8, 1.0, 1.0),
        (1.6, 1.0, 1.0),
        (10.0, 1.0, 6.0),
        (4.5, 3.0, 1.0),
        (12.5, 3.0, 2.5),
        (12.5, 6.0, 1.25),
    ],
)
def test_the_limits_are_those_of_a_lab_that_answers_so_slowly(look_s: float, stretch: float, expected: float) -> None:
    assert slowness(look_s, stretch) == pytest.approx(expected)


class Seen:
    """Looks at a lab: whether it is healthy, one after the other; the last one stays."""

    def __init__(self, *healthy: bool) -> None:
        self.healthy, self.looks = healthy, 0

    def __call__(self, *_: Any) -> Any:
        healthy = self.healthy[min(self.looks, len(self.healthy) - 1)]
        self.looks += 1
        faults = [] if healthy else [SimpleNamespace(what="node2", text="does not answer")]
        machines = [SimpleNamespace(name=f"node{n}", cluster="online", answers=True) for n in (1, 2)]
        return SimpleNamespace(healthy=healthy, faults=faults, machines=machines, at=time.time())


class Waiting:
    """An injector with something left to undo until it was asked `times` times."""

    def __init__(self, times: int) -> None:
        self.pending = [object()] * times

    def again(self, _: list[str]) -> None:
        del self.pending[:1]

    def in_turn(self, _: Any) -> Iterator[str]:
        raise NotImplementedError


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    made = Recorder(tmp_path / "run")
    made.add("run", about="nothing")
    yield made
    made.close()


@pytest.fixture
def watch(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> Watch:
    monkeypatch.setattr(watching, "LOOK_S", 0.01)
    return Watch(SimpleNamespace(), None, recorder, Pace(0.1), frozenset(), lambda _: None)  # type: ignore[arg-type]


def _healed(watch: Watch, monkeypatch: pytest.MonkeyPatch, seen: Seen, waiting: Waiting, begun_s_ago: float) -> int:
    """How often it was seen to be whole."""
    monkeypatch.setattr(watching, "look", seen)
    at = time.time() - begun_s_ago
    watch.recorder.add("injection", at, machine="node1", role=NODES, what="reboot", state="begun")
    watch.heal(DRILLS["reboot-idle"], waiting)  # type: ignore[arg-type]
    return len(watch.recorder.events("whole"))


@pytest.mark.parametrize(
    ("healthy", "undoing", "begun_s_ago", "whole", "looks"),
    [
        ((True,), 0, 0.0, 1, 1),
        ((False, False, True), 0, 0.0, 1, 3),
        ((True,), 3, 0.0, 1, 3),
        ((True,), 0, 1000.0, 0, 1),
        ((False,), 0, 1000.0, 0, 1),
    ],
    ids=["well", "well later", "not while something is to be undone", "well too late", "never well"],
)
def test_when_a_lab_is_whole(
    watch: Watch,
    monkeypatch: pytest.MonkeyPatch,
    healthy: tuple[bool, ...],
    undoing: int,
    begun_s_ago: float,
    whole: int,
    looks: int,
) -> None:
    seen = Seen(*healthy)
    assert _healed(watch, monkeypatch, seen, Waiting(undoing), begun_s_ago) == whole
    assert seen.looks >= looks


def test_a_machine_is_back_when_it_was_heard_of_another_boot(watch: Watch) -> None:
    recorder = watch.recorder
    recorder.add("journal", 1.0, machine="node1", boot="a", up=1.0, by="x", priority=6, text="x")
    recorder.add("injection", 2.0, machine="node1", role=NODES, what="reboot", state="took")
    recorder.add("journal", 3.0, machine="node1", boot="a", up=3.0, by="x", priority=6, text="late")
    recorder.add("journal", 3.0, machine="node2", boot="b", up=3.0, by="x", priority=6, text="x")
    assert watch._is_away("node1")
    recorder.add("journal", 9.0, machine="node1", boot="c", up=1.0, by="x", priority=6, text="x")
    assert not watch._is_away("node1")
