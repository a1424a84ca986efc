"""What a person sees of a run: ends and messages scroll by; on a terminal, what is under way stands below them.

Without a terminal, or on one that cannot move its cursor, there are plain lines. Whoever has gone away (a closed
terminal, a closed pipe) is told nothing more, and the run goes on.
"""

from __future__ import annotations

import errno
import io
import os
import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from halab.cli.change.progress import Follower, Record, Timeline, about, describe, outcome
from halab.cli.terraform.events import Change, Diagnostic

REPEAT_WAIT_S = 30.0
"""Without a terminal, an unchanged wait is told again only after this time."""
_BAR_WIDTH = 32
_COLOURS = {"error": "bold red", "warning": "bold yellow"}
_OPERATIONS = {"create": 1, "update": 1, "delete": 1, "replace": 2}


class Outlet(io.TextIOBase):
    """A stream that may go away at any time: it is then quiet."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._attempt(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        self._attempt(self._stream.flush)

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding

    def _attempt(self, act: Any) -> None:
        try:
            act()
        except OSError as error:
            if error.errno not in (errno.EIO, errno.EPIPE):
                raise
            nobody = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nobody, self._stream.fileno())  # what is still in the stream's buffer goes there, too
            os.close(nobody)


def console(stream: TextIO | None = None) -> Console:
    """NO_COLOR and TERM=dumb are respected; lines are as long as they are."""
    return Console(file=Outlet(stream or sys.stdout), highlight=False, markup=False, emoji=False, soft_wrap=True)  # type: ignore[arg-type]


class Screen:
    """Shows one run. `follower` reads what the provider tells."""

    def __init__(self, out: Console, follower: Follower) -> None:
        self.console, self.timeline = out, Timeline(time.time())
        self._follower = follower
        self._told: dict[tuple[str, str, str], tuple[str, float]] = {}
        self._doing, self._looked_at, self._done, self._total = "", 0, 0, 0
        self._live = Live(console=out, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False)
        self._moves = out.is_terminal and not out.is_dumb_terminal
        if self._moves:
            self._live.start()

    def doing(self, what: str) -> None:
        """What is under way as a whole: `looking at the lab`."""
        self._doing = what
        if not self._moves:
            self.line(f"{self._clock()}  {what}")
        self.refresh()

    def expect(self, changes: list[Change]) -> None:
        """How much there is to do."""
        self._total = sum(_OPERATIONS.get(change.action, 0) for change in changes)

    def line(self, text: str | Text = "") -> None:
        self.console.print(text)

    def diagnostic(self, told: Diagnostic) -> None:
        colour = _COLOURS.get(told.severity, "")
        self.line(Text("╷", colour))
        for number, text in enumerate(told.lines()):
            self.line(Text.assemble(("│ ", colour), (text, "bold" if number == 0 else "")))
        self.line(Text("╵", colour))

    def event(self, event: Mapping[str, Any]) -> None:
        kind = event["type"]
        if kind == "refresh_complete":
            self._looked_at += 1
        elif kind == "apply_complete":
            self._done += 1
        elif kind == "log" and "lock" in str(event.get("@message", "")).lower():
            self.line("another deploy, diff or destroy of this lab is under way: waiting for its end")

    def refresh(self) -> None:
        """Takes in what the provider has told since, and draws what is under way."""
        for record in self._follower.new_records():
            self.timeline.add(record)
            self._show(record)
        if self._moves:
            self._live.update(self._below(), refresh=True)

    def ask(self, question: str) -> str:
        """The answer to a question on the terminal; empty when there is none. KeyboardInterrupt."""
        self.close()
        try:
            return input(f"{question} ")
        except EOFError:
            return ""
        finally:
            if self._moves:
                self._live.start()

    def close(self) -> None:
        """Takes away what is drawn below."""
        if self._moves:
            self._live.update(Text(""), refresh=True)
            self._live.stop()

    def _clock(self, at: float | None = None) -> str:
        return f"{(at or time.time()) - self.timeline.began:7.1f} s"

    def _show(self, record: Record) -> None:
        if record.event in ("done", "failed"):
            failed = record.event == "failed"
            sign = ("✗ ", "bold red") if failed else ("✓ ", "green")
            parts = [(f"{self._clock(record.t)}  ", "dim"), sign] if self._moves else [f"{self._clock(record.t)}  "]
            words = (f"{record.phase:<9} ", "cyan"), f"{about(record)}: ", (outcome(record), "red" if failed else "dim")
            self.line(Text.assemble(*parts, *words))
        elif not self._moves and not self._repeats(record):
            self.line(f"{self._clock(record.t)}  {describe(record)}")

    def _repeats(self, record: Record) -> bool:
        detail, told_at = self._told.get(record.operation, ("", -REPEAT_WAIT_S))
        if record.event == "wait" and record.detail == detail and record.t - told_at < REPEAT_WAIT_S:
            return True
        self._told[record.operation] = (record.detail, record.t)
        return False

    def _below(self) -> Group:
        now = time.time()
        head = Table.grid(padding=(0, 1))
        if self._total:
            bar = ProgressBar(total=self._total, completed=min(self._done, self._total), width=_BAR_WIDTH)
            head.add_row(Text(self._clock(), "bold"), bar, Text(f"{self._done} of {self._total}", "bold"))
        else:
            looked = f": {self._looked_at} seen" if self._looked_at else ""
            head.add_row(Text(self._clock(), "bold"), Text(f"{self._doing}{looked}"))
        rows = sorted(self.timeline.active.values(), key=lambda record: record.t - record.elapsed_s)
        room = max(1, self.console.size.height // 2 - 1)
        body = [
            Text.assemble(
                (f"{now - row.t + row.elapsed_s:7.1f} s… ", "dim"), (f"{row.phase:<9} ", "cyan"),
                f"{about(row)}: {outcome(row)}", no_wrap=True, overflow="ellipsis",
            )
            for row in rows[:room]
        ]  # fmt: skip
        return Group(head, *body)
