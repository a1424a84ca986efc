"""What a look at a cluster finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Found:
    """Something that can be imported: its resource type, a word for its name in HCL, and its import id."""

    type: str
    name: str
    id: str
    optional: bool = False
    """Whether it is no fault if there is no such thing."""


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """Something that halab does not describe, or not completely. It stays as it is, and shows no difference."""

    what: str
    why: str
