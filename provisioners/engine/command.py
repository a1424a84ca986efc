"""Commands as argument lists; shell text exists only at the transport's edge."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that never shows itself: it reaches a guest through stdin or a 0600 file only."""

    _value: str

    def reveal(self) -> str:
        return self._value

    def digest(self) -> str:
        """SHA-256 in hex: by it a guest tells whether it has the same value, without being told the value."""
        return hashlib.sha256(self._value.encode()).hexdigest()

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class Command:
    """One program call. `ok` lists the exit codes that its caller understands; `timeout_s` is before time scaling."""

    argv: tuple[str, ...]
    stdin: str | Secret | None = None
    ok: frozenset[int] = frozenset({0})
    timeout_s: float = 60.0

    def __str__(self) -> str:
        return shlex.join(self.argv)

    @property
    def what(self) -> str:
        """What it does, for people: a script's first line if that is a comment, else the program with its arguments."""
        if self.argv[:2] == ("sh", "-euc"):
            first = self.argv[2].strip().splitlines()[0]
            return first.lstrip("# ") if first.startswith("#") else "a script"
        return str(self).splitlines()[0]


@dataclass(frozen=True, slots=True)
class Result:
    """What a command gave back. Text is UTF-8, undecodable bytes are replaced."""

    command: Command
    rc: int
    stdout: str
    stderr: str


def cmd(
    *argv: str | int, stdin: str | Secret | None = None, ok: Iterable[int] = (0,), timeout_s: float = 60.0
) -> Command:
    """A command from its words: `cmd("lvs", "--", name, ok=(0, 5))`."""
    return Command(tuple(str(a) for a in argv), stdin, frozenset(ok), timeout_s)


def script(
    text: str, *args: str | int, stdin: str | Secret | None = None, ok: Iterable[int] = (0,), timeout_s: float = 60.0
) -> Command:
    """A POSIX shell script with its arguments as $1, $2, …: several small steps for the price of one call.

    User values are passed as arguments, never pasted into `text`. It stops at the first failing command. Its first
    line is a comment that says what it does: progress and errors show it.
    """
    return cmd("sh", "-euc", text, "halab", *args, stdin=stdin, ok=ok, timeout_s=timeout_s)
