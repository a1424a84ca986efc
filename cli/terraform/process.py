"""Runs Terraform so that nothing but its own decision ends it.

It gets a session of its own, so that neither the terminal's Ctrl-C nor a hang-up comes to it. The first signal to stop
that this process gets becomes one SIGINT: Terraform finishes what is under way, saves the state and ends. More of them
change nothing: a second SIGINT would make Terraform give up, in the middle of writing its state. Should this process be
killed, Terraform goes on to its end, and the next command waits for that. Terraform writes into memory, not into a
pipe: without a reader, a pipe would end it.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType

STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def find_terraform(environment: Mapping[str, str]) -> str:
    """HALAB_TERRAFORM, or what cdktf would take, or terraform or tofu in PATH. FileNotFoundError: there is none."""
    named = environment.get("HALAB_TERRAFORM") or environment.get("TERRAFORM_BINARY_NAME")
    for name in filter(None, (named, "terraform", "tofu")):
        if found := shutil.which(name, path=environment.get("PATH")):
            return found
    raise FileNotFoundError("neither terraform nor tofu is in PATH: install one, or name it in HALAB_TERRAFORM")


class StopSignals:
    """While its block runs, signals to stop are counted; they end nothing by themselves."""

    def __init__(self) -> None:
        self.count = 0
        self.first: int | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopSignals:
        for number in STOP:
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)  # type: ignore[arg-type]

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.count += 1
        self.first = self.first or number

    @property
    def exit_code(self) -> int:
        """As a shell gives it for a program that the first signal ended."""
        return 128 + (self.first or 0)


class Child:
    """One program under way, and the lines that it prints."""

    def __init__(self, argv: Sequence[str | Path], directory: Path, environment: Mapping[str, str]) -> None:
        self._memory = os.memfd_create(Path(argv[0]).name, os.MFD_CLOEXEC)
        self._read_bytes, self._rest, self._asked = 0, b"", False
        self._process = subprocess.Popen(
            argv,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._memory,
            stderr=self._memory,
            start_new_session=True,
            umask=0o077,  # states, their backups and plans hold secrets
        )
        self._ended = os.pidfd_open(self._process.pid)

    def ended_within(self, limit_s: float) -> bool:
        """Wait for the end, at most so long."""
        return bool(select.select([self._ended], [], [], limit_s)[0])

    def new_lines(self) -> Iterator[str]:
        """What it has printed since the last call; a half-written line waits for its end."""
        while chunk := os.pread(self._memory, 1 << 20, self._read_bytes):
            self._read_bytes += len(chunk)
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            yield from (line.decode(errors="replace") for line in lines)

    def interrupt(self) -> bool:
        """The one SIGINT; False: it has it already."""
        first, self._asked = not self._asked, True
        if first:
            self._process.send_signal(signal.SIGINT)
        return first

    def close(self) -> tuple[int, str]:
        """The exit code (128 + N when signal N ended it), and what stands in a last line without an end."""
        code = self._process.wait()
        os.close(self._ended)
        os.close(self._memory)
        return (code if code >= 0 else 128 - code), self._rest.decode(errors="replace")
