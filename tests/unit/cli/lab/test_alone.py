"""One command at a time works on a lab, each with a handle of its own."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from halab.cli.lab.alone import alone
from halab.provider.run.folder import LabFolder

DEADLINE_S = 60.0


class Other:
    """Another command on the lab: waits for it, and works on it until it is told to end."""

    def __init__(self, folder: LabFolder) -> None:
        self.told: list[str] = []
        self.waits, self.works, self.end = threading.Event(), threading.Event(), threading.Event()
        self._folder = folder
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        with alone(self._folder, self._hear):
            self.works.set()
            self.end.wait(DEADLINE_S)

    def _hear(self, line: str) -> None:
        self.told.append(line)
        self.waits.set()


@pytest.mark.parametrize("destroyed", [False, True])
def test_the_second_one_waits_for_the_first(tmp_path: Path, destroyed: bool) -> None:
    folder = LabFolder.of(tmp_path, "summit")
    with alone(folder, print):
        other = Other(folder)
        assert other.waits.wait(DEADLINE_S)
        assert other.told == ["another command is at work on this lab: waiting for its end"]
        assert not other.works.is_set()
        if destroyed:
            shutil.rmtree(folder.path)
    assert other.works.wait(DEADLINE_S)
    third = Other(folder)
    assert third.waits.wait(DEADLINE_S), "the lock is that of the folder that is there"
    other.end.set()
    assert third.works.wait(DEADLINE_S)
    third.end.set()
    for one in (other, third):
        one.thread.join(DEADLINE_S)
        assert not one.thread.is_alive()
