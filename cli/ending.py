"""How a command ends that breaks machines or lets them stand still: in order, by whatever signal it is ended."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

from halab.cli.terraform.process import STOP


class Ended(SystemExit):
    """By a signal, after all was undone. `exit_code`: as a shell has it."""

    def __init__(self, number: int) -> None:
        self.exit_code = 128 + number
        super().__init__(self.exit_code)


class Ending:
    """While its block runs, the first signal to stop raises KeyboardInterrupt: all is undone on the way out.

    Further ones change nothing: they would end the undoing. In a block of `unbroken`, the first one waits for its end.
    Signals that are ignored when it begins stay so (nohup). For the main thread; within another one's block it does
    nothing. Ended.
    """

    def __init__(self) -> None:
        self._first: int | None = None
        self._raised, self._depth = False, 0
        self._before: dict[int, object] = {}

    def __enter__(self) -> Ending:
        global _now  # signals are the process's: so is this
        if _now is None:
            _now = self
            for number in STOP:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        global _now
        if _now is not self:
            return
        _now = None
        for number, before in self._before.items():
            signal.signal(number, before)  # type: ignore[arg-type]
        if self._first is not None and (error is None or isinstance(error, KeyboardInterrupt)):
            raise Ended(self._first) from error

    @contextmanager
    def unbroken(self) -> Iterator[None]:
        """No signal ends this block."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
        self._raise_if_due()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self._first is None:
            self._first = number
            _say(f"{signal.Signals(number).name}: what was begun is undone, and then this ends")
            self._raise_if_due()
        else:
            _say("It ends as soon as all is undone")

    def _raise_if_due(self) -> None:
        if self._first is not None and not self._raised and self._depth == 0:
            self._raised = True
            raise KeyboardInterrupt


_now: Ending | None = None


@contextmanager
def unbroken() -> Iterator[None]:
    """No signal ends this block where a command ends in order; elsewhere it does nothing."""
    if _now is None:
        yield
        return
    with _now.unbroken():
        yield


def _say(line: str) -> None:
    """Past Python's buffers: the signal may have come while they were written to."""
    os.write(2, f"{line}\n".encode())
