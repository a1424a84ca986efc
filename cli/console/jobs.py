"""Commands of halab itself that take a while, started from the page: one at a time, its words kept in a file.

Each is a process of its own, which goes on when the console ends: nobody's drill is cut off in the middle of a failure.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from halab.cli.console.contract import Job
from halab.cli.console.refusing import Refused
from halab.cli.lab.this_lab import CHECKOUT

_PYTHON = (sys.executable, "-P", "-m")
_HALAB = (*_PYTHON, "halab.cli.main")
RECORDER = "halab.cli.console.recorded_job"
_SHOWN_BYTES = 256 * 1024


class Jobs:
    """`log`: where the last one's words are kept, for its owner only. `audit`: where it stands how each ended."""

    def __init__(self, log: Path, audit: Path, program: Sequence[str] = _HALAB) -> None:
        self._log, self._audit, self._program = log, audit, tuple(program)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._command = ""

    def start(self, role: str, *words: str) -> Job:
        """`halab WORDS`, wanted by a session of that role. Refused: another one is under way; OSError."""
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                raise Refused(f"`{self._command}` is under way: wait for its end.")
            self._command = shlex.join(("halab", *words))
            descriptor = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                self._process = subprocess.Popen(
                    (*_PYTHON, RECORDER, str(self._audit), role, self._command, *self._program, *words),
                    cwd=CHECKOUT,
                    env={**os.environ, "NO_COLOR": "1", "COLUMNS": "100"},
                    stdin=subprocess.DEVNULL,
                    stdout=descriptor,
                    stderr=descriptor,
                    start_new_session=True,  # Ctrl-C on the console is not for it
                )
            finally:
                os.close(descriptor)
        return self.now()

    def now(self) -> Job:
        """The last one that was started from here, if there was one. OSError."""
        with self._lock:
            code = self._process.poll() if self._process else 0
            text = self._said() if self._process else ""
            return Job(self._command, text, code)

    def _said(self) -> str:
        """The end of it, where there is much."""
        with self._log.open("rb") as file:
            file.seek(max(0, self._log.stat().st_size - _SHOWN_BYTES))
            return file.read().decode(errors="replace")
