"""One command at a time on a lab."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from halab.cli.lab.this_lab import entered
from halab.provider.run.folder import LabFolder


@contextmanager
def alone(folder: LabFolder, tell: Callable[[str], None]) -> Iterator[None]:
    """The lab's folder, in order, and no other command that changes the lab at work on it; waits for such a one."""
    while True:
        entered(folder, tell)
        descriptor = os.open(folder.command_lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if _locked(descriptor, tell) and _is_there(descriptor, folder.command_lock):
                yield
                return
        finally:
            os.close(descriptor)


def _locked(descriptor: int, tell: Callable[[str], None]) -> bool:
    """False: only after waiting; the other one may have left anything behind."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        tell("another command is at work on this lab: waiting for its end")
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return False
    return True


def _is_there(descriptor: int, path: Path) -> bool:
    """A destroy removes the lock with the folder; then this one is of no use."""
    return path.exists() and os.path.samestat(os.fstat(descriptor), path.stat())
