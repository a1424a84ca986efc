"""RMCP+ packets: frames, seals, keys. (IPMI 2.0 revision 1.1: 13.6 RMCP+, 13.28 algorithms, 13.29 encryption)"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

OPEN, OPEN_ANSWER, RAKP1, RAKP2, RAKP3, RAKP4 = 0x10, 0x11, 0x12, 0x13, 0x14, 0x15
SEALED: Final = 0xC0  # an IPMI message, encrypted and authenticated
RMCP: Final = b"\x06\x00\xff\x07"
AES_CBC_128: Final = 1
_RMCP_PLUS = 0x06
_BLOCK = 16


@dataclass(frozen=True, slots=True)
class Suite:
    """A cipher suite with AES-CBC-128: its number, its algorithms' numbers, its hash, the length of a check value."""

    number: int
    authentication: int
    integrity: int
    hash: Callable[..., Any]
    check_bytes: int

    def digest(self, key: bytes, data: bytes) -> bytes:
        """HMAC."""
        return hmac.digest(key, data, self.hash)


# Never 0, 1, 2: no password at all, or no encryption.
SUITES: Final = {
    (suite.authentication, suite.integrity): suite
    for suite in (Suite(17, 3, 4, hashlib.sha256, 16), Suite(3, 1, 1, hashlib.sha1, 12))
}


@dataclass(frozen=True, slots=True)
class Keys:
    """A session's keys, from its session integrity key."""

    suite: Suite
    integrity: bytes
    cipher: bytes

    @classmethod
    def of(cls, suite: Suite, sik: bytes) -> Keys:
        """K1 and K2 (13.32)."""
        return cls(suite, suite.digest(sik, b"\x01" * 20), suite.digest(sik, b"\x02" * 20)[:_BLOCK])

    def seal(self, to: bytes, sequence: int, message: bytes) -> bytes:
        """The packet that carries `message` to the session ID `to`."""
        payload = _encrypted(self.cipher, message)
        packet = bytes([_RMCP_PLUS, SEALED]) + to + struct.pack("<IH", sequence, len(payload)) + payload
        pad = -(len(packet) + 2) % 4
        packet += b"\xff" * pad + bytes([pad, 0x07])
        return RMCP + packet + self.suite.digest(self.integrity, packet)[: self.suite.check_bytes]

    def unseal(self, data: bytes) -> tuple[int, bytes] | None:
        """Sequence number and message of a packet; None when it is not sealed with these keys. ValueError."""
        length = self.suite.check_bytes
        right = self.suite.digest(self.integrity, data[4:-length])[:length]
        if len(data) < 16 + length or not hmac.compare_digest(right, data[-length:]):
            return None
        sequence, size = struct.unpack_from("<IH", data, 10)
        return sequence, _decrypted(self.cipher, data[16 : 16 + size])


def plain(kind: int, payload: bytes) -> bytes:
    """A packet outside a session."""
    return RMCP + bytes([_RMCP_PLUS, kind]) + bytes(8) + struct.pack("<H", len(payload)) + payload


def payload_of(data: bytes) -> tuple[int, bytes, bytes]:
    """Payload type, session ID and payload of an RMCP+ packet. Raises ValueError, IndexError, struct.error."""
    if data[:4] != RMCP or data[4] != _RMCP_PLUS:
        raise ValueError("no RMCP+ packet")
    (length,) = struct.unpack_from("<H", data, 14)
    payload = data[16 : 16 + length]
    if len(payload) != length:
        raise ValueError("cut off")
    return data[5], data[6:10], payload


def request(net_function: int, command: int, data: bytes, sequence: int) -> bytes:
    """A message from a console to a BMC."""
    head = bytes([0x20, net_function << 2])
    rest = bytes([0x81, sequence << 2 & 0xFF, command]) + data
    return head + bytes([_sum(head)]) + rest + bytes([_sum(rest)])


def answer(asked: bytes, body: bytes) -> bytes:
    """A BMC's message for the message `asked`; the body begins with the completion code."""
    to, function, _, sender, sequence, command = asked[:6]
    head = bytes([sender, ((function >> 2) + 1) << 2 & 0xFF | sequence & 3])
    rest = bytes([to, sequence & 0xFC | function & 3, command]) + body
    return head + bytes([_sum(head)]) + rest + bytes([_sum(rest)])


def right(message: bytes) -> bool:
    """Whether a message is whole: both of its sums are right."""
    return len(message) >= 7 and _sum(message[:2]) == message[2] and _sum(message[3:-1]) == message[-1]


def _sum(data: bytes) -> int:
    return -sum(data) & 0xFF


def _encrypted(key: bytes, data: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    pad, initial = -(len(data) + 1) % _BLOCK, os.urandom(_BLOCK)
    aes = Cipher(algorithms.AES(key), modes.CBC(initial)).encryptor()
    return initial + aes.update(data + bytes(range(1, pad + 1)) + bytes([pad])) + aes.finalize()


def _decrypted(key: bytes, data: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    if len(data) < 2 * _BLOCK or len(data) % _BLOCK:
        raise ValueError("no whole blocks")
    aes = Cipher(algorithms.AES(key), modes.CBC(data[:_BLOCK])).decryptor()
    text: bytes = aes.update(data[_BLOCK:]) + aes.finalize()
    if text[-1] >= _BLOCK:
        raise ValueError("no padding")
    return text[: -1 - text[-1]]
