"""TCP doors: a thread for each session, as many at once as there are seats, and few of them for one peer."""

from __future__ import annotations

import errno
import logging
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable

from halab.provider.fencing.doors.door import freely_bound, is_neighbour
from halab.provider.fencing.doors.terminal import Dialogue, Telnet

log = logging.getLogger("halab.power")

SEATS, SEATS_PER_PEER = 32, 16
"""How many sessions a door has at once, and one peer: the last node of sixteen fences all others at the same time."""
LOGIN_S, IDLE_S, PAUSE_S = 10.0, 120.0, 1.0
_CHUNK = 512
_BREATH_S = 0.1
_PASSING = (errno.ECONNABORTED, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
"""What ends no door: who knocked is gone, or the host is short of something."""

Session = Callable[[socket.socket, str], None]


class TcpDoor:
    """Calls `session` with each connection and its peer's address; closes the connection when that returns."""

    def __init__(self, name: str, address: str, port: int, session: Session) -> None:
        self.name, self._address, self._session = name, address, session
        self._lock, self._seats, self._stopped = threading.Lock(), Counter[str](), False
        self._socket = freely_bound(socket.socket(socket.AF_INET, socket.SOCK_STREAM), (address, port))
        self._socket.listen(64)

    @property
    def port(self) -> int:
        """Where it listens: a free one where it was made with 0."""
        return int(self._socket.getsockname()[1])

    def serve(self) -> None:
        """Accept until the socket fails, or it is stopped."""
        while True:
            try:
                connection, (peer, _) = self._socket.accept()
            except OSError as error:
                if self._stopped:
                    return
                if error.errno not in _PASSING:
                    raise
                log.error("%s: %s", self.name, error)
                time.sleep(_BREATH_S)  # until something is free again; whoever waits in the queue keeps waiting
                continue
            self._admit(connection, peer)

    def stop(self) -> None:
        """Let nobody in any more. Sessions go on to their end."""
        self._stopped = True
        self._socket.shutdown(socket.SHUT_RDWR)  # ends `accept`
        self._socket.close()

    def _admit(self, connection: socket.socket, peer: str) -> None:
        refusal = "it is no neighbour" if not is_neighbour(peer, self._address) else self._seated(peer)
        if refusal:
            log.warning("%s: %s: %s", self.name, peer, refusal)
            connection.close()
            return
        threading.Thread(target=self._serve, args=(connection, peer), daemon=True).start()

    def _seated(self, peer: str) -> str:
        """Takes a seat; why there is none."""
        with self._lock:
            if self._seats.total() >= SEATS or self._seats[peer] >= SEATS_PER_PEER:
                return "no seat is free"
            self._seats[peer] += 1
            return ""

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
