"""The lab's own lock: one run at a time, and what a killed one was doing is known to the next."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from halab.provider.guests.hosts import Hosts
from halab.provider.run.changes import Changes
from halab.provisioners.engine.command import Command, Result
from halab.provisioners.engine.errors import Interrupted, TimedOut
from halab.provisioners.engine.host import Pace
from halab.provisioners.engine.interrupted import VARIABLE
from halab.provisioners.engine.ssh import Address

NAME = "changes.lock"
HOLD = """
import sys, threading
from pathlib import Path
from halab.provider.run.changes import Changes
with Changes(Path(sys.argv[1], "changes.lock"), "killed").under_way(threading.Event()):
    print("held", flush=True)
    sys.stdin.read()
"""


def never() -> threading.Event:
    return threading.Event()


def other_run(directory: Path) -> subprocess.Popen[str]:
    """Another process that holds the lock."""
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    return other


def test_a_lock_is_let_go_when_its_file_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_descriptor: int, _length: int) -> None:
        raise OSError("I/O error")

    changes = Changes(tmp_path / NAME, "one")
    with pytest.raises(OSError, match="I/O error"), changes.under_way(never()):
        monkeypatch.setattr("os.ftruncate", broken)
    monkeypatch.undo()
    other = Changes(tmp_path / NAME, "another", time_scale=0.0)
    with other.under_way(never()):
        assert other.crashed == {"one"}, "it could not say that it was done"


def test_operations_of_one_run_overlap_and_leave_no_name(tmp_path: Path) -> None:
    changes = Changes(tmp_path / NAME, "one")
    with changes.under_way(never()):
        with changes.under_way(never()):
            pass
        assert (tmp_path / NAME).read_text() == "one"
    assert (tmp_path / NAME).read_text() == ""
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600
    with changes.under_way(never()):
        assert changes.crashed == frozenset()


def test_another_run_is_waited_for(tmp_path: Path) -> None:
    with other_run(tmp_path) as other:
        threading.Timer(0.5, other.communicate, [""]).start()
        changes = Changes(tmp_path / NAME, "two")
        with changes.under_way(never()):
            assert other.wait(5) == 0  # it ended in order
            assert changes.crashed == frozenset()


def test_a_run_that_was_killed_is_known(tmp_path: Path) -> None:
    with other_run(tmp_path) as other:
        other.send_signal(signal.SIGKILL)
    changes = Changes(tmp_path / NAME, "two")
    with changes.under_way(never()):
        assert changes.crashed == {"killed"}
        assert (tmp_path / NAME).read_text() == "two killed"  # should this one be killed too
    with Changes(tmp_path / NAME, "three").under_way(never()):
        pass


def test_on_a_full_disk_the_names_of_earlier_runs_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int, _text: bytes, _offset: int) -> None:
        raise OSError("No space left on device")

    with other_run(tmp_path) as other:
        other.send_signal(signal.SIGKILL)
    monkeypatch.setattr("os.pwrite", full)
    with pytest.raises(OSError, match="No space left"), Changes(tmp_path / NAME, "two").under_way(never()):
        pass
    monkeypatch.undo()
    changes = Changes(tmp_path / NAME, "three")
    with changes.under_way(never()):
        assert changes.crashed == {"killed"}


def test_a_run_whose_command_may_still_go_on_is_known(tmp_path: Path) -> None:
    unfinished = threading.Event()
    changes = Changes(tmp_path / NAME, "cut-off", unfinished=unfinished)
    for _ in range(2):
        with changes.under_way(never()):
            unfinished.set()
        assert changes.crashed == frozenset(), "its own"
    other = Changes(tmp_path / NAME, "two")
    with other.under_way(never()):
        assert other.crashed == {"cut-off"}
    assert (tmp_path / NAME).read_text() == ""


def test_waiting_ends(tmp_path: Path) -> None:
    with other_run(tmp_path) as other:
        with (
            pytest.raises(TimedOut, match="another run still changes this lab"),
            Changes(tmp_path / NAME, "two", 0.001).under_way(never()),
        ):
            pass
        stop = never()
        stop.set()
        with pytest.raises(Interrupted), Changes(tmp_path / NAME, "two").under_way(stop):
            pass
        other.communicate("")


def test_many_operations_wait_for_one_deadline(tmp_path: Path) -> None:
    with other_run(tmp_path) as other:
        changes, began = Changes(tmp_path / NAME, "two", 1 / 180), time.monotonic()
        refused: list[TimedOut] = []

        def operate() -> None:
            try:
                with changes.under_way(never()):
                    pytest.fail("another run holds the lock")
            except TimedOut as error:
                refused.append(error)

        operations = [threading.Thread(target=operate) for _ in range(5)]
        for operation in operations:
            operation.start()
        for operation in operations:
            operation.join()
        assert len(refused) == 5
        assert 0.9 < time.monotonic() - began < 2.5, "each second of the five would be one deadline more"
        other.communicate("")
        with changes.under_way(never()):
            pass


class View:
    """A machine that runs."""

    uuid, name, hostname, address, host_key = "u1", "summit-node1", "node1", "10.0.0.1", "ssh-ed25519 AAAA"
    pause = None

    class presence:
        name = "RUNNING"


class Inventory:
    def machine(self, uuid: str) -> View:
        return View()


class Guest:
    """In it runs, at first, what the killed run began."""

    name = "node1"

    def __init__(self, address: Address, pace: Pace) -> None:
        self.left = ["mkfs.gfs2\n", ""]
        self.asked: list[str] = []
        guests.append(self)

    def run(self, command: Command, timeout_s: float) -> Result:
        self.asked.append(command.what)
        if VARIABLE in str(command):
            assert command.argv[-1] == "killed"
            return Result(command, 0, self.left.pop(0), "")
        return Result(command, 0, 'ID=debian\nVERSION_ID="13"\n', "")

    def put(self, path: str, content: bytes, mode: int, owner: str) -> None:
        raise AssertionError(path)


guests: list[Guest] = []


def test_what_it_began_in_a_guest_is_waited_for_once() -> None:
    guests.clear()
    hosts = Hosts(Inventory(), lambda: [Path("/nowhere")], 1.0, dial=Guest)  # type: ignore[arg-type]
    hosts.machine("u1", never())
    assert not any("interrupted" in asked for asked in guests[0].asked)
    hosts.crashed = frozenset({"killed"})
    for _ in range(2):
        hosts.machine("u1", never())
    assert [asked for asked in guests[0].asked if "interrupted" in asked] == [
        "look for what an interrupted run began"
    ] * 2
    assert guests[0].left == []
