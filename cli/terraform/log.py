"""A log of one run for its owner only. When its disk is full the run goes on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


class Log:
    """A new file; `tell` gets one line when not all finds room."""

    def __init__(self, path: Path, tell: Callable[[str], None]) -> None:
        self.path, self._tell, self._told = path, tell, False
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)

    def write(self, line: str) -> None:
        try:
            os.write(self._descriptor, f"{line}\n".encode())
        except OSError as error:
            if not self._told:
                self._tell(f"{self.path.name} lacks what comes now: {error.strerror}")
            self._told = True

    def close(self) -> None:
        os.close(self._descriptor)
