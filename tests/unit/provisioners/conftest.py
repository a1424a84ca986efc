"""A guest that answers from a list, for the tests of what items see and do."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

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


@pytest.fixture
def shell(tmp_path: Path) -> Callable[..., list[str]]:
    """Run a guest's script with stand-ins for its programs, name=body; gives the commands that it ran, a line each."""

    def run(argv: Sequence[str], **programs: str) -> list[str]:
        ran = tmp_path / "ran"
        ran.touch()
        for name, body in programs.items():
            program = tmp_path / name.replace("_", ".")
            program.write_text(f'#!/bin/sh\necho "{program.name} $*" >>{ran}\n{body}\n')
            program.chmod(0o755)
        subprocess.run(list(argv), env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, check=False, capture_output=True)
        return ran.read_text().splitlines()

    return run
