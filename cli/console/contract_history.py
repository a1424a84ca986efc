"""What the page is told of the cluster's past; a part of the contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["decision", "failure", "fencing"]


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that happened at `at` (Unix time, s; None: not told). `node`: who decided, failed or was fenced.

    `file` and `command` are those of a decision: on that node the command has the scheduler decide again.
    """

    at: float | None
    kind: Kind
    node: str
    title: str
    told: tuple[str, ...]
    file: str
    command: str


@dataclass(frozen=True, slots=True)
class Heard:
    """A member that was asked for its decisions. `at`: when it had told all (Unix time, s); `fault`: why it did not."""

    node: str
    at: float | None
    asking: bool
    fault: str


@dataclass(frozen=True, slots=True)
class History:
    """At `now` (Unix time, s), the newest first, with the `last` decisions.

    `seen_by`, `seen_at`: whose memory failures and fencing are from, and of when; empty and None: nobody's.
    """

    now: float
    happened: tuple[Happened, ...]
    heard: tuple[Heard, ...]
    seen_by: str
    seen_at: float | None
    last: int
