"""Doors together: the first one that ends is told, whatever the others do; seats; a socket before its address."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable

import pytest

from halab.provider.fencing.doors.door import is_neighbour, serve_until_one_ends
from halab.provider.fencing.doors.tcp import SEATS_PER_PEER, TcpDoor


class Serving:
    """A door that does what it is told."""

    def __init__(self, name: str, serve: Callable[[], object]) -> None:
        self.name, self._serve = name, serve

    def serve(self) -> None:
        self._serve()


def _fail() -> None:
    raise OSError("its socket is gone")


@pytest.mark.parametrize("end", [_fail, lambda: None])
def test_the_first_door_that_ends_is_told(end: Callable[[], None]) -> None:
    on = threading.Event()
    assert serve_until_one_ends([Serving("well", on.wait), Serving("ill", end), Serving("well", on.wait)]) == "ill"
    on.set()


def test_one_peer_has_so_many_seats_and_gets_them_back() -> None:
    go, inside = threading.Event(), threading.Semaphore(0)

    def session(connection: socket.socket, peer: str) -> None:
        inside.release()
        go.wait(10)

    door = TcpDoor("a door", "127.0.0.1", 0, session)
    threading.Thread(target=door.serve, daemon=True).start()
    first = [socket.create_connection(("127.0.0.1", door.port), timeout=5) for _ in range(SEATS_PER_PEER)]
    for _ in first:
        assert inside.acquire(timeout=5)
    with socket.create_connection(("127.0.0.1", door.port), timeout=5) as late:
        assert late.recv(1) == b"", "hung up on at once"
    go.set()
    for one in first:
        assert one.recv(1) == b""
        one.close()
    with socket.create_connection(("127.0.0.1", door.port), timeout=5) as later:
        assert inside.acquire(timeout=5)
        assert later.recv(1) == b""


def test_a_session_that_fails_does_not_end_the_door() -> None:
    calls = threading.Semaphore(0)

    def session(connection: socket.socket, peer: str) -> None:
        calls.release()
        raise RuntimeError("a fault of ours")

    door = TcpDoor("a door", "127.0.0.1", 0, session)
    threading.Thread(target=door.serve, daemon=True).start()
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", door.port), timeout=5):
            assert calls.acquire(timeout=5)


@pytest.mark.parametrize(
    ("peer", "address", "near"),
    [("127.0.0.1", "127.0.0.1", True), ("127.0.0.1", "192.0.2.1", False), ("255.255.255.255", "127.0.0.1", False)],
)
def test_a_neighbour_is_who_is_reached_from_the_address(peer: str, address: str, near: bool) -> None:
    assert is_neighbour(peer, address) is near


def test_who_is_no_neighbour_is_hung_up_on(caplog: pytest.LogCaptureFixture) -> None:
    """The way to 127.0.0.1 begins there, and not at the door's address."""
    came = threading.Event()
    door = TcpDoor("a door", "127.0.0.2", 0, lambda connection, peer: came.set())
    threading.Thread(target=door.serve, daemon=True).start()
    with socket.create_connection(("127.0.0.2", door.port), timeout=5, source_address=("127.0.0.1", 0)) as connection:
        assert connection.recv(1) == b""
    assert "a door: 127.0.0.1: it is no neighbour" in caplog.text
    assert not came.is_set()
    door.stop()


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ECONNABORTED, errno.ENOBUFS])
def test_a_host_that_is_short_of_something_ends_no_door(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    served = threading.Event()
    door = TcpDoor("a door", "127.0.0.1", 0, lambda connection, peer: served.set())
    accept, failures = door._socket.accept, iter([OSError(number, "short"), OSError(number, "of it")])

    class Short:
        def accept(self) -> object:
            if failure := next(failures, None):
                raise failure
            return accept()

        def __getattr__(self, name: str) -> object:
            return getattr(listening, name)

    listening = door._socket
    monkeypatch.setattr(door, "_socket", Short())
    thread = threading.Thread(target=door.serve, daemon=True)
    thread.start()
    with socket.create_connection(("127.0.0.1", door.port), timeout=5):
        assert served.wait(5)
    door.stop()
    thread.join(5)
    assert not thread.is_alive(), "stopped, it has not failed"


def test_it_listens_where_no_address_is_yet() -> None:
    assert TcpDoor("a door", "192.0.2.1", 0, lambda connection, peer: None).port
