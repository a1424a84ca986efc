"""What all doors have in common: a socket on an address that may come later, and an end that is everybody's end."""

from __future__ import annotations

import logging
import queue
import socket
import threading
from collections.abc import Sequence
from typing import Protocol

log = logging.getLogger("halab.power")

_IP_FREEBIND = 15  # linux/in.h; the socket module has no name for it before Python 3.14


class Door(Protocol):
    """One way in. It listens from the moment it is made."""

    name: str

    def serve(self) -> None:
        """Serve; returning or raising means that it is dead."""


def freely_bound(socket_: socket.socket, address: tuple[str, int], *, shared: bool = True) -> socket.socket:
    """Bind, also to an address that comes after us: a bridge that is made later, or made anew."""
    if shared:  # not for UDP: two could have the same port
        socket_.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    socket_.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
    socket_.bind(address)
    return socket_


def is_neighbour(peer: str, address: str) -> bool:
    """Whether the way to `peer` begins at `address`.

    Linux answers at each of its addresses on every interface: a machine on another lab's bridge could knock here, too.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((peer, 9))  # nothing is sent
        except OSError:  # there is no way
            return False
        return bool(probe.getsockname()[0] == address)


def serve_until_one_ends(doors: Sequence[Door]) -> str:
    """Serve all doors, each in a thread; returns, with its name, when the first of them has ended."""
    ended: queue.SimpleQueue[str] = queue.SimpleQueue()

    def serve(door: Door) -> None:
        try:
            door.serve()
            log.critical("the door %s has ended", door.name)
        except BaseException:
            log.critical("the door %s has failed", door.name, exc_info=True)
        finally:
            ended.put(door.name)

    for door in doors:
        threading.Thread(target=serve, args=(door,), name=door.name, daemon=True).start()
    return ended.get()
