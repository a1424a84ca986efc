"""Streams that stay open: how many there may be at once, of one session and in all."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send


class TooManyStreams(Exception):
    """No other one is opened now. `status`: 429 where the session itself holds too many, 503 where all together do."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Places:
    """`each`: for one session; `together`: for all; `what` they are. Used in the server's own loop alone."""

    def __init__(self, each: int, together: int, what: str) -> None:
        self._each, self._together, self._what = each, together, what
        self._held: Counter[str] = Counter()

    @contextmanager
    def one(self, session: str) -> Iterator[None]:
        """A place while the block runs. TooManyStreams."""
        if self._held[session] >= self._each:
            raise TooManyStreams(429, f"This session has {self._each} {self._what} open: close one.")
        if self._held.total() >= self._together:
            raise TooManyStreams(503, f"{self._together} {self._what} are open in all: close one.")
        self._held[session] += 1
        try:
            yield
        finally:
            self._held[session] -= 1
            if not self._held[session]:
                del self._held[session]


class HeldStream(StreamingResponse):
    """Server-sent events. What was `held` for it is let go at its end, also where it never began to speak."""

    def __init__(self, said: AsyncIterator[str], held: ExitStack) -> None:
        super().__init__(said, media_type="text/event-stream")
        self._place = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As Starlette does it."""
        with self._place:
            await super().__call__(scope, receive, send)
