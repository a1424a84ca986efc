"""A dialogue over a real connection: what is sent when, and how long a silent peer is waited for."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from halab.provider.fencing.doors import tcp
from halab.provider.fencing.doors.tcp import SEATS, TcpDoor, telnet_session
from halab.provider.fencing.doors.terminal import Telnet
from halab.provider.fencing.doors.wti import Wti

SECRET = "talk2016"
LONG_S = 30.0


class Peer:
    """The other end. `fault`: with what the session ended, None when it ended in order."""

    def __init__(self, dialogue: Wti) -> None:
        self._ours, theirs = socket.socketpair()
        self._ours.settimeout(LONG_S)
        self.fault: OSError | None = None
        self._thread = threading.Thread(target=self._serve, args=(dialogue, theirs), daemon=True)
        self._thread.start()

    def _serve(self, dialogue: Wti, connection: socket.socket) -> None:
        with connection:
            try:
                telnet_session(dialogue, connection)
            except OSError as error:
                self.fault = error

    def type(self, line: str) -> None:
        self._ours.sendall(line.encode() + b"\r\n")

    def sees(self, words: bytes) -> bytes:
        """All that came, up to these words."""
        seen = b""
        while words not in seen:
            more = self._ours.recv(4096)
            assert more, f"it hung up after {seen!r}"
            seen += more
        return seen

    def ended(self) -> float:
        """How long it took until it hung up."""
        began = time.monotonic()
        while self._ours.recv(4096):
            pass
        self._thread.join(LONG_S)
        return time.monotonic() - began

    def close(self) -> None:
        self._ours.close()
        self._thread.join(LONG_S)


@pytest.fixture
def peer(domains: Any, power: Any) -> Iterator[Peer]:
    there = Peer(Wti(power, "peer", SECRET))
    yield there
    there.close()


def test_it_greets_answers_and_hangs_up_when_told(peer: Peer) -> None:
    assert peer.sees(b"Password: ").startswith(Telnet.greeting)
    peer.type(SECRET)
    peer.sees(b"IPS> ")
    peer.type("/S")
    assert b"node1" in peer.sees(b"IPS> ")
    peer.type("/X")
    peer.ended()
    assert peer.fault is None


def test_a_peer_that_hangs_up_ends_it_in_order(peer: Peer) -> None:
    peer.sees(b"Password: ")
    peer.close()
    assert peer.fault is None


@pytest.mark.parametrize(("login_s", "idle_s", "typed"), [(0.2, LONG_S, ()), (LONG_S, 0.2, (SECRET,))])
def test_a_silent_peer_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch, domains: Any, power: Any, login_s: float, idle_s: float, typed: tuple[str, ...]
) -> None:
    monkeypatch.setattr(tcp, "LOGIN_S", login_s)
    monkeypatch.setattr(tcp, "IDLE_S", idle_s)
    peer = Peer(Wti(power, "peer", SECRET))
    peer.sees(b"Password: ")
    for line in typed:
        peer.type(line)
        peer.sees(b"IPS> ")
    assert peer.ended() < LONG_S / 2
    assert isinstance(peer.fault, TimeoutError)
    peer.close()


def test_a_wrong_password_waits_for_its_answer(monkeypatch: pytest.MonkeyPatch, peer: Peer) -> None:
    monkeypatch.setattr(tcp, "PAUSE_S", 0.5)
    peer.sees(b"Password: ")
    peer.type("wrong")
    began = time.monotonic()
    peer.sees(b"Invalid password")
    assert time.monotonic() - began >= 0.5
    peer.ended()


def test_a_right_password_is_answered_at_once(monkeypatch: pytest.MonkeyPatch, peer: Peer) -> None:
    monkeypatch.setattr(tcp, "PAUSE_S", LONG_S)
    peer.sees(b"Password: ")
    peer.type(SECRET)
    peer.sees(b"IPS> ")


def test_a_door_has_so_many_seats_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "SEATS_PER_PEER", 2 * SEATS)
    go, inside = threading.Event(), threading.Semaphore(0)

    def session(connection: socket.socket, peer: str) -> None:
        inside.release()
        go.wait(LONG_S)

    door = TcpDoor("a door", "127.0.0.1", 0, session)
    threading.Thread(target=door.serve, daemon=True).start()
    seated = [socket.create_connection(("127.0.0.1", door.port), timeout=LONG_S) for _ in range(SEATS)]
    for _ in seated:
        assert inside.acquire(timeout=LONG_S)
    with socket.create_connection(("127.0.0.1", door.port), timeout=LONG_S) as late:
        assert late.recv(1) == b""
    go.set()
    for one in seated:
        one.close()
    door.stop()
