"""A Terraform that takes its time to stop gets one interrupt, whatever the user presses, and all the time it takes.

tests/acceptance/test_terraform_run.py runs real Terraform, which stops a local command at once.
"""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

DEADLINE_S = 60.0  # a busy host needs seconds for the imports alone
# A blank may be in the path, which no first line of a script could hold.
STARTED = f"""#!/bin/sh
exec "{sys.executable}" "$0.py"
"""
# Notes each interrupt, and goes on until it is let go.
TERRAFORM = """
import os, pathlib, signal, time
folder = pathlib.Path(os.environ["TOY"])
def note(word):
    with (folder / "noted").open("a") as file:
        file.write(word + "\\n")
signal.signal(signal.SIGINT, lambda *_: note("interrupted"))
note("begun")
while not (folder / "let-go").exists():
    time.sleep(0.01)
note("saved")
"""
PROGRAM = """
import os, pathlib, sys
from halab.cli.terraform.log import Log
from halab.cli.terraform.run import Stopped, Terraform
class Told:
    def diagnostic(self, told): pass
    def event(self, event): pass
    def refresh(self): pass
    def line(self, text): print(text, flush=True)
folder = pathlib.Path(os.environ["TOY"])
(folder / "cdktf.out/stacks/toy").mkdir(parents=True)
try:
    Terraform(folder, "toy", os.environ, Log(folder / "log", print), Told()).apply()
except Stopped as stopped:
    sys.exit(stopped.exit_code)
"""


class Toy:
    """The command in a terminal of its own, and the Terraform that it runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "terraform").write_text(STARTED)
        (folder / "terraform.py").write_text(TERRAFORM)
        (folder / "terraform").chmod(0o755)
        self.keyboard, terminal = pty.openpty()
        environment = {**os.environ, "TOY": str(folder), "HALAB_TERRAFORM": str(folder / "terraform")}
        argv = ["setsid", "--ctty", "--wait", sys.executable, "-c", PROGRAM]
        self.command = subprocess.Popen(argv, stdin=terminal, stdout=terminal, stderr=terminal, env=environment)
        os.close(terminal)
        self.said = ""

    def noted(self) -> list[str]:
        file = self.folder / "noted"
        return file.read_text().split() if file.exists() else []

    def press_ctrl_c(self, answer: str) -> None:
        """And read what the command says to it."""
        os.write(self.keyboard, b"\x03")
        end = time.monotonic() + DEADLINE_S
        while answer not in self.said:
            assert select.select([self.keyboard], [], [], max(0.0, end - time.monotonic()))[0], self.said
            self.said += os.read(self.keyboard, 4096).decode()


def until(what: Callable[[], object]) -> None:
    end = time.monotonic() + DEADLINE_S
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[Toy]:
    made = Toy(tmp_path)
    yield made
    (tmp_path / "let-go").touch()
    made.command.wait(DEADLINE_S)
    os.close(made.keyboard)


def test_of_all_ctrl_c_one_is_passed_on_and_the_end_is_awaited(toy: Toy) -> None:
    until(toy.noted)
    toy.press_ctrl_c("what is under way is finished and saved first")
    until(lambda: "interrupted" in toy.noted())
    for _ in range(2):
        toy.said = ""
        toy.press_ctrl_c("still waiting for what is under way")
    assert toy.command.poll() is None
    (toy.folder / "let-go").touch()
    assert toy.command.wait(DEADLINE_S) == 0, "it has done all of its work"
    assert toy.noted() == ["begun", "interrupted", "saved"]
