"""What people see: plain lines in a log, a live foot on a terminal, nothing when they have gone away."""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from halab.cli.change.progress import Follower
from halab.cli.change.screen import Screen, console
from halab.cli.terraform.events import Change, Diagnostic

ERROR = Diagnostic("error", "No such image", "It is in no cache.\nRun make prepare.", "halab_image.base")


def record(event: str, t: float, **more: object) -> str:
    base = {"t": t, "event": event, "phase": "machine", "resource": "halab_machine", "name": "node1"}
    return json.dumps({**base, "machine": "node1", **more}) + "\n"


@pytest.fixture
def progress(tmp_path: Path) -> Path:
    return tmp_path / "progress.jsonl"


def plain(progress: Path) -> tuple[Screen, io.StringIO]:
    out = io.StringIO()
    return Screen(Console(file=out, width=60, soft_wrap=True, highlight=False), Follower(progress)), out


def test_a_log_has_a_line_for_each_event_and_no_wait_twice(progress: Path) -> None:
    screen, out = plain(progress)
    began = screen.timeline.began
    progress.write_text(
        record("start", began)
        + record("wait", began + 1, detail="waiting for ssh")
        + record("wait", began + 2, detail="waiting for ssh")
        + record("wait", began + 40, detail="waiting for ssh")
        + record("done", began + 41, elapsed_s=41.0)
    )
    screen.refresh()
    assert [" ".join(line.split()) for line in out.getvalue().splitlines()] == [
        "0.0 s machine node1: started",
        "1.0 s machine node1: waiting for ssh",
        "40.0 s machine node1: waiting for ssh",
        "41.0 s machine node1: done after 41.0 s",
    ]


def test_a_diagnostic_looks_as_terraform_shows_it_and_lines_stay_whole(progress: Path) -> None:
    screen, out = plain(progress)
    screen.diagnostic(ERROR)
    screen.diagnostic(Diagnostic("warning", "x" * 100))
    assert out.getvalue().splitlines()[:10] == [
        "╷", "│ Error: No such image", "│ ", "│   with halab_image.base,", "│ ",
        "│ It is in no cache.", "│ Run make prepare.", "╵", "╷", f"│ Warning: {'x' * 100}",
    ]  # fmt: skip


def test_on_a_terminal_what_is_under_way_stands_below(progress: Path) -> None:
    out = io.StringIO()
    terminal = Console(file=out, force_terminal=True, width=70, height=20, soft_wrap=True, color_system="standard")
    screen = Screen(terminal, Follower(progress))
    began = screen.timeline.began
    screen.expect([Change("halab_machine.node1", "halab_machine", "replace"), Change("a.b", "a", "noop")])
    progress.write_text(record("start", began) + record("wait", began, detail="waiting for ssh " + "x" * 100))
    screen.refresh()
    foot = out.getvalue()
    assert "0 of 2" in foot
    assert "waiting for ssh" in foot
    assert "x" * 60 not in foot, "a foot of more lines than were counted would stay behind"
    out.truncate(0)
    screen.event({"type": "apply_complete"})
    progress.write_text(progress.read_text() + record("done", began + 3, elapsed_s=3.0))
    screen.refresh()
    assert "done after 3.0 s" in out.getvalue()
    assert "1 of 2" in out.getvalue()
    out.truncate(0)
    screen.close()
    assert "waiting" not in out.getvalue()
    assert "\x1b[?25h" in out.getvalue(), "the cursor is back"


@pytest.mark.parametrize(("variables", "colour"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_no_colour_where_it_is_not_wanted(variables: dict[str, str], colour: bool, tmp_path: Path) -> None:
    program = (
        "from pathlib import Path\n"
        "from halab.cli.change.progress import Follower\n"
        "from halab.cli.change.screen import Screen, console\n"
        "from halab.cli.terraform.events import Diagnostic\n"
        "screen = Screen(console(), Follower(Path('none')))\n"
        "screen.diagnostic(Diagnostic('error', 'wrong'))\n"
        "screen.close()\n"
    )
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    done = subprocess.run(
        ["script", "-qec", f"{shlex.quote(sys.executable)} -c \"{program}\"", "/dev/null"],
        env={**environment, "TERM": "xterm-256color", **variables}, capture_output=True, text=True, check=True,
        stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip
    assert "│" in done.stdout
    assert ("\x1b[1;31m" in done.stdout) == colour
    if "TERM" in variables:
        assert "\x1b" not in done.stdout


def test_whoever_has_gone_away_is_told_nothing_more(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    with os.fdopen(write_end, "w") as stream:
        out = console(stream)
        out.print("one")
        os.close(read_end)
        for _ in range(3):
            out.print("two")
