"""fence_xvm's and fence_virt's ways in: TCP, and multicast on the lab's bridge, which is answered by a call back."""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import threading
from typing import Final

from halab.provider.fencing.doors.door import freely_bound, is_neighbour
from halab.provider.fencing.doors.names import GROUP
from halab.provider.fencing.doors.xvm import REQUEST_BYTES, Request, Xvm

log = logging.getLogger("halab.power")

DEADLINE_S: Final = 5.0  # of each step
_JOIN_S = 5.0
_CALLS = 16  # back to clients, at once
_IP_MULTICAST_ALL = 49  # linux/in.h; the socket module has no name for it


def exactly(connection: socket.socket, count: int) -> bytes:
    """So many bytes. Raises ConnectionError when the peer ends before."""
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise ConnectionError("closed early")
        data += more
    return data


def _exchange(xvm: Xvm, connection: socket.socket, packet: bytes, peer: str) -> None:
    exchange = xvm.exchange(packet, peer)
    with contextlib.suppress(StopIteration), contextlib.closing(exchange):
        out, wanted = next(exchange)
        while True:
            connection.sendall(out)
            out, wanted = exchange.send(exactly(connection, wanted))


def tcp_session(xvm: Xvm, connection: socket.socket, peer: str) -> None:
    """One request of fence_virt."""
    connection.settimeout(DEADLINE_S)
    packet = exactly(connection, REQUEST_BYTES)
    if xvm.genuine(packet):
        _exchange(xvm, connection, packet, peer)
    else:
        log.warning("xvm: %s: not signed with our key", peer)


class MulticastDoor:
    """Hears the group on the interface of `address` only."""

    name = "xvm multicast"

    def __init__(self, address: str, port: int, xvm: Xvm) -> None:
        self._address, self._xvm = address, xvm
        self._calls = threading.BoundedSemaphore(_CALLS)
        # Bound to the group: what is sent to this host alone is not for this door.
        self._socket = freely_bound(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), (GROUP, port))
        self._socket.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)  # another lab's bridge is not for it either
        self._socket.settimeout(_JOIN_S)
        self._join()

    def serve(self) -> None:
        """Until the socket fails."""
        while True:
            try:
                packet, (peer, _) = self._socket.recvfrom(512)
            except TimeoutError:
                self._join()
                continue
            if not is_neighbour(peer, self._address):
                log.warning("xvm: %s: multicast of who is no neighbour", peer)
            elif not self._xvm.genuine(packet):
                log.warning("xvm: %s: multicast that is not signed with our key", peer)
            elif not self._xvm.repeated(Request.parse(packet), peer) and self._calls.acquire(blocking=False):
                threading.Thread(target=self._call_back, args=(packet, peer), daemon=True).start()

    def _join(self) -> None:
        """Again and again: a bridge that was made anew has no members."""
        membership = socket.inet_aton(GROUP) + socket.inet_aton(self._address)
        try:
            self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        except OSError as error:
            # The bridge is not there now; or it has joined already.
            if error.errno not in (errno.ENODEV, errno.EADDRINUSE):
                raise
        else:
            log.info("xvm: joined %s on the interface of %s", GROUP, self._address)

    def _call_back(self, packet: bytes, peer: str) -> None:
        request = Request.parse(packet)
        try:
            with socket.create_connection((request.address or peer, request.port), DEADLINE_S) as connection:
                connection.settimeout(DEADLINE_S)
                _exchange(self._xvm, connection, packet, request.address or peer)
        except OSError as error:
            log.info("xvm: %s at %s:%d: %s", peer, request.address, request.port, error)
        finally:
            self._calls.release()
