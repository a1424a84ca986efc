"""What listens to a lab in a thread: what ends it too early is an error where the listening ends."""

from __future__ import annotations

import errno
import io
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import libvirt
import pytest
import requests

from halab.cli.drill import clients, listening
from halab.cli.drill.clients import SiteClient
from halab.cli.drill.ear import Ear, NotHeard
from halab.cli.drill.guest_stream import GuestStream
from halab.cli.drill.listening import ConsoleTail, Ears, Journal, PowerEar
from halab.cli.drill.recording import EVENTS, LISTENED, Recorder
from halab.cli.look.deployed import Deployed, KnownMachine
from tests.unit.provider.hypervisor.machine.test_happenings import URI, reset_by_hand

MACHINE = KnownMachine("u1", "node1", "10.0.0.1", "", "pen", "", "", True)


def _until(seen: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def full(tmp_path: Path) -> Recorder:
    """A recorder whose disk is full."""
    folder = tmp_path / "drills/run"
    folder.mkdir(parents=True, mode=0o700)
    (folder / EVENTS).symlink_to("/dev/full")
    return Recorder(folder)


class FullForAMoment(io.StringIO):
    def write(self, text: str, /) -> int:
        if "lost" in text:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


def test_a_disk_that_is_full_for_a_moment_is_told_at_the_end(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "drills/run")
    recorder._file.close()
    recorder._file = FullForAMoment()  # type: ignore[assignment]
    with pytest.raises(OSError, match="No space left"):
        recorder.add("lost")
    recorder.add("over")
    with pytest.raises(OSError, match="has holes") as raised:
        recorder.close()
    assert raised.value.errno == errno.ENOSPC
    recorder.add("lost")


def test_an_error_of_a_thread_is_raised_where_it_ends() -> None:
    ear = Ear("the site", lambda: [][0])
    ear.start()
    with pytest.raises(NotHeard, match="the site was not heard to the end: IndexError") as raised:
        ear.end()
    assert isinstance(raised.value.__cause__, IndexError)


def test_an_error_of_the_block_goes_on_with_a_note() -> None:
    ear = Ear("the site", lambda: [][0])
    ear.start()
    error = KeyboardInterrupt()
    ear.end(error)
    assert "the site was not heard to the end" in error.__notes__[0]


def test_a_site_client_that_cannot_record_is_an_error(full: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "ask", lambda url: ("node1", ""))
    client = SiteClient("http://192.0.2.50/", full)
    with pytest.raises(NotHeard, match="No space left"), client:
        _until(lambda: client._ear.error is not None)
    with pytest.raises(OSError, match="has holes"):
        full.close()


def test_a_stream_whose_line_cannot_be_heard_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text("#!/bin/sh\necho one\nexec sleep 600\n")
    ssh.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    stream = GuestStream(tmp_path / "ssh_config", "node1", lambda: ["journalctl"], lambda line: int(line))  # type: ignore[arg-type]
    with pytest.raises(NotHeard, match=r"node1.*ValueError"), stream:
        _until(lambda: stream._ear.error is not None)
    assert stream._process is not None
    assert stream._process.returncode is not None, "its program was ended, and waited for"


class Broken:
    """A console whose libvirt goes away after the first look."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self._first = True

    def news(self) -> bytes:
        if self._first:
            self._first = False
            return b""
        self.asked.set()
        raise libvirt.libvirtError("the connection is closed")


def test_a_console_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    console: Any = Broken()
    with (
        pytest.raises(NotHeard, match=r"console of node1.*libvirtError"),
        ConsoleTail(MACHINE, console, Recorder(tmp_path / "drills/run")),
    ):
        assert console.asked.wait(20)


def test_an_event_of_libvirts_that_cannot_be_recorded_is_an_error(full: Recorder) -> None:
    connection = libvirt.open(URI)
    uuid = connection.lookupByName("test").UUIDString()

    def reset() -> None:
        reset_by_hand(connection)
        _until(lambda: len(full.events("power")) >= 2)

    with pytest.raises(NotHeard, match=r"libvirt was not heard.*No space"), PowerEar({uuid: "node1"}, full, URI):
        reset()
    connection.close()


def test_a_libvirt_that_was_away_meanwhile_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(tmp_path / "drills/run")
    with PowerEar({}, recorder, URI):
        pass
    with pytest.raises(NotHeard, match="connection broke"), PowerEar({}, recorder, URI):
        monkeypatch.setattr(libvirt.virConnect, "isAlive", lambda _: 0)


def test_a_clock_that_cannot_be_recorded_is_an_error(full: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "clock_of", lambda *_: ("b", 1.0, 0.1))
    place: Any = type("Place", (), {"ssh_config": Path()})
    journal = Journal("node1", place, full)
    with pytest.raises(NotHeard, match="clock of node1"):
        Ears({"node1": journal}, None, []).measure_clocks()
    with pytest.raises(OSError, match="No space"):
        journal.hear('{"__CURSOR":"c1","_BOOT_ID":"b","__MONOTONIC_TIMESTAMP":"1500000","MESSAGE":"hello"}')
    _until(lambda: journal._clocks[0].error is not None)
    with pytest.raises(NotHeard, match="clock of node1"):
        journal.over(None, None, None)


def test_a_site_that_answers_late_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no(url: str) -> str:
        raise requests.ConnectionError

    monkeypatch.setattr(requests.Session, "get", lambda *_, **__: no(""))
    recorder = Recorder(tmp_path / "drills/run")
    with SiteClient("http://192.0.2.50/", recorder):
        _until(lambda: len(recorder.events("site")) > 1)


@pytest.mark.parametrize(("gfs2", "address", "watchers"), [("", "192.0.2.50", 1), ("/mnt", "", 1), ("", "", 0)])
def test_who_has_the_address_is_watched_where_nobody_can_write(
    gfs2: str, address: str, watchers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text('#!/bin/sh\ncase "$*" in *journalctl*) echo "{";; *) echo "address 0"; esac\nexec sleep 600\n')
    ssh.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    node = replace(MACHINE, cluster="pen", console_log="")
    place: Any = type("Place", (), {"ssh_config": tmp_path / "ssh_config", "uri": URI})
    recorder = Recorder(tmp_path / "drills/run")
    lab = Deployed((node,), None, "")
    with listening.listening(place, lab, recorder, gfs2, address) as ears:
        assert len(ears.writers) == bool(gfs2)
    assert len(recorder.events("address")) == watchers
    assert len(recorder.events(LISTENED)) == 1
