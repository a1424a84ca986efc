"""Shows progress: plain lines for logs, and below them on a terminal a few lines that are drawn again and again."""

import shutil
import time
from collections.abc import Iterable
from typing import TextIO

from halab.cli.change.progress import Record, Timeline, describe

REPEAT_WAIT_S = 30.0
"""Without a terminal, an unchanged wait is told again only after this time."""


class PlainDisplay:
    """One line an event; waits only when they change, or now and then."""

    def __init__(self, out: TextIO, began: float) -> None:
        self.out = out
        self.began = began
        self._told: dict[tuple[str, str, str], tuple[str, float]] = {}

    def record(self, record: Record) -> None:
        """Shows a record unless it repeats the last one."""
        detail, told_at = self._told.get(record.operation, ("", -REPEAT_WAIT_S))
        if record.event == "wait" and record.detail == detail and record.t - told_at < REPEAT_WAIT_S:
            return
        self._told[record.operation] = (record.detail, record.t)
        self.line(f"{record.t - self.began:7.1f} s  {describe(record)}")

    def line(self, text: str) -> None:
        """Shows a line of any other kind."""
        print(text, file=self.out, flush=True)

    def refresh(self, timeline: Timeline) -> None:
        """Nothing to draw again."""

    def close(self) -> None:
        """Nothing to take away."""


class LiveDisplay(PlainDisplay):
    """Ends and messages scroll by; what is under way stands at the bottom, with its time running."""

    def __init__(self, out: TextIO, began: float) -> None:
        super().__init__(out, began)
        self._drawn = 0

    def record(self, record: Record) -> None:
        """Only ends scroll: the rest is at the bottom."""
        if record.event in ("done", "failed"):
            self.line(f"{record.t - self.began:7.1f} s  {describe(record)}")

    def line(self, text: str) -> None:
        """Shows a line above the ones at the bottom."""
        self._erase()
        super().line(text)

    def refresh(self, timeline: Timeline) -> None:
        """Draws what is under way."""
        self._erase()
        width, height = shutil.get_terminal_size()
        lines = active_lines(timeline.active.values(), time.time())[: max(1, height // 2)]
        for text in lines:
            print(text[: width - 1], file=self.out)
        self.out.flush()
        self._drawn = len(lines)

    def close(self) -> None:
        """Takes the lines at the bottom away."""
        self._erase()
        self.out.flush()

    def _erase(self) -> None:
        if self._drawn:
            self.out.write(f"\x1b[{self._drawn}F\x1b[J")
            self._drawn = 0


def active_lines(active: Iterable[Record], now: float) -> list[str]:
    """One line for each operation under way, the oldest first. `now` in Unix time, s."""
    rows = sorted(active, key=lambda record: record.t - record.elapsed_s)
    return [f"{now - record.t + record.elapsed_s:7.1f} s… {describe(record)}" for record in rows]
