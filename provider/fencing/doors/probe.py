"""Whether a door answers, as its protocol's client sees it."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Answer(enum.Enum):
    """What a door says to one request."""

    READY = "answers"
    DEAD = "does not answer"
    REFUSED = "refuses the user name or the password"
    BROKEN = "answers, but cannot reach libvirt"


@dataclass(frozen=True, slots=True)
class Probe:
    """One request's outcome; `detail` is what was seen."""

    answer: Answer
    detail: str = ""
