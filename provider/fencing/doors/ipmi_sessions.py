"""A BMC's sessions: few, none for ever, and each packet counts once. (IPMI 2.0 revision 1.1: 6.12.13-6.12.15)"""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass, field

from halab.provider.fencing.doors.ipmi_packets import Keys, Suite

HANDSHAKE_S, IDLE_S, CLOSED_S, PAUSE_S = 30.0, 60.0, 1.0, 1.0
MAX_SESSIONS, MAX_BEGINNINGS = 64, 8
"""In all, and of one peer that has not logged in yet."""
_WINDOW = 16  # how far behind the newest a packet's number may be


@dataclass(slots=True)
class Session:
    """One of them; `until` (monotonic) it lives. `last`: the newest request and the answer to it."""

    machine: str
    console: bytes  # the client's session ID
    suite: Suite
    peer: str
    until: float
    who: bytes = b""  # role, length of the name, name
    console_random: bytes = b""
    our_random: bytes = b""
    keys: Keys | None = None
    closed: bool = False
    sent: int = 0
    last: tuple[bytes, bytes] = (b"", b"")  # a request that is repeated is not carried out again
    _newest: int = 0
    _seen: set[int] = field(default_factory=set)

    def is_new(self, number: int) -> bool:
        """Whether a packet of that number is neither old nor here already: whoever listens could send it once more."""
        if number + _WINDOW < self._newest or number in self._seen:
            return False
        self._newest = max(self._newest, number)
        self._seen = {one for one in self._seen if one + _WINDOW >= self._newest} | {number}
        return True

    def touch(self) -> None:
        """It was used. One that is closed has its time all the same."""
        if not self.closed:
            self.until = time.monotonic() + IDLE_S

    def close(self) -> None:
        """Over, but for a repetition of the request that closed it: its answer may get lost."""
        self.closed, self.until = True, time.monotonic() + CLOSED_S


class Sessions:
    """All of a BMC, by the IDs that it gave them."""

    def __init__(self) -> None:
        self._all: dict[bytes, Session] = {}
        self._failures: dict[str, float] = {}

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._all)

    def get(self, sid: bytes) -> Session | None:
        """The one of that ID, unless it is over."""
        session = self._all.get(sid)
        if session is not None and session.until < time.monotonic():
            del self._all[sid]
            return None
        return session

    def begin(self, machine: str, console: bytes, suite: Suite, peer: str) -> bytes:
        """The ID of a new one."""
        now = time.monotonic()
        self._make_room(now, peer)
        sid = os.urandom(4)
        self._all[sid] = Session(machine, console, suite, peer, now + HANDSHAKE_S)
        return sid

    def end(self, sid: bytes) -> None:
        """Forget it."""
        del self._all[sid]

    def failed(self, peer: str) -> None:
        """That peer has a wrong password, and waits before it may try again."""
        now = time.monotonic()
        self._failures = {one: until for one, until in self._failures.items() if until > now}
        self._failures[peer] = now + PAUSE_S

    def waits(self, peer: str) -> bool:
        """Whether it still has to."""
        return self._failures.get(peer, 0.0) > time.monotonic()

    def _make_room(self, now: float, peer: str) -> None:
        """Forget what is over; then beginnings, those of `peer` if it has many, so that who has no password pushes out
        neither a session nor somebody else's log-in; then the oldest."""
        self._all = {sid: one for sid, one in self._all.items() if one.until >= now}
        begun = {sid: one for sid, one in self._all.items() if one.keys is None}
        of_peer = Counter(one.peer for one in begun.values())
        if of_peer[peer] >= MAX_BEGINNINGS:
            begun = {sid: one for sid, one in begun.items() if one.peer == peer}
        elif len(self._all) < MAX_SESSIONS:
            return
        among = begun or self._all
        del self._all[min(among, key=lambda sid: among[sid].until)]
