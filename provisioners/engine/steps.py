"""The kinds of step that an item may ask for. Steps are values: making one does nothing, `Host.do` carries it out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from halab.provisioners.engine.command import Command, Result, Secret

if TYPE_CHECKING:
    from halab.provisioners.engine.host import Host


class Step(Protocol):
    """Anything that can be done on a host. `str()` of it is what a person reads in logs: never a secret."""

    def run(self, host: Host) -> None: ...


@dataclass(frozen=True, slots=True)
class Run:
    """Run one command; its exit code must be in `command.ok`."""

    command: Command

    def run(self, host: Host) -> None:
        host.ask(self.command)

    def __str__(self) -> str:
        return str(self.command)


@dataclass(frozen=True, slots=True)
class PutFile:
    """Write a file atomically, making its folder. `mode` holds from the first byte on; owner is `user:group`."""

    path: str
    content: str | Secret
    mode: int = 0o644
    owner: str = "root:root"

    def run(self, host: Host) -> None:
        host.put(self.path, self.content, self.mode, self.owner)

    def __str__(self) -> str:
        return f"write {self.path} (mode {self.mode:04o})"


@dataclass(frozen=True, slots=True)
class Await:
    """Wait until `ready(result of probe)`; `failed` may see early that it will never come, and says why.

    The probe's exit code is not checked, `ready` judges it. `deadline_s` and `interval_s` are before time scaling.
    `what` is a noun ("start of web"); `seen` puts the last answer into words when the deadline has passed. Many that
    wait on one host or cluster with the same probe share its answers.
    """

    what: str
    probe: Command
    ready: Callable[[Result], bool]
    deadline_s: float = 300.0
    interval_s: float = 0.5
    failed: Callable[[Result], str | None] = lambda _: None
    seen: Callable[[Result], str] = lambda result: (result.stdout + result.stderr)[-2000:].strip()

    def run(self, host: Host) -> None:
        host.wait(self)

    def __str__(self) -> str:
        return f"wait for {self.what}"
