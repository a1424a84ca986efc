"""A program in a guest whose lines are heard as they come; started again when its connection broke."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from halab.cli.drill.ear import Ear

_AGAIN_S = 1.0
# A dead peer is noticed within 9 s; a connection is not shared, since it has to end with its own machine.
_OPTIONS = (
    *("-o", "BatchMode=yes", "-o", "ConnectTimeout=4", "-o", "ControlPath=none", "-o", "LogLevel=ERROR"),
    *("-o", "ServerAliveInterval=3", "-o", "ServerAliveCountMax=3"),
)


class GuestStream:
    """While its block runs, `hear` gets each line of a program in a guest.

    `argv` is asked for anew before each start, since a journal goes on behind the line that was heard last. NotHeard at
    its end: it has ended before.
    """

    def __init__(
        self, ssh_config: Path, machine: str, argv: Callable[[], Sequence[str]], hear: Callable[[str], None]
    ) -> None:
        self._ssh_config, self.machine, self._argv, self._hear = ssh_config, machine, argv, hear
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._ear = Ear(f"a stream of {machine}", self._run)
        self.heard = threading.Event()
        """Set by the first line."""

    def __enter__(self) -> GuestStream:
        self._ear.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        with self._lock:
            if self._process is not None:
                _end(self._process)
        self._ear.end(error)

    def _run(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                if self._stop.is_set():
                    return
                self._process = self._start()
            try:
                for line in self._process.stdout or ():
                    self.heard.set()
                    self._hear(line.rstrip("\n"))
            finally:
                _end(self._process)
                self._process.wait()
            self._stop.wait(_AGAIN_S)

    def _start(self) -> subprocess.Popen[str]:
        argv = ["ssh", "-F", str(self._ssh_config), *_OPTIONS, self.machine, shlex.join(self._argv())]
        return subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            errors="replace", start_new_session=True,
        )  # fmt: skip


def _end(process: subprocess.Popen[str]) -> None:
    """Have it end, with what it has started for itself."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):  # another thread has seen its end at this moment
            os.killpg(process.pid, signal.SIGTERM)


def clock_of(ssh_config: Path, machine: str, now: Callable[[], float], times: int = 3) -> tuple[str, float, float]:
    """(boot ID, what to add to a guest's monotonic clock for the host's time, its uncertainty), in seconds.

    Of some questions and answers on one connection the quickest counts. OSError: the guest does not answer.
    """
    script = (
        "read -r boot < /proc/sys/kernel/random/boot_id; while read -r _; do"
        ' read -r up _ < /proc/uptime; echo "$boot $up"; done'
    )
    argv = ["ssh", "-F", str(ssh_config), *_OPTIONS, machine, script]
    try:
        best = _quickest(argv, now, times)
    except BrokenPipeError:
        best = None
    if best is None:
        raise OSError(f"{machine} does not tell its clock")
    return best


def _quickest(argv: Sequence[str], now: Callable[[], float], times: int) -> tuple[str, float, float] | None:
    best: tuple[str, float, float] | None = None
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(times):
            asked = now()
            process.stdin.write("\n")
            process.stdin.flush()
            said = process.stdout.readline()
            answered = now()
            if not said.endswith("\n"):  # nothing, or half a number
                return best
            boot, _, up = said.strip().partition(" ")
            if best is None or (answered - asked) / 2 < best[2]:
                best = boot.replace("-", ""), (asked + answered) / 2 - float(up), (answered - asked) / 2
    return best
