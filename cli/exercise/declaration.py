"""What an exercise is: how the lab is broken, what is told of it, how it is repaired, what is checked. Plain values.

Texts and scripts may name the cast in braces: {lab}, {active}, {idle}, {fs} (the name of GFS2), {active_uuid},
{idle_uuid}, {idle_address}, {gateway}.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from halab.cli.drill.declaration import ACTIVE, IDLE, NODES

CAST = ("lab", "active", "idle", "fs", "active_uuid", "idle_uuid", "idle_address", "gateway")
ROLES = frozenset({ACTIVE, IDLE, NODES})


@dataclass(frozen=True, slots=True)
class Step:
    """A POSIX script for each machine of a role, as root. It stops at the first command that fails."""

    role: str
    script: str
    timeout_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Healthy:
    """`halab status` has nothing to say: site, members, quorum, resources, sessions, mounts, the way to fencing."""

    points: int


@dataclass(frozen=True, slots=True)
class Configured:
    """Something holds in the CIB. `missing` is told when it does not: it points at the cause, and is no solution."""

    points: int
    missing: str
    holds: Callable[[Element, Mapping[str, str]], bool]


@dataclass(frozen=True, slots=True)
class OnNodes:
    """A script ends with 0 on each machine of a role."""

    points: int
    missing: str
    role: str
    script: str


@dataclass(frozen=True, slots=True)
class Survives:
    """A drill passes on the repaired lab."""

    points: int
    drill: str


Check = Healthy | Configured | OnNodes | Survives


@dataclass(frozen=True, slots=True)
class Exercise:
    """One broken cluster.

    `symptom` is all that is told at first. `breaks` is done on a healthy lab; then `broken` ends with 0 within the
    patience: the failure is there. `hints` come one by one. `solution` is one way to repair it; there may be others.
    """

    name: str
    level: int
    symptom: str
    breaks: tuple[Step, ...]
    broken: Step
    hints: tuple[str, ...]
    solution: tuple[Step, ...]
    checks: tuple[Check, ...]
    needs: frozenset[str] = frozenset()


def filled(text: str, cast: Mapping[str, str]) -> str:
    """The text with the lab's own names in it. Names are those of machines and labs: nothing a shell would read."""
    return re.sub(r"\{(" + "|".join(CAST) + r")\}", lambda found: cast[found[1]], text)
