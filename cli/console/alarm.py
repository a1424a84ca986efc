"""When somebody is asked again: after a while, or earlier because something happened."""

from __future__ import annotations

import threading
import time


class Alarm:
    """For one who asks again and again. What happens while the question is under way leads to one more."""

    def __init__(self, quiet_s: float) -> None:
        """`quiet_s`: from one question to the next when nothing happens. The first is due at once."""
        self._quiet_s, self._due = quiet_s, time.monotonic()
        self._changed, self._over = threading.Condition(), False

    def wait(self) -> bool:
        """Until the next question is due; False: there is none any more."""
        with self._changed:
            while not self._over and (left := self._due - time.monotonic()) > 0:
                self._changed.wait(left)
            self._due = time.monotonic() + self._quiet_s
            return not self._over

    def ring(self, in_s: float = 0.0) -> None:
        """Something happened: the next question is due by then, if it was not to be earlier."""
        with self._changed:
            self._due = min(self._due, time.monotonic() + in_s)
            self._changed.notify()

    def rest(self, seconds: float) -> None:
        """Not before then."""
        with self._changed:
            self._due = max(self._due, time.monotonic() + seconds)

    def stop(self) -> None:
        with self._changed:
            self._over = True
            self._changed.notify()
