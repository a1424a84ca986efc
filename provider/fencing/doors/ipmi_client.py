"""The client's half of an IPMI session: whether a BMC answers who has the password."""

from __future__ import annotations

import hmac
import os
import socket
import struct
from typing import Final

from halab.provider.fencing.doors import ipmi_packets as packets
from halab.provider.fencing.doors.ipmi import USERNAME
from halab.provider.fencing.doors.ipmi_packets import SUITES, Keys, Suite

_SUITE: Final = next(suite for suite in SUITES.values() if suite.number == 17)
_CONSOLE: Final = b"LOOK"
_ADMINISTRATOR = 4
_TRIES = 3


class Refused(Exception):
    """The BMC does not take the password, or does not prove that it has it."""


class Client:
    """One session at a BMC. Raises OSError (TimeoutError) when it does not answer."""

    def __init__(self, address: str, port: int, password: str, timeout_s: float, suite: Suite = _SUITE) -> None:
        self._password, self._suite, self._sequence = password.encode(), suite, 0
        self._who = bytes([0x10 | _ADMINISTRATOR, len(USERNAME)]) + USERNAME.encode()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(timeout_s / _TRIES)
        self._socket.connect((address, port))

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def log_in(self) -> None:
        """Open a session. Raises Refused."""
        chosen = (self._suite.authentication, self._suite.integrity, packets.AES_CBC_128)
        asked = b"".join(bytes([kind, 0, 0, 8, number, 0, 0, 0]) for kind, number in enumerate(chosen))
        opened = self._ask(packets.OPEN, bytes(4) + _CONSOLE + asked)
        self._theirs, ours = opened[8:12], os.urandom(16)
        role, length = self._who[:2]
        told = bytes([1, 0, 0, 0]) + self._theirs + ours + bytes([role, 0, 0, length]) + self._who[2:]
        second = self._ask(packets.RAKP1, told)
        random, guid, code = second[8:24], second[24:40], second[40:]
        proof = _CONSOLE + self._theirs + ours + random + guid + self._who
        if not hmac.compare_digest(code, self._suite.digest(self._password, proof)):
            raise Refused("it has another password")
        third = self._suite.digest(self._password, random + _CONSOLE + self._who)
        self._ask(packets.RAKP3, bytes([2, 0, 0, 0]) + self._theirs + third)
        self._keys = Keys.of(self._suite, self._suite.digest(self._password, ours + random + self._who))

    def is_on(self) -> bool | None:
        """The chassis' power (after `log_in`); None when the BMC cannot tell."""
        answer = self.command(0, 0x01)
        return bool(answer[1] & 1) if answer[0] == 0 else None

    def command(self, net_function: int, command: int, data: bytes = b"") -> bytes:
        """The answer's body, from the completion code on."""
        self._sequence += 1
        message = packets.request(net_function, command, data, self._sequence)
        sealed = self._keys.seal(self._theirs, self._sequence, message)
        opened = self._keys.unseal(self._exchange(sealed))
        if opened is None:
            raise Refused("its answer is not sealed with our keys")
        return opened[1][6:-1]

    def _ask(self, kind: int, payload: bytes) -> bytes:
        try:
            _, _, answer = packets.payload_of(self._exchange(packets.plain(kind, payload)))
        except (ValueError, IndexError, struct.error) as error:
            raise Refused(f"it does not speak RMCP+: {error}") from error
        if len(answer) < 8 or answer[1] != 0:
            raise Refused(f"status {answer[1] if len(answer) > 1 else '?'} at message {kind:#x}")
        return answer

    def _exchange(self, packet: bytes) -> bytes:
        for remaining in reversed(range(_TRIES)):
            self._socket.send(packet)
            try:
                return self._socket.recv(1024)
            except TimeoutError:
                if not remaining:
                    raise
        raise AssertionError("not reached")
