"""The screen: what stands on it, at the widths that people have, with and without colour."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from halab.cli.look.judgement import judge
from halab.cli.look.screen import draw
from halab.cli.look.snapshot import Power, Snapshot
from halab.provider.hypervisor.machine.presence import Presence

from .samples import AT, MEMBER, lab, member


def _drawn(snapshot: Snapshot, width: int, colour: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=colour, color_system="standard" if colour else None)
    console.print(draw(judge(snapshot)))
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_a_healthy_lab_fits_one_screen_and_tells_where_all_is(width: int) -> None:
    lines = _drawn(lab(), width).splitlines()
    assert lines[0].startswith("summit is healthy")
    assert len(lines) <= 24
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    for words in (
        "node2   running  up 12 min  192.168.77.12  online, serves the site",
        "3 of 3 online, quorum (2 needed), DC node3, Pacemaker 3.0.0",
        "endpoint https://192.168.77.1:8000 answers",
        "session  node1 node2 node3  logged in",
        "GFS2     node1 node2 node3  gfs0 on /var/www/html, 3.4 GiB free",
        "http://192.168.77.50/ answers in 0.12 s, from node2",
    ):
        assert words in text
    assert "\x1b" not in text


def test_faults_stand_first_and_what_was_set_apart_from_them() -> None:
    broken = member(3, MEMBER.replace("answers 4096 943718 900000", "dd: error reading '/dev/x': Input/output error"))
    text = _drawn(lab(member(1), member(2), broken), 80)
    headline, _, first, *_ = text.splitlines()
    assert headline.startswith("summit: 1 fault ")
    assert first.split() == ["Wrong", "node3", "GFS2", "at", "/var/www/html:", "Input/output", "error"]


def test_a_silent_machine_is_shown_with_the_age_of_what_is_known() -> None:
    answer = member(3).answer
    assert answer
    silent = replace(
        member(3), power=Power(Presence.RUNNING), silence="no answer within 5 s", answer=replace(answer, at=AT - 7200)
    )
    assert "silent, heard 2 h 0 min ago" in _drawn(lab(member(1), member(2), silent), 120)
    never = replace(silent, answer=None)
    assert "silent, never heard" in _drawn(lab(member(1), member(2), never), 120)


def test_what_comes_from_guests_is_no_markup() -> None:
    odd = member(3, MEMBER.replace("answers 4096 943718 900000", "[bold]x[/bold] [/]"))
    assert "[bold]x[/bold] [/]" in _drawn(lab(member(1), member(2), odd), 120)


def test_colour_is_there_on_a_terminal() -> None:
    assert "\x1b[32msummit is healthy" in _drawn(lab(), 80, colour=True)
