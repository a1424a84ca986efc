"""SSH doors: what a stranger may send, and what comes of a wrong key or password."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable

import paramiko
import pytest
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL

from halab.provider.fencing.doors import ssh
from halab.provider.fencing.doors.machines import Machines
from halab.provider.fencing.doors.power import Power
from halab.provider.fencing.doors.ssh import STRANGER_BYTES, SshSessions
from halab.provider.fencing.doors.tcp import TcpDoor
from halab.provider.fencing.doors.wti import Wti
from halab.provider.fencing.power_files import PowerFiles

KEY, OTHER = paramiko.ECDSAKey.generate(), paramiko.ECDSAKey.generate()


class Endless:
    """A socket whose peer says as much as is asked for."""

    def __init__(self) -> None:
        self.asked = list[int]()

    def recv(self, count: int) -> bytes:
        self.asked.append(count)
        return bytes(count)


def test_a_stranger_is_heard_little_at_once_and_little_in_all() -> None:
    endless = Endless()
    wary = ssh._Wary(endless)  # type: ignore[arg-type]
    heard = 0
    while data := wary.recv(1 << 32):
        heard += len(data)
    assert heard <= STRANGER_BYTES
    assert max(endless.asked) <= 1 << 16


def test_who_has_logged_in_is_heard_on() -> None:
    wary = ssh._Wary(Endless())  # type: ignore[arg-type]
    wary.trusts = lambda: True
    assert sum(len(wary.recv(1 << 20)) for _ in range(100)) > 10 * STRANGER_BYTES


@pytest.fixture
def sessions(files: PowerFiles, monkeypatch: pytest.MonkeyPatch) -> SshSessions:
    monkeypatch.setattr(ssh, "PAUSE_S", 0.2)
    power = Power("test:///default", Machines(files))
    return SshSessions(
        KEY, "super", lambda peer: Wti(power, peer, None), password="the-password", client_key=KEY
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ask", "answer"),
    [
        (lambda caller: caller.check_auth_password("super", "the-password"), AUTH_SUCCESSFUL),
        (lambda caller: caller.check_auth_password("super", "wrong"), AUTH_FAILED),
        (lambda caller: caller.check_auth_password("super", b"\xff\xfe"), AUTH_FAILED),
        (lambda caller: caller.check_auth_password("root", "the-password"), AUTH_FAILED),
        (lambda caller: caller.check_auth_publickey("super", KEY), AUTH_SUCCESSFUL),
        (lambda caller: caller.check_auth_publickey("super", OTHER), AUTH_FAILED),
        (lambda caller: caller.check_auth_publickey("root", KEY), AUTH_FAILED),
    ],
)
def test_who_is_wrong_waits_and_is_logged(
    sessions: SshSessions, ask: Callable[[ssh._Caller], int], answer: int, caplog: pytest.LogCaptureFixture
) -> None:
    began = time.monotonic()
    assert ask(ssh._Caller(sessions, "192.0.2.1")) == answer
    failed = answer == AUTH_FAILED
    assert (time.monotonic() - began >= 0.2) is failed
    assert ("ssh: 192.0.2.1: wrong user or" in caplog.text) is failed
    assert "the-password" not in caplog.text


def test_a_packet_that_says_it_is_endless_ends_its_connection(sessions: SshSessions) -> None:
    door = TcpDoor("ssh", "127.0.0.1", 0, sessions)
    threading.Thread(target=door.serve, daemon=True).start()
    sent = 0
    with socket.create_connection(("127.0.0.1", door.port), timeout=10) as connection:
        connection.sendall(b"SSH-2.0-x\r\n" + struct.pack(">I", 0x40000000 - 4) + b"\x04")
        with contextlib.suppress(ConnectionError):
            while sent < 1 << 26:
                sent += connection.send(bytes(1 << 14))
    door.stop()
    assert sent < 1 << 24, "what stands in sockets' buffers, and a little more"


def test_a_dialogue_is_talked_to(sessions: SshSessions) -> None:
    door = TcpDoor("ssh", "127.0.0.1", 0, sessions)
    threading.Thread(target=door.serve, daemon=True).start()
    transport = paramiko.Transport(("127.0.0.1", door.port))
    try:
        transport.connect(username="super", password="the-password")
        channel = transport.open_session()
        channel.invoke_shell()
        seen = b""
        while b"IPS>" not in seen:
            seen += channel.recv(1024)
    finally:
        transport.close()
        door.stop()
