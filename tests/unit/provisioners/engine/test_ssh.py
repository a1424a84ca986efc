"""A command whose end nobody has heard: it may go on in its guest, and the next run is to know."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from halab.provisioners.engine.command import cmd
from halab.provisioners.engine.errors import ConnectError, HalabError, TimedOut
from halab.provisioners.engine.host import Pace
from halab.provisioners.engine.interrupted import UNFINISHED
from halab.provisioners.engine.ssh import Address, SshTransport


@pytest.fixture(autouse=True)
def finished() -> Iterator[None]:
    assert not UNFINISHED.is_set()
    yield
    UNFINISHED.clear()


class Channel:
    """A session whose command is sent, and then it breaks."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def settimeout(self, _seconds: float) -> None: ...

    def exec_command(self, _line: str) -> None:
        raise self._error

    def close(self) -> None: ...


class Connection:
    def __init__(self, opened: Channel | Exception) -> None:
        self._opened = opened

    def is_active(self) -> bool:
        return True

    def open_session(self, timeout: float) -> Channel:
        assert timeout > 0
        if isinstance(self._opened, Exception):
            raise self._opened
        return self._opened

    def close(self) -> None: ...


def run(monkeypatch: pytest.MonkeyPatch, opened: Channel | Exception) -> None:
    transport = SshTransport(Address("node1", "192.0.2.1", "ssh-ed25519 AAAA", Path("/nowhere")), Pace())
    monkeypatch.setattr(transport, "_connect", lambda: Connection(opened))
    transport.run(cmd("mkfs.gfs2", "/dev/x"), 1.0)


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (TimeoutError(), TimedOut),
        (OSError("Connection timed out"), ConnectError),
        (EOFError(), ConnectError),
        (paramiko.SSHException("Channel closed."), ConnectError),
    ],
)
def test_a_command_whose_end_is_not_known_is_remembered(
    monkeypatch: pytest.MonkeyPatch, error: Exception, raised: type[HalabError]
) -> None:
    with pytest.raises(raised):
        run(monkeypatch, Channel(error))
    assert UNFINISHED.is_set()


def test_a_command_that_was_never_sent_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConnectError, match="no session"):
        run(monkeypatch, OSError("Connection reset"))
    assert not UNFINISHED.is_set()


class Trickle(Channel):
    """A program that says something now and then, and never ends."""

    closed = False

    def __init__(self, takes_input: bool = True) -> None:
        self.status_event, self._takes_input, self._timeout_s = threading.Event(), takes_input, 0.0

    def settimeout(self, seconds: float) -> None:
        self._timeout_s = seconds

    def exec_command(self, _line: str) -> None: ...

    def recv_stderr(self, _count: int) -> bytes:
        return b""

    def send(self, _data: bytes) -> int:
        time.sleep(0.01)
        return 1

    def shutdown_write(self) -> None:
        assert self._takes_input

    def exit_status_ready(self) -> bool:
        return False

    def recv(self, _count: int) -> bytes:
        time.sleep(min(0.05, self._timeout_s))
        return b"."


@pytest.mark.parametrize("stdin", ["", "x" * 10_000])
def test_a_command_has_one_deadline_however_much_it_says(monkeypatch: pytest.MonkeyPatch, stdin: str) -> None:
    transport = SshTransport(Address("node1", "192.0.2.1", "ssh-ed25519 AAAA", Path("/nowhere")), Pace())
    monkeypatch.setattr(transport, "_connect", lambda: Connection(Trickle(takes_input=not stdin)))
    began = time.monotonic()
    with pytest.raises(TimedOut, match="did not end within"):
        transport.run(cmd("yes", stdin=stdin), 0.5)
    assert 0.4 < time.monotonic() - began < 2
    assert UNFINISHED.is_set()


def test_tracebacks_of_paramikos_threads_are_not_for_a_terminal() -> None:
    logs = "import logging; logging.getLogger('paramiko.transport').error('Exception (client): no banner')"
    program = f"from halab.provisioners.engine.ssh import load; load(); {logs}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
