"""Who listens where, from the kernel's own tables (proc(5), /proc/net/tcp). Pure."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from halab.cli.doctor.facts import Listener

# TCP_LISTEN; a UDP socket that is not connected is TCP_CLOSE.
_WAITS = {"tcp": "0A", "udp": "07"}


def listeners(kind: str, table: str) -> Iterator[Listener]:
    """`kind` is tcp or udp, `table` the text of /proc/net/tcp, tcp6, udp or udp6."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        if fields[3] == _WAITS[kind]:
            address, _, port = fields[1].rpartition(":")
            yield Listener(kind, _address(address), int(port, 16))


def _address(words: str) -> str:
    """The kernel prints 32-bit words in the host's own order: little-endian on all hosts of a lab."""
    raw = b"".join(bytes.fromhex(words[at : at + 8])[::-1] for at in range(0, len(words), 8))
    text = socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)
    return text.removeprefix("::ffff:") if "." in text else text
