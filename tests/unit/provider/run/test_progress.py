"""The progress file is for whoever watches: no change fails because it cannot be written."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import pytest

from halab.cli.change.progress import Follower
from halab.provider.protocol import STR, Attr, Block
from halab.provider.protocol.redaction import MASK, Redactor
from halab.provider.run.progress import Progress


def told(path: Path) -> list[tuple[str, str]]:
    return [(record.event, record.name) for record in Follower(path).new_records()]


def test_a_full_disk_costs_lines_only(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        Progress(Path("/dev/full"), str)("start", "host", "halab_host", "one", "node1")
    assert "No space left" in caplog.text


def test_a_line_that_found_room_in_part_spoils_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, write = tmp_path / "progress.jsonl", os.write
    progress = Progress(path, str)
    progress("start", "host", "halab_host", "one", "node1")
    monkeypatch.setattr(os, "write", lambda descriptor, text: write(descriptor, text[:20]))
    progress("start", "host", "halab_host", "two", "node2")
    monkeypatch.undo()
    progress("done", "host", "halab_host", "one", "node1")
    progress("start", "host", "halab_host", "three", "node3")
    assert told(path) == [("start", "one"), ("done", "one"), ("start", "three")]


def test_no_secret_gets_into_it(tmp_path: Path) -> None:
    redactor = Redactor()
    redactor.learn(Block(attrs={"password": Attr(STR, required=True, sensitive=True)}), {"password": "tr0ub4dor"})
    Progress(tmp_path / "progress.jsonl", redactor)("failed", "host", "halab_file", "one", "node1", "cat: tr0ub4dor?")
    (line,) = (tmp_path / "progress.jsonl").read_text().splitlines()
    assert json.loads(line)["detail"] == f"cat: {MASK}?"
