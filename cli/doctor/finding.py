"""What a check comes to."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Level(enum.Enum):
    """How much it matters. UNKNOWN: it could not be looked at."""

    GOOD = "good"
    UNKNOWN = "unknown"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """`text` says what was seen, `remedy` what to do about it (empty for what is good)."""

    subject: str
    level: Level
    text: str
    remedy: str = ""


def good(subject: str, text: str) -> Finding:
    return Finding(subject, Level.GOOD, text)


def bad(subject: str, text: str, remedy: str) -> Finding:
    return Finding(subject, Level.BAD, text, remedy)


def warning(subject: str, text: str, remedy: str) -> Finding:
    return Finding(subject, Level.WARNING, text, remedy)


def unknown(subject: str, text: str, remedy: str) -> Finding:
    return Finding(subject, Level.UNKNOWN, text, remedy)
