"""How the suite is followed, by a target that says what it is told to."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from halab.cli.cts.exerciser import Exerciser
from halab.provisioners.engine.command import Command, Result
from halab.provisioners.engine.errors import ConfigError, ConnectError, HalabError


class Target:
    """Guests whose machines answer with what is next; `log` is what the suite has written."""

    def __init__(self, *states: str | Exception, log: str = "", has: bool = True) -> None:
        self.states, self.log, self.has, self.forgotten = list(states), log, has, 0
        self.nodes: list[Any] = []
        self.asked: list[tuple[str, ...]] = []

    def host(self, name: str) -> Target:
        return self

    def forget(self) -> None:
        self.forgotten += 1

    def ask(self, command: Command) -> Result:
        words = command.argv
        self.asked.append(words)
        if words[0] == "test":
            return Result(command, 0 if self.has else 1, "", "")
        if words[0] == "tail":
            return Result(command, 0, "No nodes specified!\n", "")
        state = self.states.pop(0)
        if isinstance(state, Exception):
            raise state
        log = self.log.encode()
        return Result(command, 0, f"{state}\n{len(log)}\n{log[int(words[-1]) :].decode()}", "")


def _followed(target: Target) -> list[str]:
    guests: Any = target
    found = []
    for piece in Exerciser(guests).log():
        found.append(piece)
        target.log += "later\n"
    return found


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("halab.cli.cts.exerciser._POLL_S", 0.0)


def test_a_log_is_given_once_and_in_whole_lines() -> None:
    target = Target("running", "running", "0", log="é first\nhal")
    assert _followed(target) == ["é first\n", "hallater\n", "later\n"]


def test_a_target_that_is_silent_for_a_moment_is_asked_again() -> None:
    target = Target(ConnectError("target", "no answer"), "0", log="all\n")
    assert _followed(target) == ["all\n"]
    assert target.forgotten == 1, "by a new connection"


def test_a_suite_that_is_gone_says_why() -> None:
    with pytest.raises(HalabError, match="No nodes specified"):
        _followed(Target("gone"))


def test_a_lab_without_the_suite_is_told_the_setting() -> None:
    guests: Any = Target(has=False)
    with pytest.raises(ConfigError, match="HALAB_IMAGE_EXTRA_PACKAGES=pacemaker-cts"):
        Exerciser(guests).refuse_without_suite()


def test_it_is_begun_with_the_options_and_one_connection_to_each_node() -> None:
    target = Target("")
    target.nodes = [SimpleNamespace(name=name) for name in ("node1", "node2")]
    guests: Any = target
    Exerciser(guests).begin(3, ["--choose", "Stonithd"])
    (shared, *given) = target.asked[0][target.asked[0].index("halab") + 1 :]
    assert shared.splitlines()[:2] == ["Host node1 node2", "ControlMaster auto"]
    assert given[:2] == ["--nodes", "node1 node2"]
    assert given[-3:] == ["--choose", "Stonithd", "3"]
