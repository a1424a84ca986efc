"""A guest that answers from a list, for the tests of what items see and do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from halab.provisioners.engine.command import Command, Result
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.platform import DEBIAN_13, Platform


@dataclass
class Guest:
    """A transport: gives its answers (exit code, output) in order and remembers what it was asked."""

    answers: list[tuple[int, str]]
    name: str = "node1"
    asked: list[Command] = field(default_factory=list)
    files: dict[str, tuple[str, int, str]] = field(default_factory=dict)

    def run(self, command: Command, timeout_s: float) -> Result:
        del timeout_s
        self.asked.append(command)
        rc, said = self.answers.pop(0)
        return Result(command, rc, said if rc == 0 else "", said if rc else "")

    def put(self, path: str, content: bytes, mode: int, owner: str) -> None:
        self.files[path] = (content.decode(), mode, owner)


GuestHost = Callable[..., tuple[Host, Guest]]


@pytest.fixture
def guest_host() -> GuestHost:
    def make(*answers: str | tuple[int, str], platform: Platform = DEBIAN_13) -> tuple[Host, Guest]:
        guest = Guest([(0, a) if isinstance(a, str) else a for a in answers])
        return Host(guest, platform=platform), guest

    return make


@pytest.fixture
def told() -> Callable[..., str]:
    """What a survey's command prints for these answers; None is a missing file."""
    return lambda *texts: "".join(f"{'' if text is None else '+' + text}\0" for text in texts)
