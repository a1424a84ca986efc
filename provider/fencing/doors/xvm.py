"""fence_virtd's protocol, which fence_xvm (multicast) and fence_virt (TCP) speak.

A request is 176 bytes, signed with SHA-256 over key and request. Then both sides challenge each other, and the answer
is one byte (a list of machines before it, if one was asked for). (ClusterLabs/fence-agents: agents/virt/include/xvm.h,
common/simple_auth.c, server/mcast.c, server/tcp.c)
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import socket
import struct
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Final

from halab.provider.fencing.doors.power import Power, PowerFailed

log = logging.getLogger("halab.power")

# request, hash type, address length, flags; domain, address, port, random, sequence, family, hash
_REQUEST = struct.Struct("=BBBB64s28sH6sII64s")
REQUEST_BYTES: Final = _REQUEST.size
CHALLENGE_BYTES: Final = 64
_HASH_BYTES = 64
_SHA256 = 2
OFF, REBOOT, ON, STATUS, DEVSTATUS, HOSTLIST = range(1, 7)
DONE, FAILED, IS_OFF, DENIED, LIST = 0, 1, 2, 3, 253
_ROW = struct.Struct("64s64sBB")
_REMEMBERED_S = 60.0


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks for. `port` and `address`: where it waits to be called back, in its multicast requests.

    It is the address that it signed: its packet's own one may have been translated on the way.
    """

    kind: int
    domain: str
    port: int
    sequence: int
    address: str = ""

    @classmethod
    def parse(cls, packet: bytes) -> Request:
        """From REQUEST_BYTES bytes."""
        kind, _, _, _, domain, raw, port, _, sequence, family, _ = _REQUEST.unpack(packet)
        address = socket.inet_ntoa(raw[:4]) if family == socket.AF_INET else ""
        return cls(kind, domain.split(b"\0")[0].decode("ascii", "replace"), port, sequence, address)

    def signed(self, key: bytes) -> bytes:
        """The packet."""
        raw = socket.inet_aton(self.address or "0.0.0.0")
        parts = (self.domain.encode(), raw, self.port, os.urandom(6), self.sequence, socket.AF_INET)
        unsigned = _REQUEST.pack(self.kind, _SHA256, 0, 0, *parts, bytes(_HASH_BYTES))
        return unsigned[:-_HASH_BYTES] + _padded(hashlib.sha256(key + unsigned))


def _padded(digest: hashlib._Hash) -> bytes:
    return digest.digest().ljust(_HASH_BYTES, b"\0")


def answered(key: bytes, challenge: bytes) -> bytes:
    """What who has the key says to a challenge."""
    return _padded(hashlib.sha256(key + challenge))


# Wants so many bytes, gives bytes to send. The first `next` asks for the first bytes.
Exchange = Generator[tuple[bytes, int], bytes, None]


class Xvm:
    """All requests to one lab's machines."""

    def __init__(self, power: Power, key: bytes) -> None:
        self._power, self._key = power, key
        self._lock = threading.Lock()
        self._seen: dict[tuple[Request, str], float] = {}
        self._open: set[bytes] = set()  # our challenges that are not answered yet

    def genuine(self, packet: bytes) -> bool:
        """Signed with our key, by SHA-256: a client may not choose a weaker hash, or none."""
        if len(packet) != REQUEST_BYTES or packet[1] != _SHA256:
            return False
        right = hashlib.sha256(self._key + packet[:-_HASH_BYTES] + bytes(_HASH_BYTES))
        return hmac.compare_digest(_padded(right), packet[-_HASH_BYTES:])

    def repeated(self, request: Request, peer: str) -> bool:
        """Whether it came before: fence_xvm sends its request again and again until somebody calls back."""
        now = time.monotonic()
        with self._lock:
            self._seen = {key: then for key, then in self._seen.items() if now - then < _REMEMBERED_S}
            return (request, peer) in self._seen or self._seen.update({(request, peer): now}) is not None

    def exchange(self, packet: bytes, peer: str) -> Exchange:
        """From a genuine packet on: yields (bytes to send, how many to read next), and is sent what was read."""
        challenge = yield b"", CHALLENGE_BYTES
        with self._lock:
            ours = os.urandom(CHALLENGE_BYTES)
            if challenge in self._open:
                # A challenge of ours from another connection: who has no key wants us to answer it.
                log.warning("xvm: %s sends our own challenge back", peer)
                return
            self._open.add(ours)
        try:
            theirs = yield answered(self._key, challenge) + ours, CHALLENGE_BYTES
        finally:
            with self._lock:
                self._open.discard(ours)
        if not hmac.compare_digest(theirs, answered(self._key, ours)):
            log.warning("xvm: %s does not have the key", peer)
            return
        yield self._carry_out(Request.parse(packet), peer), 0

    def _carry_out(self, request: Request, peer: str) -> bytes:
        try:
            match request.kind:
                case 5:
                    return bytes([DONE])
                case 6:
                    return self._list()
            uuid = self._power.find(request.domain)
            if uuid is None:
                log.warning("xvm: %s may not switch %r", peer, request.domain)
                return bytes([DENIED])
            if request.kind == STATUS:
                return bytes([DONE if self._power.is_on(uuid) else IS_OFF])
            return bytes([self._switch(request.kind, uuid, peer)])
        except PowerFailed as failed:
            log.error("xvm: %s", failed)
            return bytes([FAILED])

    def _switch(self, kind: int, uuid: str, peer: str) -> int:
        if kind not in (OFF, ON, REBOOT):
            return FAILED
        log.info("xvm: %s: %s %s", peer, {OFF: "off", ON: "on", REBOOT: "reboot"}[kind], uuid)
        if kind != ON:
            self._power.switch(uuid, "off")
        if kind == ON:
            self._power.switch(uuid, "on")
            return DONE if self._power.is_on(uuid) else FAILED
        if kind == REBOOT:
            try:
                self._power.switch(uuid, "on")
            except PowerFailed as failed:  # it was seen off: it is fenced
                log.error("xvm: %s", failed)
        return DONE

    def _list(self) -> bytes:
        states = self._power.states().items()
        rows = [
            _ROW.pack(s.name.encode("ascii", "replace")[:63], uuid.encode(), s.on is not False, 0) for uuid, s in states
        ]
        return bytes([LIST]) + b"".join(rows) + bytes(_ROW.size) + bytes([DONE])
