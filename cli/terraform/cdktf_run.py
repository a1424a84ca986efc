"""Runs one cdktf command while following the provider's progress file."""

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TextIO

from halab.cli.change.display import LiveDisplay, PlainDisplay
from halab.cli.change.progress import Follower, Timeline
from halab.cli.lab.this_lab import entered
from halab.cli.terraform.terraform_output import OutputFilter, without_colour
from halab.provider.run.folder import LabFolder

POLL_S = 0.25
LAST_LINES = 40
LOCK_TIMEOUT_S = 300


def lab_environment(checkout: Path, folder: LabFolder, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for cdktf: plain output, no calls home, the shield around terraform, absolute paths."""
    env = dict(environment)
    env.setdefault("HALAB_PROGRESS", str(folder.progress))
    for command in ("plan", "apply", "destroy"):  # a run that was killed may still be saving what it did
        env.setdefault(f"TF_CLI_ARGS_{command}", f"-lock-timeout={LOCK_TIMEOUT_S}s")
    if terraform := env.get("TERRAFORM_BINARY_NAME"):
        env.setdefault("HALAB_TERRAFORM", terraform)
    env |= {
        "CI": "1",
        "CHECKPOINT_DISABLE": "1",
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
        "HALAB_SHIELD_PID": str(folder.terraform_pid),
        "TERRAFORM_BINARY_NAME": str(checkout / "bin/terraform-shield"),
    }
    return env


class CdktfRun:
    """One command, its log, and what the provider tells about it."""

    def __init__(self, checkout: Path, folder: LabFolder, log: Path, out: TextIO) -> None:
        self.checkout = checkout
        self.folder, self.log = folder, log
        self.environment = lab_environment(checkout, folder, os.environ)
        self.timeline = Timeline(time.time())
        self.display = (LiveDisplay if out.isatty() else PlainDisplay)(out, self.timeline.began)
        self._filter = OutputFilter()
        self._interrupts = 0
        self._answered = 0

    def run(self, arguments: Sequence[str]) -> int:
        """cdktf's exit code. The log holds all of its output; shown are diagnostics, summaries and the progress.

        The lab's files become their owner's only. Conflict: they are another user's, or a copy. StateUnusable: a state
        was cut short and there is no room to put it back.
        """
        entered(self.folder, self.display.line)  # main.py would do it too, but cdktf does not show what it says
        progress = Path(self.environment["HALAB_PROGRESS"])
        progress.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        progress.unlink(missing_ok=True)
        Path(self.environment["HALAB_SHIELD_PID"]).unlink(missing_ok=True)  # of a run that was killed
        follower = Follower(progress)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._count_interrupt)
        cdktf = subprocess.Popen(
            # Should this process be killed, cdktf leaves too, and the shield has terraform end in order.
            ["setpriv", "--pdeathsig", "TERM", self.checkout / "node_modules/.bin/cdktf", *arguments],
            cwd=self.checkout,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            umask=0o077,  # Terraform's states and cdktf's outputs hold secrets
            start_new_session=True,  # the terminal's Ctrl-C comes to this process only, which passes it on once
        )
        with contextlib.closing(Log(self.log, self.display.line)) as log:
            lines = _lines_of(cdktf)
            while not self._show_output(lines, log):
                self._show_progress(follower)
                self._answer_interrupts(cdktf)
        code = cdktf.wait()
        self._await_terraform()
        self._show_progress(follower)
        self.display.close()
        if code:
            self._explain_failure()
        return code if code >= 0 else 128 - code

    def _show_output(self, lines: "queue.Queue[str | None]", log: "Log") -> bool:
        """Shows what came within POLL_S; True at the end of the output."""
        deadline = time.monotonic() + POLL_S
        while (left := deadline - time.monotonic()) > 0:
            try:
                line = lines.get(timeout=left)
            except queue.Empty:
                return False
            if line is None:
                return True
            text = without_colour(line)
            log.write(text)
            shown = self._filter.shown(text)
            if shown is not None:
                self.display.line(shown)
        return False

    def _show_progress(self, follower: Follower) -> None:
        for record in follower.new_records():
            self.timeline.add(record)
            self.display.record(record)
        self.display.refresh(self.timeline)

    def _count_interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self._interrupts += 1

    def _answer_interrupts(self, cdktf: "subprocess.Popen[str]") -> None:
        if self._interrupts == self._answered:
            return
        if self._answered:
            self.display.line("still waiting: what is under way is finished and saved first")
        else:
            self.display.line("interrupted: waiting for what is under way to finish")
            # To terraform itself: it then ends in order, and cdktf after it. cdktf alone would leave at once.
            os.kill(self._terraform_pid() or cdktf.pid, signal.SIGINT)
        self._answered = self._interrupts

    def _terraform_pid(self) -> int | None:
        try:
            return int(Path(self.environment["HALAB_SHIELD_PID"]).read_text())
        except (FileNotFoundError, ValueError):
            return None

    def _await_terraform(self) -> None:
        """cdktf may be gone before a terraform that was asked to stop."""
        while (pid := self._terraform_pid()) and Path(f"/proc/{pid}").exists():
            time.sleep(POLL_S)

    def _explain_failure(self) -> None:
        if not self._filter.told_error:
            for line in self.log.read_text().splitlines()[-LAST_LINES:]:
                self.display.line(line)
        self.display.line(f"cdktf failed; all of its output: {self.log.relative_to(self.checkout)}")


class Log:
    """All of a command's output, in a new file for its owner only. When its disk is full the command goes on."""

    def __init__(self, path: Path, tell: Callable[[str], None]) -> None:
        self._path, self._tell, self._told = path, tell, False
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)

    def write(self, line: str) -> None:
        try:
            os.write(self._descriptor, f"{line}\n".encode())
        except OSError as error:
            if not self._told:
                self._tell(f"{self._path.name} lacks what comes now: {error.strerror}")
            self._told = True

    def close(self) -> None:
        os.close(self._descriptor)


def _lines_of(process: "subprocess.Popen[str]") -> "queue.Queue[str | None]":
    """The process's lines as they come, then None."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    return lines
