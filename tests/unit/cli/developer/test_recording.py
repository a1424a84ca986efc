"""A picture of a terminal shows what stood there."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from halab.cli.developer import record
from halab.cli.developer.picture import svg
from halab.cli.developer.recording import Recording, excerpt


def recorded(*pieces: tuple[float, str]) -> Recording:
    return Recording("make deploy", "/home/me/lab", pieces)


def test_lines_that_were_written_anew_stand_as_they_were_written_last() -> None:
    foot = recorded((1.0, "done\r\n  1 of 2\r\nbusy"), (2.0, "\r\x1b[2K\x1b[1A\x1b[2Kalso done\r\n  2 of 2"))
    assert foot.lines(1.5) == ["done", "  1 of 2", "busy"]
    assert foot.lines() == ["done", "also done", "  2 of 2"]


@pytest.mark.parametrize("text", ["abc\rd", "\x1b[5;5Hthere", "a\x1b[K"])
def test_what_is_not_understood_is_not_guessed(text: str) -> None:
    with pytest.raises(ValueError, match=r"written over|not understood"):
        recorded((0.0, text)).lines()


def test_an_excerpt_has_the_command_a_moment_and_the_end() -> None:
    text = excerpt(recorded((1.0, "one\r\ntwo\r\n"), (9.0, "see /home/me/lab/x\r\n\r\n")), 5.0, 1, 1)
    assert text.splitlines() == ["$ make deploy", "⋮", "two", "⋮", "see ~/halab/x"]


def test_a_command_on_a_terminal_is_recorded_with_its_exit_code(tmp_path: Path) -> None:
    cast = tmp_path / "file.cast"
    code = "import os; print(os.get_terminal_size().columns, 'ä'); raise SystemExit(3)"
    assert record.main([str(cast), sys.executable, "-c", code]) == 3
    assert Recording.read(cast).lines() == ["100 ä"]


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text(json.dumps({"version": 3}))
    with pytest.raises(ValueError, match="no asciicast"):
        Recording.read(path)


def test_the_picture_asks_nobody_for_a_font() -> None:
    drawn = svg("\x1b[32m✓\x1b[0m done & ready\n", "make deploy")
    assert "url(http" not in drawn
    assert "✓" in drawn
    assert "done&#160;&amp;&#160;ready" in drawn
