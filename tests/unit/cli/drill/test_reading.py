"""Recordings that are damaged, or were ended in the middle of a line: read as far as that can be, else refused."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from halab.cli.drill.page import page
from halab.cli.drill.recording import EVENTS, Recorder, read
from halab.cli.drill.retelling import folders
from halab.cli.drill.verdict import ERROR, judge
from halab.provisioners.engine.errors import ConfigError, UnexpectedOutput
from tests.unit.cli.drill.recorded import DATA, RUNS


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A copy of a recorded run."""
    return Path(shutil.copytree(DATA / "debian-13-crash", tmp_path / "20260101T000000-crash-active"))


def _torn(run: Path, text: str) -> None:
    with (run / EVENTS).open("a") as file:
        file.write(text)


def test_half_a_line_at_the_end_is_left_out(run: Path) -> None:
    whole = read(run).events
    _torn(run, '{"t":1.0,"kind":"sit')
    assert read(run).events == whole


def test_a_whole_line_without_its_end_counts(run: Path) -> None:
    _torn(run, '{"t":1.0,"kind":"over"}')
    assert read(run).events[-1]["kind"] == "over"


@pytest.mark.parametrize(
    "line", ['{"t":1.0,"kind":"sit', "[1]", "null", '"run"', '{"t":1.0}', '{"t":1.0,"kind":["site"]}']
)
def test_any_other_line_that_is_no_event_is_an_error(run: Path, line: str) -> None:
    _torn(run, f"{line}\n")
    with pytest.raises(UnexpectedOutput, match="not a recorded drill"):
        read(run)


def test_nothing_but_half_a_line_is_no_recording(tmp_path: Path) -> None:
    (tmp_path / EVENTS).write_text("[1]")
    with pytest.raises(UnexpectedOutput):
        read(tmp_path)
    (tmp_path / EVENTS).write_text('{"kind":')
    with pytest.raises(UnexpectedOutput):
        read(tmp_path)


def test_a_run_that_ended_before_it_began_says_why(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "drills/run")
    recorder.add("error", text="nobody answers")
    recorder.close()
    with pytest.raises(UnexpectedOutput, match="nobody answers"):
        read(recorder.folder)


def _changed(run: Path, kind: str, change: Callable[[dict[str, Any]], object]) -> None:
    events = [json.loads(line) for line in (run / EVENTS).read_text().splitlines()]
    change(next(event for event in events if event["kind"] == kind))
    (run / EVENTS).write_text("".join(json.dumps(event) + "\n" for event in events))


@pytest.mark.parametrize("field", ["drill", "roles", "machines", "must_be_fenced", "token_ms", "away_limit_s", "t"])
def test_a_run_that_lacks_something_is_refused(run: Path, field: str) -> None:
    _changed(run, "run", lambda event: event.pop(field))
    with pytest.raises(UnexpectedOutput, match=field):
        read(run)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("run", {"happened": "{who} of {nobody}"}),
        ("run", {"roles": {"active": "node1"}}),
        ("run", {"machines": [{"name": "node1"}]}),
        ("run", {"finds": None}),
        ("site", {"took": "0.1"}),
        ("site", {"t": float("nan")}),
        ("site", {"t": 10**400}),
        ("address", {"held": 1}),
        ("write", {"number": 1.5}),
        ("journal", {"by": ["cron"]}),
        ("facts", {"files": {"node1": {"reader": "node2", "error": "", "numbers": [[1]]}}}),
        ("power", {"machine": None}),
    ],
)
def test_an_event_of_another_form_is_refused(run: Path, kind: str, change: dict[str, object]) -> None:
    _changed(run, kind, lambda event: event.update(change))
    with pytest.raises(UnexpectedOutput, match=f"{kind}: "):
        read(run)


@pytest.mark.parametrize("name", RUNS)
def test_a_run_that_was_ended_says_nothing_about_the_lab(name: str, tmp_path: Path) -> None:
    lines = (DATA / name / EVENTS).read_text().splitlines(keepends=True)
    for count in (1, 2, 50, len(lines) - 1):
        (tmp_path / EVENTS).write_text("".join(lines[:count]))
        run = read(tmp_path)
        assert not run.complete
        assert (judge(run).result, judge(run).reasons) == (ERROR, ("it has not come to its end",))
        assert ERROR in page(run)


def test_each_event_is_in_the_file_as_soon_as_it_is_added(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from halab.cli.drill.recording import Recorder\n"
        "recorder = Recorder(Path(sys.argv[1]))\nrecorder.add('over')\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    folder = tmp_path / "drills/run"
    killed = subprocess.run([sys.executable, "-c", program, str(folder)], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert json.loads((folder / EVENTS).read_text())["kind"] == "over"


def test_a_folder_of_another_name_hides_no_run(run: Path) -> None:
    shutil.copytree(run, run.parent / "mine")
    assert folders(run.parent, ["crash-active"]) == [run]
    assert folders(run.parent, ["mine"]) == [run.parent / "mine"]
    for name in ("nothing", ""):
        with pytest.raises(ConfigError, match="no recorded run"):
            folders(run.parent, [name])
