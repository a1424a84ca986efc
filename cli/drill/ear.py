"""A thread that hears something of a lab, and keeps the error that ended it until somebody asks for it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from halab.provisioners.engine.errors import HalabError


class NotHeard(HalabError):
    """Something that was listened to has not been heard to the end: what was recorded of it has a hole."""


class Ear:
    """Runs `listen` in a thread. `what` names it in an error."""

    def __init__(self, what: str, listen: Callable[[], None]) -> None:
        self.what, self._listen = what, listen
        self.error: Exception | None = None
        """What ended it too early."""
        self._thread = threading.Thread(target=self._run, name=what, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self, block: BaseException | None = None, within_s: float | None = None) -> None:
        """Wait for its end, no longer than `within_s`. NotHeard: an error has ended it.

        `block`: the error with which whoever listens ends already; that one goes on, with a note of this one.
        """
        self._thread.join(within_s)
        if self.error is None:
            return
        tell(f"{self.what} was not heard to the end", self.error, block)

    def _run(self) -> None:
        try:
            self._listen()
        except Exception as error:  # whatever it is: `end` raises it where somebody hears it
            self.error = error


def tell(summary: str, error: Exception, block: BaseException | None) -> None:
    """NotHeard, unless the block ends with an error of its own: then a note of that one's."""
    what = f"{type(error).__name__}: {error}"
    if block is None:
        raise NotHeard(summary, what) from error
    block.add_note(f"{summary}: {what}")
