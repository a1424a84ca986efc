"""Waiting for a state: what is asked again, and what ends it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from halab.provisioners.engine.command import Command, Result, cmd
from halab.provisioners.engine.errors import CommandFailed, ConnectError, TimedOut
from halab.provisioners.engine.host import Host, Pace
from halab.provisioners.engine.platform import DEBIAN_13
from halab.provisioners.engine.steps import Await

PROBE = cmd("state")
LATE = TimedOut("node1: state did not end within 60 s")


class Script:
    """A guest that says one thing after the other, on a clock that goes on by a second with each."""

    name = "node1"

    def __init__(self, *said: str | Exception) -> None:
        self.said: Iterator[str | Exception] = iter(said)
        self.now_s = 0.0

    def run(self, command: Command, timeout_s: float) -> Result:
        del timeout_s
        self.now_s += 1
        answer = next(self.said)
        if isinstance(answer, Exception):
            raise answer
        return Result(command, 0, answer, "")

    def put(self, path: str, content: bytes, mode: int, owner: str) -> None:
        raise AssertionError(path)


def is_up(result: Result) -> bool:
    if result.stdout == "begins":
        raise TimedOut("it begins")
    return result.stdout == "up"


def wait(*said: str | Exception) -> None:
    script = Script(*said)
    pace = Pace(clock=lambda: script.now_s, pause=lambda _: False)
    wanted = Await("start", PROBE, is_up, 3, failed=lambda r: "it broke" if r.stdout == "x" else None)
    Host(script, pace=pace, platform=DEBIAN_13).wait(wanted)


def test_it_is_asked_until_it_is_ready() -> None:
    wait("down", "down", "up")


def test_an_answer_that_does_not_come_in_time_is_no_answer() -> None:
    wait(LATE, "down", "up")


def test_a_cluster_that_begins_is_waited_for() -> None:
    wait("begins", "down", "up")
    with pytest.raises(TimedOut, match=r"(?s)no start within 3 s.*it begins"):
        wait("down", "down", "begins", "up")


def test_what_was_seen_last_is_told_at_the_deadline() -> None:
    with pytest.raises(TimedOut, match=r"(?s)no start within 3 s.*last exited with 0: down"):
        wait(LATE, "down", "down", "up")
    with pytest.raises(TimedOut, match=r"(?s)no start within 3 s.*did not end within 60 s"):
        wait("down", "down", LATE, "up")


def test_what_will_never_come_is_not_waited_for() -> None:
    with pytest.raises(CommandFailed, match="it broke"):
        wait("down", "x", "up")


def test_a_guest_that_is_not_there_any_more_ends_it() -> None:
    with pytest.raises(ConnectError):
        wait("down", ConnectError("node1: the connection broke"), "up")
