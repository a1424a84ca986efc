"""make sweep: the provider is told which snapshots belong to checkpoints."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from halab.cli.checkpoint.kept import RECORD, Kept, Shelf
from halab.cli.leftovers import sweep
from halab.constructs.settings import load
from halab.provider.run.folder import LabFolder


def test_snapshots_of_checkpoints_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a record that cannot be read nobody knows: nothing is looked for then."""
    asked: list[Any] = []

    def run(*_: object, **given: Any) -> subprocess.CompletedProcess[str]:
        asked.append(json.loads(given["input"])["snapshots"])
        return subprocess.CompletedProcess([], 0, "[]", "")

    folder = LabFolder(tmp_path)
    monkeypatch.setattr(sweep, "lab_folder", lambda _: folder)
    monkeypatch.setattr(subprocess, "run", run)
    Shelf(folder).put(Kept("a", "halab-a-1", "2026-11-27T08:30:00Z", ()), {})
    sweep.ask_provider(load({}, {}), [], [])
    (folder.checkpoints / "a" / RECORD).write_text("{")
    with pytest.raises(sweep.SweepFailed, match="cannot be read"):
        sweep.ask_provider(load({}, {}), [], [])
    assert asked == [["halab-a-1"]]
