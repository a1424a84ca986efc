"""What the page is told: news as they come, each fact with its age, a silent machine in nobody's way."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from halab.cli.console.contract import CONTRACT, Ages, Overview
from halab.cli.console.typescript import typescript
from halab.cli.look.snapshot import Power
from halab.provider.hypervisor.machine.presence import Presence
from tests.unit.cli.look.samples import lab

from .recorded import hostile, served


def _news(lines: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.startswith(b"data: "):
            yield json.loads(line[6:])


def test_a_change_is_pushed(tmp_path: Path) -> None:
    with served(tmp_path) as stage:
        session = stage.logged_in("watch")
        with session.get(f"{stage.url}/api/events", stream=True, timeout=10) as stream:
            news = _news(stream.iter_lines(chunk_size=1))
            first = next(news)
            assert first["report"]["faults"] == []
            began = time.monotonic()
            stage.watch.board.powers({"uuid3": Power(Presence.OFF)})
            while not (told := next(news))["report"]["faults"]:
                pass
            assert time.monotonic() - began < 1
            assert [fault["what"] for fault in told["report"]["faults"]] == ["node3"]
            text = hostile(stage)
            while not (told := next(news))["lines"]:
                pass
            assert told["lines"][0]["text"] == text


def test_a_silent_machine_keeps_what_it_said_last(tmp_path: Path) -> None:
    with served(tmp_path) as stage:
        before = stage.watch.overview().report
        assert before
        stage.watch.board.heard("uuid2", "no answer within 5 s")
        after = stage.watch.overview().report
        assert after
        was, is_ = (next(m for m in one.machines if m.name == "node2") for one in (before, after))
        assert (was.answers, is_.answers) == (True, False)
        assert was.heard_at == is_.heard_at
        assert [fault.text for fault in after.faults] == ["does not answer: no answer within 5 s"]


def test_a_stream_ends_with_its_session(tmp_path: Path) -> None:
    with served(tmp_path) as stage:
        session = stage.logged_in()
        with session.get(f"{stage.url}/api/events", stream=True, timeout=10) as stream:
            lines = stream.iter_lines(chunk_size=1)
            next(_news(lines))
            session.post(f"{stage.url}/api/logout", json={}, timeout=10)
            stage.watch.board.powers({"uuid3": Power(Presence.OFF)})
            rest = list(lines)
        assert b"event: ended" in rest


def test_without_a_lab_the_page_says_so() -> None:
    told = asdict(Overview(0.0, None, Ages(None, None, None), (), "No lab is deployed."))
    assert told["trouble"] == "No lab is deployed."


def test_the_contract_names_every_field() -> None:
    text = typescript()
    for one in CONTRACT:
        assert f"export interface {one.__name__} {{" in text
        for field in fields(one):
            assert f"readonly {field.name}: " in text
    assert text.count("export interface Report {") == 1
    assert lab().lab not in text
