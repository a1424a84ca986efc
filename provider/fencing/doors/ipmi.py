"""An IPMI 2.0 BMC over LAN, as much as fence_ipmilan (ipmitool -I lanplus) needs: power state and power control.

Datagram in, datagram out. Cipher suites 17 and 3 only, no IPMI 1.5. Sessions are few and are forgotten. Power control
is answered at once and carried out by a worker, as a real BMC does it: ipmitool asks again after two seconds, and would
have one power-off carried out three times. (IPMI 2.0 revision 1.1: 13.17-13.24 RAKP, 28.2-28.3 chassis commands)
"""

from __future__ import annotations

import hmac
import logging
import os
import struct
import uuid
from collections.abc import Callable

from halab.provider.fencing.doors import ipmi_packets as packets
from halab.provider.fencing.doors.ipmi_packets import SUITES, Keys
from halab.provider.fencing.doors.ipmi_sessions import Session, Sessions
from halab.provider.fencing.doors.power import Action, PowerFailed

log = logging.getLogger("halab.power")

USERNAME = "fence"
_ADMINISTRATOR = 4
_OK, _INVALID_COMMAND, _INVALID_FIELD, _UNSPECIFIED = 0x00, 0xC1, 0xCC, 0xFF
_NO_SUITE, _WRONG_CHECK = 0x11, 0x0F  # RMCP+ status codes (13.24)
_CONTROLS: dict[int, Action] = {0: "off", 1: "on", 2: "cycle", 3: "cycle", 4: "nmi", 5: "shutdown"}


class Bmc:
    """One BMC. `machine`: whose it is now; `is_on` and `control` act on that machine, `control` returns at once."""

    def __init__(
        self,
        password: bytes,
        machine: Callable[[], str | None],
        is_on: Callable[[str], bool],
        control: Callable[[str, Action], bool],
    ) -> None:
        self._password, self._machine, self._is_on, self._control = password, machine, is_on, control
        self._guid = uuid.uuid4().bytes
        self._sessions = Sessions()

    def datagram(self, data: bytes, peer: str = "") -> bytes | None:
        """The answer; None when there is none. Whatever the datagram holds, nothing is raised."""
        machine = self._machine()
        if machine is None or len(data) < 16:
            return None
        try:
            if data[:4] == packets.RMCP and data[4] == 0x00:  # IPMI 1.5 format: only the question what we speak
                return self._outside(data[14 : 14 + data[13]], modern=False)
            kind, sid, payload = packets.payload_of(data)
            match kind:
                case packets.OPEN:
                    return self._open(machine, payload, peer)
                case packets.RAKP1:
                    return self._rakp1(payload, peer)
                case packets.RAKP3:
                    return self._rakp3(payload, peer)
                case packets.SEALED:  # nothing less inside a session
                    return self._inside(machine, sid, data, peer)
                case 0x00 if sid == bytes(4):
                    return self._outside(payload, modern=True)
        except (IndexError, struct.error, ValueError) as error:
            log.debug("ipmi: %s: malformed: %r", peer, error)
        return None

    # --- before a session

    def _outside(self, message: bytes, *, modern: bool) -> bytes | None:
        if not packets.right(message):
            return None
        function, command, data = message[1] >> 2, message[5], message[6:-1]
        if (function, command) == (6, 0x38):  # channel authentication capabilities: IPMI 2.0, user names
            body = bytes([_OK, 1, 0x80, 0x04, 0x02, 0, 0, 0, 0])
        elif (function, command) == (6, 0x54):  # channel cipher suites
            record = (bytes([0xC0, s.number, s.authentication, 0x40 | s.integrity, 0x81]) for s in SUITES.values())
            index = data[2] & 0x3F
            body = bytes([_OK, 1]) + b"".join(record)[16 * index : 16 * index + 16]
        else:
            return None
        said = packets.answer(message, body)
        return packets.plain(0, said) if modern else packets.RMCP + bytes(9) + bytes([len(said)]) + said

    def _open(self, machine: str, payload: bytes, peer: str) -> bytes:
        tag, console, confidentiality = payload[0], payload[4:8], payload[28]
        suite = SUITES.get((payload[12], payload[20]))
        if suite is None or confidentiality != packets.AES_CBC_128:
            return packets.plain(packets.OPEN_ANSWER, bytes([tag, _NO_SUITE, 0, 0]) + console)
        ours = self._sessions.begin(machine, console, suite, peer)
        chosen = (suite.authentication, suite.integrity, packets.AES_CBC_128)
        algorithms = b"".join(bytes([kind, 0, 0, 8, number, 0, 0, 0]) for kind, number in enumerate(chosen))
        head = bytes([tag, 0, _ADMINISTRATOR, 0])
        return packets.plain(packets.OPEN_ANSWER, head + console + ours + algorithms)

    def _rakp1(self, payload: bytes, peer: str) -> bytes | None:
        sid = payload[4:8]
        session = self._sessions.get(sid)
        if session is None or session.our_random or len(payload) < 28 + payload[27] or self._sessions.waits(peer):
            return None
        session.console_random = payload[8:24]
        session.who = bytes([payload[24], payload[27]]) + payload[28 : 28 + payload[27]]
        session.our_random = os.urandom(16)
        # An unknown user gets an answer all the same, made with a key that nobody has: names cannot be tried out.
        key = self._password if self._known(session) else os.urandom(20)
        told = session.console + sid + session.console_random + session.our_random + self._guid + session.who
        code = session.suite.digest(key, told)
        head = bytes([payload[0], 0, 0, 0]) + session.console
        return packets.plain(packets.RAKP2, head + session.our_random + self._guid + code)

    def _known(self, session: Session) -> bool:
        return session.who[2:] == USERNAME.encode()

    def _rakp3(self, payload: bytes, peer: str) -> bytes | None:
        sid = payload[4:8]
        session = self._sessions.get(sid)
        if session is None or not session.our_random or session.keys is not None:
            return None
        right = session.suite.digest(self._password, session.our_random + session.console + session.who)
        if payload[1] or not self._known(session) or not hmac.compare_digest(right, payload[8:]):
            log.warning("ipmi: %s: wrong password", peer)
            self._sessions.end(sid)
            self._sessions.failed(peer)
            return packets.plain(packets.RAKP4, bytes([payload[0], _WRONG_CHECK, 0, 0]) + session.console)
        told = session.console_random + session.our_random + session.who
        sik = session.suite.digest(self._password, told)
        session.keys = Keys.of(session.suite, sik)
        session.touch()
        check = session.suite.digest(sik, session.console_random + sid + self._guid)[: session.suite.check_bytes]
        return packets.plain(packets.RAKP4, bytes([payload[0], 0, 0, 0]) + session.console + check)

    # --- inside a session

    def _inside(self, machine: str, sid: bytes, data: bytes, peer: str) -> bytes | None:
        session = self._sessions.get(sid)
        if session is None or session.keys is None:
            return None
        opened = session.keys.unseal(data)
        if opened is None or not packets.right(opened[1]):
            return None
        number, message = opened
        if session.machine != machine:  # the plug has another machine now
            self._sessions.end(sid)
            return None
        if not session.is_new(number) or (session.closed and message != session.last[0]):
            return None
        session.touch()
        if message != session.last[0]:  # else: it came again, because our answer was late or got lost
            session.last = (message, packets.answer(message, self._carry_out(session, message, peer)))
        session.sent += 1
        return session.keys.seal(session.console, session.sent, session.last[1])

    def _carry_out(self, session: Session, message: bytes, peer: str) -> bytes:
        function, command, data = message[1] >> 2, message[5], message[6:-1]
        try:
            match function, command:
                case 6, 0x3B:  # set session privilege level
                    return bytes([_OK, data[0] or _ADMINISTRATOR])
                case 6, 0x3C:  # close session; the answer, and its repetition, still need the keys
                    session.close()
                    return bytes([_OK])
                case 6, 0x01:  # device ID
                    return bytes([_OK, 0x20, 1, 1, 0, 0x02, 0, 0, 0, 0, 0, 0])
                case 0, 0x01:  # chassis status
                    return bytes([_OK, int(self._is_on(session.machine)), 0, 0])
                case 0, 0x02:  # chassis control
                    return bytes([self._controlled(session, data[0] & 0x0F, peer)])
        except PowerFailed as failed:
            log.error("ipmi: %s", failed)
            return bytes([_UNSPECIFIED])
        return bytes([_INVALID_COMMAND])

    def _controlled(self, session: Session, number: int, peer: str) -> int:
        action = _CONTROLS.get(number)
        if action is None:
            return _INVALID_FIELD
        log.info("ipmi: %s: %s %s", peer, action, session.machine)
        return _OK if self._control(session.machine, action) else _UNSPECIFIED
