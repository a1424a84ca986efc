"""TCP doors: a thread for each session, as many at once as there are seats, and few of them for one peer."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable

from halab.provider.fencing.doors.door import freely_bound
from halab.provider.fencing.doors.terminal import Dialogue, Telnet

log = logging.getLogger("halab.power")

SEATS, SEATS_PER_PEER = 24, 6
LOGIN_S, IDLE_S, PAUSE_S = 10.0, 120.0, 1.0
_CHUNK = 512

Session = Callable[[socket.socket, str], None]


class TcpDoor:
    """Calls `session` with each connection and its peer's address; closes the connection when that returns."""

    def __init__(self, name: str, address: str, port: int, session: Session) -> None:
        self.name, self._session = name, session
        self._lock, self._seats = threading.Lock(), Counter[str]()
        self._socket = freely_bound(socket.socket(socket.AF_INET, socket.SOCK_STREAM), (address, port))
        self._socket.listen(64)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._socket.getsockname()[1])

    def serve(self) -> None:
        """Accept until the socket fails."""
        while True:
            with contextlib.suppress(ConnectionAbortedError):
                connection, (peer, _) = self._socket.accept()
                if self._seated(peer):
                    threading.Thread(target=self._serve, args=(connection, peer), daemon=True).start()
                else:
                    log.warning("%s: %s: no seat is free", self.name, peer)
                    connection.close()

    def _seated(self, peer: str) -> bool:
        with self._lock:
            free = self._seats.total() < SEATS and self._seats[peer] < SEATS_PER_PEER
            self._seats[peer] += free
            return free

    def _serve(self, connection: socket.socket, peer: str) -> None:
        try:
            with connection:
                self._session(connection, peer)
        except (OSError, EOFError) as error:
            log.info("%s: %s: %s", self.name, peer, error or type(error).__name__)
        except Exception:
            log.exception("%s: %s", self.name, peer)
        finally:
            with self._lock:
                self._seats[peer] -= 1
                if not self._seats[peer]:
                    del self._seats[peer]


def telnet_session(dialogue: Dialogue, connection: socket.socket) -> None:
    """A dialogue over telnet, until either side ends it."""
    telnet, began = Telnet(), time.monotonic()
    connection.sendall(Telnet.greeting + dialogue.greet())
    while not dialogue.ended:
        logging_in = not dialogue.echo
        connection.settimeout(max(0.01, began + LOGIN_S - time.monotonic()) if logging_in else IDLE_S)
        raw = connection.recv(_CHUNK)
        if not raw:
            return
        data, reply = telnet.receive(raw)
        out = reply + dialogue.receive(data)
        if dialogue.refused:
            time.sleep(PAUSE_S)
        connection.sendall(out)
