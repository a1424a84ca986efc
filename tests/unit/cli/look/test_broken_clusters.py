"""What real clusters showed when they were broken on purpose, judged."""

from __future__ import annotations

import pytest

from halab.cli.look.judgement import judge

from .broken import VERSIONS, WHOLE, broken, snapshot, verdict
from .captured import captured


@pytest.mark.parametrize(("pacemaker", "name"), [(version, name) for version in VERSIONS for name in broken(version)])
def test_what_is_said_of_it(pacemaker: str, name: str) -> None:
    wanted = broken(pacemaker)[name]
    report = judge(snapshot(captured(pacemaker, name, wanted.off), wanted.off))
    assert verdict(report, wanted.off) == wanted
    assert not report.healthy


@pytest.mark.parametrize("pacemaker", VERSIONS)
def test_nothing_is_said_of_a_whole_one(pacemaker: str) -> None:
    assert verdict(judge(snapshot(captured(pacemaker, "whole"), ())), ()) == WHOLE
