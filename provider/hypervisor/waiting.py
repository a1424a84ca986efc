"""Waits with a deadline that scales, can be stopped, and say what they saw last."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from halab.provisioners.engine.errors import Interrupted, TimedOut

T = TypeVar("T")


@dataclass(frozen=True)
class Wait:
    """How to wait: `scale` stretches deadlines, `stop` ends all waiting."""

    scale: float
    stop: threading.Event
    clock: Callable[[], float] = time.monotonic

    def until(
        self, what: str, probe: Callable[[], T | None], *, deadline_s: float, interval_s: float, seen: Callable[[], str]
    ) -> T:
        """Probe until it gives something else than None. The probe raises when it never will.

        Raises TimedOut with what `seen` says, Interrupted. `deadline_s` is before scaling.
        """
        deadline_s *= self.scale
        end = self.clock() + deadline_s
        while (result := probe()) is None:
            if self.clock() >= end:
                raise TimedOut(f"no {what} within {deadline_s:.0f} s", seen())
            if self.stop.wait(interval_s):
                raise Interrupted(what)
        return result
