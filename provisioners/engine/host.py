"""A host that we configure: a transport, its platform, and how steps are carried out on it."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from halab.provisioners.engine.command import Command, Result, Secret, cmd
from halab.provisioners.engine.errors import CommandFailed, Interrupted, TimedOut
from halab.provisioners.engine.platform import Platform, detect
from halab.provisioners.engine.steps import Await, Run, Step

log = logging.getLogger(__name__)

LONGEST_PAUSE_S = 5.0
"""Between two questions of a wait, however long the answers take."""


class Transport(Protocol):
    """How commands reach a host. `run` raises ConnectError when the host cannot be reached, and never resends."""

    name: str

    def run(self, command: Command, timeout_s: float) -> Result: ...
    def put(self, path: str, content: bytes, mode: int, owner: str) -> None: ...


class Memo:
    """Answers of read-only commands, shared by all resources of one host or one cluster.

    The same question asked by many threads at once goes out once (single flight). Any change drops everything.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._answers: dict[tuple[int, Command], Result] = {}
        self._asking: dict[tuple[int, Command], threading.Lock] = {}
        self._generation = 0

    def drop(self) -> None:
        with self._guard:
            self._generation += 1
            self._answers.clear()
            self._asking.clear()

    def get(self, command: Command, ask: Callable[[Command], Result]) -> Result:
        with self._guard:
            key = (self._generation, command)
            lock = self._asking.setdefault(key, threading.Lock())
        with lock:
            if (known := self._answers.get(key)) is None:
                known = ask(command)
                with self._guard:
                    # An answer that was on its way while something changed is given, but not kept.
                    if key[0] == self._generation:
                        self._answers[key] = known
            return known


class Polls:
    """The latest answers to what is asked again and again: of many that wait, one asks at a time, for all."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._asking: dict[Command, threading.Lock] = {}
        self._latest: dict[Command, tuple[float, Result]] = {}

    def newer(
        self, than: float, command: Command, ask: Callable[[Command], Result], clock: Callable[[], float]
    ) -> tuple[float, Result]:
        """An answer that began after `than`, and when it began."""
        with self._guard:
            lock = self._asking.setdefault(command, threading.Lock())
        with lock:
            latest = self._latest.get(command)
            if latest is None or latest[0] <= than:
                latest = clock(), ask(command)
                self._latest[command] = latest
            return latest


@dataclass
class Shared:
    """What all resources of one host (or one cluster) have in common in this process."""

    memo: Memo = field(default_factory=Memo)
    polls: Polls = field(default_factory=Polls)
    lock: threading.RLock = field(default_factory=threading.RLock)
    queue: deque[object] = field(default_factory=deque)  # changes that wait for `lock`, to be carried out together


@dataclass(frozen=True, slots=True)
class Pace:
    """How waiting is done: time scale for slow hypervisors, the stop request, clocks that a test can replace."""

    time_scale: float = 1.0
    stop: threading.Event = field(default_factory=threading.Event)
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], bool] | None = None  # seconds -> stop was asked for

    def sleep(self, seconds: float, what: str) -> None:
        if (self.pause or self.stop.wait)(seconds):
            raise Interrupted(what)


class Host:
    """One guest (for cluster-wide items: the member that happens to be asked)."""

    def __init__(
        self,
        transport: Transport,
        *,
        pace: Pace | None = None,
        shared: Shared | None = None,
        report: Callable[[str], None] = lambda _: None,
        platform: Platform | None = None,
    ) -> None:
        self._transport, self._pace, self._report = transport, pace or Pace(), report
        self.shared = shared or Shared()
        self._platform = platform

    @property
    def name(self) -> str:
        return self._transport.name

    @property
    def platform(self) -> Platform:
        """The distribution's table, read once from /etc/os-release."""
        if self._platform is None:
            self._platform = detect(self.ask(cmd("cat", "/etc/os-release"), cached=True).stdout, self.name)
        return self._platform

    @platform.setter
    def platform(self, known: Platform) -> None:
        self._platform = known

    def ask(self, command: Command, *, cached: bool = False) -> Result:
        """Run a command and check its exit code. `cached`: read-only, and may be answered from this process's memo."""
        return self.shared.memo.get(command, self._checked) if cached else self._checked(command)

    def look(self, command: Command) -> Result:
        """Run a read-only command and check its exit code. During a refresh it goes out together with others."""
        return self.ask(command)

    def attempt(self, command: Command) -> Result:
        """Run a command and give back whatever it said: the caller judges its exit code."""
        return self._transport.run(command, command.timeout_s * self._pace.time_scale)

    def _checked(self, command: Command) -> Result:
        return self.accepted(self.attempt(command), command)

    def accepted(self, result: Result, command: Command) -> Result:
        """A result whose exit code `command` accepts."""
        if result.rc not in command.ok:
            said = (result.stderr or result.stdout)[-2000:].strip()
            raise CommandFailed(
                f"{self.name}: {command.what} failed", f"`{command}` exited with {result.rc}: {said}", rc=result.rc
            )
        return result

    def read(self, path: str) -> str | None:
        """A text file's content; None when there is no such file."""
        # 3: our own code for "no such file", so that any other failure stays an error
        result = self.look(cmd("sh", "-c", '[ -e "$1" ] || exit 3; exec cat -- "$1"', "halab", path, ok=(0, 3)))
        return None if result.rc == 3 else result.stdout

    def put(self, path: str, content: str | Secret, mode: int = 0o644, owner: str = "root:root") -> None:
        text = content.reveal() if isinstance(content, Secret) else content
        self._transport.put(path, text.encode(), mode, owner)

    def do(self, steps: Step | Iterable[Step]) -> None:
        """Carry out steps in order; whatever was remembered about this host is forgotten afterwards."""
        for step in steps if isinstance(steps, Iterable) else (steps,):
            log.info("%s: %s", self.name, step)
            self._report(_words(step))
            try:
                step.run(self)
            finally:
                self.shared.memo.drop()

    def wait(self, wanted: Await) -> None:
        """Probe until ready. Says what it waits for, how long, and what it saw last when the deadline passes."""
        started = asked = self._pace.clock()
        deadline_s = wanted.deadline_s * self._pace.time_scale
        while True:
            try:
                asked, result = self.shared.polls.newer(asked, wanted.probe, self.attempt, self._pace.clock)
            except TimedOut as late:  # a question that a busy host did not answer in time is asked again
                asked, seen = self._pace.clock(), str(late)
            else:
                if not (seen := self._lacking(wanted, result)):
                    return
            if self._pace.clock() - started >= deadline_s:
                raise TimedOut(f"{self.name}: no {wanted.what} within {deadline_s:.0f} s", seen)
            # The host has something better to do than to answer: an emulated one is asked a fifth of the time at most.
            took_s = self._pace.clock() - asked
            self._pace.sleep(min(max(wanted.interval_s, 4 * took_s), LONGEST_PAUSE_S), wanted.what)

    def _lacking(self, wanted: Await, result: Result) -> str:
        """What was seen instead of what is waited for, empty when that is there. CommandFailed: it will not come."""
        try:
            if wanted.ready(result):
                return ""
            why = wanted.failed(result)
        except TimedOut as not_yet:  # it answers, and cannot tell yet
            return str(not_yet)
        if why:
            raise CommandFailed(f"{self.name}: {wanted.what} will not come", why, rc=result.rc)
        return f"`{wanted.probe}` last exited with {result.rc}: {wanted.seen(result)}"


def _words(step: Step) -> str:
    """A step in one line, for the progress file."""
    return (step.command.what if isinstance(step, Run) else str(step).splitlines()[0])[:120]
