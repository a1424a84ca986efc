"""One run at a time changes a lab, and what a killed run was doing is not done a second time beside it.

Terraform's own lock ends with Terraform. Its provider may live on for a little to finish what is under way, and what a
killed provider began in a guest lives on there, and so does a command whose connection broke. So whoever changes
something holds a lock of the lab's own, and the lock's file names the run that holds it, or that did not say that all
is done: it did not live to, or does not know.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from halab.provider.run.files import private_directory
from halab.provisioners.engine.errors import Interrupted, TimedOut
from halab.provisioners.engine.interrupted import UNFINISHED

_DEADLINE_S = 180.0  # longer than a provider whose Terraform was killed finishes what is under way
_INTERVAL_S = 0.2


class Changes:
    """The lock of one lab as one process sees it, whose operations share it. Safe for threads."""

    def __init__(self, file: Path, run: str, time_scale: float = 1.0, unfinished: threading.Event = UNFINISHED) -> None:
        self._file, self._run, self._deadline_s = file, run, _DEADLINE_S * time_scale
        self._unfinished = unfinished
        self._guard = threading.Lock()
        self._under_way = 0
        self._descriptor = -1
        self._asked: float | None = None
        self.crashed: frozenset[str] = frozenset()
        """Runs that left a change in the middle, as far as they are known."""

    @contextmanager
    def under_way(self, stop: threading.Event) -> Iterator[None]:
        """Hold the lock as long as this lasts. Raises TimedOut, or Interrupted when `stop` is set."""
        with self._guard:
            if self._under_way == 0:
                self._take(stop)
            self._under_way += 1
        try:
            yield
        finally:
            with self._guard:
                self._under_way -= 1
                if self._under_way == 0:
                    self._release()

    def _take(self, stop: threading.Event) -> None:
        private_directory(self._file.parent)
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._lock(descriptor, stop)
            earlier = os.pread(descriptor, 4096, 0).decode(errors="replace").split()
            self.crashed |= {run for run in earlier if run != self._run}
            names = " ".join([self._run, *sorted(self.crashed)]).encode()
            os.pwrite(descriptor, names, 0)  # on a full disk the names that were there stay
            os.ftruncate(descriptor, len(names))
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def _lock(self, descriptor: int, stop: threading.Event) -> None:
        """All operations of this run have one deadline, from the first that asked in vain: it is one lock."""
        if self._asked is None:
            self._asked = time.monotonic()
        while not _taken(descriptor):
            waited_s = time.monotonic() - self._asked
            if waited_s >= self._deadline_s:
                raise TimedOut(
                    "another run still changes this lab",
                    f"It has held {self._file} for {waited_s:.0f} s. Wait for its end, or end its provider "
                    "(fuser shows the process).",
                )
            if stop.wait(_INTERVAL_S):
                raise Interrupted("the end of another run")
        self._asked = None

    def _release(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        try:
            if not self._unfinished.is_set():
                os.ftruncate(descriptor, 0)
        finally:
            os.close(descriptor)  # which lets the lock go: nobody waits for a run that could not say that it was done


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
