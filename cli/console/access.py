"""Who may look, and who may change: one-time links, hacluster, sessions, and log-ins that are slowed down."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from halab.cli.console.contract import Role

USER = "hacluster"
"""As whom one logs in to pcs's web interface, too."""
LINK_S = 600.0
"""How long a link may be used, once."""
IDLE_S, LONGEST_S = 3600.0, 12 * 3600.0
"""A session ends after an hour without a look, and after twelve in any case."""
_TRIES, _PER_S = 5, 60.0


class TooMany(Exception):
    """Too many log-ins have failed lately. `wait_s`: when the next is listened to."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"too many log-ins failed; wait {wait_s:.0f} s")
        self.wait_s = wait_s


@dataclass
class _Session:
    role: Role
    began: float
    used: float


class Access:
    """Links and sessions of one run; both are kept as hashes, so that no memory image gives a cookie away."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        password: Callable[[], str | None] = lambda: None,
        role: Role = "operate",
        take: Callable[[bytes], Role | None] = lambda token: None,
    ) -> None:
        """`password` tells hacluster's, None where there is none; whoever knows it gets `role`.

        `take`: the role of a link that another process has made, by its token's hash, once.
        """
        self._clock, self._password, self._role, self._take = clock, password, role, take
        self._lock = threading.Lock()
        self._links: dict[bytes, tuple[Role, float]] = {}
        self._sessions: dict[bytes, _Session] = {}
        self._failed: deque[float] = deque(maxlen=_TRIES)

    def link(self, role: Role) -> str:
        """A token that opens one session."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._links[hashed(token)] = (role, self._clock() + LINK_S)
        return token

    def log_in(self, token: str) -> str | None:
        """The cookie of a new session; None when the token is wrong, used or old. TooMany."""
        with self._lock:
            now = self._listening()
            if (link := self._links.pop(hashed(token), None)) is None:
                return self._opened(self._take(hashed(token)), now)
            role, until = link
            return self._opened(None if until < now else role, now)

    def log_in_as(self, user: str, password: str) -> str | None:
        """The cookie of a new session; None when user or password is wrong. TooMany, and what `password` raises."""
        with self._lock:
            now = self._listening()
            known = self._password() or ""
            right = hmac.compare_digest(hashed(password), hashed(known)) and bool(known) and user == USER
            return self._opened(self._role if right else None, now)

    def _listening(self) -> float:
        """The time, if log-ins are listened to now. TooMany."""
        now = self._clock()
        if len(self._failed) == _TRIES and (wait := self._failed[0] + _PER_S - now) > 0:
            raise TooMany(wait)
        return now

    def _opened(self, role: Role | None, now: float) -> str | None:
        if role is None:
            self._failed.append(now)
            return None
        cookie = secrets.token_urlsafe(32)
        self._sessions[hashed(cookie)] = _Session(role, now, now)
        return cookie

    def role(self, cookie: str) -> Role | None:
        """The role of a living session, which this keeps alive."""
        now = self._clock()
        with self._lock:
            session = self._sessions.get(hashed(cookie))
            if session is None:
                return None
            if now - session.used > IDLE_S or now - session.began > LONGEST_S:
                del self._sessions[hashed(cookie)]
                return None
            session.used = now
            return session.role

    def log_out(self, cookie: str) -> None:
        with self._lock:
            self._sessions.pop(hashed(cookie), None)


def hashed(text: str) -> bytes:
    """What is kept of a token or a cookie."""
    return hashlib.sha256(text.encode()).digest()
