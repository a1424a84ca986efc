"""What a lab is asked before and after a drill, also one whose nodes do not all answer."""

from __future__ import annotations

from typing import Any

import pytest

from halab.cli.drill.guests import Guests, facts
from halab.cli.look.deployed import Deployed, KnownMachine
from halab.provisioners.engine.command import Command, Result
from halab.provisioners.engine.errors import ConnectError, TimedOut
from halab.provisioners.engine.host import Host
from tests.unit.cli.look.samples import RUNNING

Said = dict[str, str | Exception]
WELL: Said = {"crm_mon": RUNNING, "crm_verify": "", "cat": "1\n2\n3\n", "rm": ""}
MUTE: Said = dict.fromkeys(WELL, ConnectError("it does not answer"))


class Telling:
    """A transport: a program's name -> what it prints, or how asking for it ends."""

    def __init__(self, name: str, said: Said, asked: list[tuple[str, str]]) -> None:
        self.name, self._said, self._asked = name, said, asked

    def run(self, command: Command, timeout_s: float) -> Result:
        self._asked.append((self.name, command.argv[0]))
        said = self._said[command.argv[0]]
        if isinstance(said, Exception):
            raise said
        return Result(command, 0, said, "")

    def put(self, path: str, content: bytes, mode: int, owner: str) -> None:
        raise AssertionError(path)


class Lab(Guests):
    """`said`: what node1, node2 and so on say."""

    def __init__(self, *said: Said) -> None:
        names = [f"node{n}" for n in range(1, len(said) + 1)]
        machines = [KnownMachine(name, name, "", "", "pen", "", "", True) for name in names]
        place: Any = None
        super().__init__(place, Deployed(tuple(machines), None, ""))
        self.said, self.asked = dict(zip(names, said, strict=True)), list[tuple[str, str]]()

    def host(self, name: str) -> Host:
        return Host(Telling(name, self.said[name], self.asked))


def test_any_node_that_answers_is_asked() -> None:
    found = facts(Lab(MUTE, WELL, WELL), {})
    assert (found["cib"], found["files"]) == ("", {})


def test_a_lab_of_which_nobody_answers_is_an_error() -> None:
    with pytest.raises(ConnectError, match="does not answer"):
        facts(Lab(MUTE, MUTE), {})


@pytest.mark.parametrize(
    ("cat", "numbers", "error"),
    [
        ("3\n1\n2\n", [[1, 3]], ""),
        ("1\n\0\0\0\n", [], "invalid literal"),
        (TimedOut("cat took longer than 60 s"), [], "cat took longer"),
        (ConnectError("node2 does not answer"), [], "does not answer"),
    ],
    ids=["numbers", "zeros of a lost block", "the file system hangs", "mute"],
)
def test_a_file_is_read_on_the_next_node(cat: str | Exception, numbers: list[list[int]], error: str) -> None:
    found = facts(Lab(WELL, {**WELL, "cat": cat}, WELL), {"node1": "/mnt/x"})["files"]["node1"]
    assert (found["reader"], found["numbers"]) == ("node2", numbers)
    assert error in found["error"] if error else not found["error"]


def test_files_go_by_the_first_node_that_can_remove_them() -> None:
    lab = Lab(MUTE, {**WELL, "rm": TimedOut("rm took longer than 60 s")}, WELL)
    lab.remove(["/mnt/x"])
    assert lab.asked == [("node1", "rm"), ("node2", "rm"), ("node3", "rm")]
