"""Hears the installer's own log, which it sends by UDP: there stand the reasons of what its console says in a word."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_MOST_BYTES = 8 << 20
_DATAGRAM_BYTES = 1 << 16
_LOOK_S = 0.2
_PRIORITY = re.compile(r"^<[0-9]+>", re.MULTILINE)
_COMPLAINT = re.compile(r"(?<![\w-])(?:error|fail|failed|failure|cannot|can't|bad|fatal)(?![\w-])", re.IGNORECASE)


class InstallerLog:
    """What was heard by now; the first megabytes of it."""

    def __init__(self, address: str, port: int) -> None:
        self.address, self.port = address, port
        self._heard = bytearray()

    def hear(self, datagram: bytes) -> None:
        if len(self._heard) < _MOST_BYTES:
            self._heard += datagram.rstrip(b"\n\0") + b"\n"

    @property
    def text(self) -> str:
        return _PRIORITY.sub("", self._heard.decode(errors="replace"))

    def complaints(self, most: int) -> list[str]:
        """The last lines that tell of an error, but for files that were not there: whoever serves them knows."""
        return [line for line in self.text.splitlines() if _COMPLAINT.search(line) and "ERROR 404" not in line][-most:]


@contextmanager
def heard(address: str) -> Iterator[InstallerLog]:
    """Listens at one of this host's addresses, at a port that is free. OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind((address, 0))
        ear.settimeout(_LOOK_S)
        log, over = InstallerLog(address, ear.getsockname()[1]), threading.Event()

        def listen() -> None:
            while not over.is_set():
                try:
                    log.hear(ear.recv(_DATAGRAM_BYTES))
                except TimeoutError:
                    continue

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        try:
            yield log
        finally:
            over.set()
            thread.join()
