"""What is asked of a host in a refresh, and how often."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from halab.provisioners.engine.command import Command, Result, Secret, cmd
from halab.provisioners.engine.errors import CommandFailed, ConnectError, TimedOut
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.reading import Answers, ReadingHost


class Guest:
    """Echoes commands, alone or several at once; remembers each exchange."""

    name = "node1"

    def __init__(self) -> None:
        self.exchanges: list[list[str]] = []
        self.hangs: str | None = None
        self.mute = False
        self.hold = threading.Event()
        self.hold.set()

    def run(self, command: Command, timeout_s: float) -> Result:
        return self._exchange([command], timeout_s)[0]

    def run_all(self, commands: Sequence[Command], timeout_s: float) -> list[Result]:
        return self._exchange(commands, timeout_s)

    def put(self, path: str, content: bytes, mode: int, owner: str) -> None:
        raise AssertionError(path)

    def _exchange(self, commands: Sequence[Command], timeout_s: float) -> list[Result]:
        del timeout_s
        self.exchanges.append([command.argv[0] for command in commands])
        if self.mute:
            raise ConnectError("node1 does not answer")
        if self.hangs in self.exchanges[-1]:
            raise TimedOut(f"{self.hangs} hangs")
        assert self.hold.wait(10)
        return [Result(c, 1 if c.argv[0] == "fails" else 0, f"{c.argv[0]}!", "") for c in commands]


class Remembered:
    def __init__(self, *known: str) -> None:
        self.known, self.learned = known, list[str]()

    def questions(self) -> list[Command]:
        return [cmd(name) for name in self.known]

    def learn(self, command: Command) -> None:
        self.learned.append(command.argv[0])


def reading(guest: Guest, *known: str) -> tuple[ReadingHost, Remembered]:
    agenda = Remembered(*known)
    return ReadingHost(guest, answers=Answers(agenda)), agenda


def test_what_was_asked_in_the_last_refresh_takes_one_exchange() -> None:
    guest = Guest()
    host, agenda = reading(guest, "a", "b", "c", "gone")
    assert [host.look(cmd(name)).stdout for name in "cab"] == ["c!", "a!", "b!"]
    assert guest.exchanges == [["c", "a", "b", "gone"]]
    assert agenda.learned == ["c", "a", "b"]
    host.look(cmd("new"))
    host.look(cmd("new"))
    assert guest.exchanges[1:] == [["new"]]


def test_it_is_asked_ahead_once() -> None:
    guest = Guest()
    host, _ = reading(guest, "a", "b")
    host.ask_ahead()
    host.ask_ahead()
    assert host.ask(cmd("a"), cached=True).stdout == "a!"
    assert guest.exchanges == [["a", "b"]]
    nothing, _ = reading(guest)
    nothing.ask_ahead()
    assert len(guest.exchanges) == 1


def test_whatever_waits_goes_out_together() -> None:
    guest = Guest()
    host, _ = reading(guest)
    guest.hold.clear()
    names = [f"q{number}" for number in range(8)]
    with ThreadPoolExecutor(len(names) + 1) as threads:
        first = threads.submit(host.look, cmd("first"))
        while not guest.exchanges:
            pass
        found = [threads.submit(host.look, cmd(name)) for name in names]
        while len(host._answers._waiting) < len(names):
            pass
        guest.hold.set()
        assert [one.result(10).stdout for one in found] == [f"{name}!" for name in names]
        assert first.result(10).stdout == "first!"
    assert [sorted(exchange) for exchange in guest.exchanges] == [["first"], names]


def test_each_asker_judges_the_exit_code() -> None:
    guest = Guest()
    host, _ = reading(guest, "fails", "a")
    assert host.look(cmd("a")).stdout == "a!"
    with pytest.raises(CommandFailed, match="fails failed"):
        host.look(cmd("fails"))
    assert host.look(cmd("fails", ok=(0, 1))).rc == 1
    assert len(guest.exchanges) == 1


def test_a_question_that_hangs_keeps_only_its_own_answer() -> None:
    guest = Guest()
    host, _ = reading(guest, "a", "hung", "b")
    guest.hangs = "hung"
    assert host.look(cmd("a")).stdout == "a!"
    assert host.look(cmd("b")).stdout == "b!"
    with pytest.raises(TimedOut):
        host.look(cmd("hung"))
    assert guest.exchanges == [["a", "hung", "b"], ["a"], ["b"], ["hung"]]


def test_a_mute_host_is_an_error_for_everybody_and_may_answer_later() -> None:
    guest = Guest()
    host, _ = reading(guest, "a", "b")
    guest.mute = True
    for name in "ab":
        with pytest.raises(ConnectError):
            host.look(cmd(name))
    guest.mute = False
    assert host.look(cmd("a")).stdout == "a!"


def test_what_may_be_secret_is_neither_kept_nor_asked_with_others() -> None:
    guest = Guest()
    host, agenda = reading(guest, "a")
    for _ in range(2):
        host.look(cmd("verify", stdin=Secret("password")))
    assert guest.exchanges == [["verify"], ["verify"]]
    assert agenda.learned == []


def test_a_host_that_is_changed_is_asked_each_time() -> None:
    guest = Guest()
    host = Host(guest)
    for _ in range(2):
        host.look(cmd("a"))
    assert guest.exchanges == [["a"], ["a"]]
