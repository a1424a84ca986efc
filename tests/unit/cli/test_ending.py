"""Commands that are ended by a signal undo what they began: real processes, real signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

DEADLINE_S = 60.0  # a busy host needs seconds for the imports alone

_HEAD = """
import signal, sys, time
from pathlib import Path
from halab.cli.ending import Ending, unbroken

place = Path(sys.argv[1])
for number in (signal.SIGINT, signal.SIGQUIT):
    signal.signal(number, signal.SIG_DFL)  # a shell's background job ignores them

def note(word):
    with (place / "noted").open("a") as file:
        file.write(word + "\\n")

def wait_for(name):
    end = time.monotonic() + 60
    while not (place / name).exists():
        assert time.monotonic() < end
        time.sleep(0.01)
"""

UNDONE = """
with Ending():
    try:
        note("begun")
        time.sleep(60)
    finally:
        note("undoing")
        wait_for("go on")
        note("undone")
"""

HELD = """
with Ending():
    with unbroken():
        with Ending():
            note("begun")
            wait_for("go on")
            note("saved")
    note("never")
"""

FAILED = """
with Ending():
    with unbroken():
        note("begun")
        wait_for("go on")
        raise ValueError("why")
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def run(program: str, *before: str) -> subprocess.Popen[str]:
        words = [*before, sys.executable, "-c", _HEAD + program, str(tmp_path)]
        started.append(subprocess.Popen(words, stderr=subprocess.PIPE, text=True))
        _until(tmp_path, "begun")
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def _until(place: Path, word: str) -> None:
    end = time.monotonic() + DEADLINE_S
    while word not in _noted(place):
        assert time.monotonic() < end, f"not {word}"
        time.sleep(0.01)


def _noted(place: Path) -> list[str]:
    file = place / "noted"
    return file.read_text().split() if file.exists() else []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_what_was_begun_is_undone_and_further_signals_do_not_end_that(
    start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    process = start(UNDONE)
    process.send_signal(number)
    _until(tmp_path, "undoing")
    for other in (signal.SIGINT, signal.SIGTERM, number):
        process.send_signal(other)
    (tmp_path / "go on").touch()
    _, said = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, _noted(tmp_path)) == (128 + number, ["begun", "undoing", "undone"])
    assert said.splitlines()[0] == f"{number.name}: what was begun is undone, and then this ends"
    assert "Traceback" not in said


def test_what_must_not_be_broken_off_ends_first(start: Start, tmp_path: Path) -> None:
    process = start(HELD)
    process.terminate()
    (tmp_path / "go on").touch()
    process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, _noted(tmp_path)) == (143, ["begun", "saved"])


def test_an_error_meanwhile_is_told(start: Start, tmp_path: Path) -> None:
    process = start(FAILED)
    process.terminate()
    (tmp_path / "go on").touch()
    _, said = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, said.splitlines()[-1]) == (1, "ValueError: why")


def test_nohup_stays_nohup(start: Start, tmp_path: Path) -> None:
    process = start(UNDONE, "nohup")
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    (tmp_path / "go on").touch()
    process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 143


def test_afterwards_signals_are_as_before() -> None:
    program = _HEAD + "import os\nwith Ending():\n    pass\nos.kill(os.getpid(), signal.SIGTERM)"
    assert subprocess.run([sys.executable, "-c", program, os.devnull], check=False).returncode == -signal.SIGTERM
