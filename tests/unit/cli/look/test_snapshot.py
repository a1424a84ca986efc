"""What is kept of a look, and what a silent machine keeps of the last one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from halab.cli.look.snapshot import Glance, dump, parse, recall, remember

from .samples import AT, lab, member


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    glanced = replace(member(1), glance=Glance(AT + 1, "<x/>"))
    for snapshot in (
        lab(),
        lab(glanced),
        lab(endpoint=None, site=None),
        lab(replace(member(1), answer=None, silence="no answer")),
    ):
        assert parse(dump(snapshot)) == snapshot
        remember(tmp_path / "seen.json", snapshot)
        assert recall(tmp_path / "seen.json") == snapshot
    assert (tmp_path / "seen.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"format": 0}', '{"format": 1, "lab": "x"}'])
def test_what_is_none_is_refused_and_not_recalled(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        parse(text)
    (tmp_path / "seen.json").write_text(text)
    assert recall(tmp_path / "seen.json") is None
    assert recall(tmp_path / "none.json") is None
    (tmp_path / "seen.json").write_bytes(b"\xff\xfe")
    assert recall(tmp_path / "seen.json") is None


def test_a_silent_machine_keeps_what_it_said_last_and_only_if_it_is_the_same_machine() -> None:
    now = lab(replace(member(1), answer=None, silence="x"), replace(member(2), uuid="new", answer=None, silence="x"))
    first, second, _ = now.with_memories(lab()).machines
    assert first.answer
    assert (first.answer.at, first.silence) == (AT, "x")
    assert second.answer is None
    assert now.with_memories(None) == now
