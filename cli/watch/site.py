"""Asks the site again and again in a thread, and tells since when it answers, and who; or how often it did not."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

import requests

POLL_S = 0.2
CONNECT_TIMEOUT_S = 1.0
ANSWER_TIMEOUT_S = 5.0
SERVED_BY = "X-Served-By"


class SiteWatch:
    """While its block runs, the site is asked every POLL_S. `accept` says whose answer counts: the node's name."""

    def __init__(self, url: str, accept: Callable[[str], bool] = bool) -> None:
        self.url = url
        self.answered_at: float | None = None
        """Unix time of the first answer that counts, s."""
        self.served_by = ""
        self._accept = accept
        self._stop = threading.Event()
        self._answered = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="site watch", daemon=True)

    def __enter__(self) -> "SiteWatch":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def wait(self, deadline_s: float) -> float:
        """When the site first answered. TimeoutError."""
        if not self._answered.wait(deadline_s) or self.answered_at is None:
            raise TimeoutError(f"{self.url} did not answer within {deadline_s:.0f} s")
        return self.answered_at

    def _watch(self) -> None:
        while not self._stop.is_set():
            node = served_by(self.url)
            if node is not None and self._accept(node):
                self.answered_at, self.served_by = time.time(), node
                self._answered.set()
                return
            self._stop.wait(POLL_S)


def served_by(url: str) -> str | None:
    """The node that serves the site now; None when nobody does."""
    with requests.Session() as session:
        session.trust_env = False  # a proxy does not know the lab's network
        try:
            answer = session.get(url, timeout=(CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S))
        except requests.RequestException:
            return None
    return answer.headers.get(SERVED_BY) if answer.ok else None


@dataclass
class Load:
    """What requests that were sent one after the other came to."""

    began: float
    asked: int = 0
    failed: int = 0
    longest_gap_s: float = 0.0
    """Between two answers, from one's end to the next one's, or from the beginning to the first."""
    served_by: list[str] = field(default_factory=list)
    """The nodes that answered, in turn."""
    _answered: float | None = None
    _lost: bool = False

    def add(self, ended: float, node: str | None) -> None:
        """One request: when it ended (s), and who answered; None: nobody did."""
        self.asked += 1
        self._lost = node is None
        if node is None:
            self.failed += 1
            return
        self._close(ended)
        if self.served_by[-1:] != [node]:
            self.served_by.append(node)

    def end(self, at: float) -> None:
        """No more requests: if the last one failed, the gap lasts until now."""
        if self._lost:
            self._close(at)

    def _close(self, at: float) -> None:
        before = self.began if self._answered is None else self._answered
        self.longest_gap_s = max(self.longest_gap_s, at - before)
        self._answered = at

    def __str__(self) -> str:
        return (
            f"{self.failed} of {self.asked} requests failed, longest gap {self.longest_gap_s:.1f} s, "
            f"served by {', then '.join(self.served_by) or 'nobody'}"
        )


class SiteLoad:
    """A client: while its block runs, the site is asked every POLL_S, or as soon as the last request has ended."""

    def __init__(self, url: str, ask: Callable[[str], str | None] | None = None) -> None:
        self.url, self._ask = url, ask or served_by
        self.load = Load(time.monotonic())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send, name="site load", daemon=True)

    def __enter__(self) -> Load:
        self.load.began = time.monotonic()
        self._thread.start()
        return self.load

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self.load.end(time.monotonic())

    def _send(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            node = self._ask(self.url)
            self.load.add(time.monotonic(), node)
            self._stop.wait(max(0.0, began + POLL_S - time.monotonic()))
