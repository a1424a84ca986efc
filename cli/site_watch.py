"""Asks the site again and again in a thread, and tells since when it answers, and who."""

import threading
import time
from collections.abc import Callable
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
