"""The exercises that there are, a module for each subject, the easier ones first."""

from __future__ import annotations

from halab.cli.exercise.catalogue import constraints, fencing, members, policies, storage
from halab.cli.exercise.declaration import Exercise
from halab.provisioners.engine.errors import ConfigError

SUBJECTS = (policies, constraints, fencing, members, storage)
_ALL = sorted((one for subject in SUBJECTS for one in subject.EXERCISES), key=lambda exercise: exercise.level)
EXERCISES: dict[str, Exercise] = {exercise.name: exercise for exercise in _ALL}

PROVEN = frozenset(
    {
        *("forgotten-standby", "stale-preference", "nowhere-to-go", "fencing-off", "remembered-failures"),
        *("reversed-colocation", "quorum-policy", "missing-order", "wrong-machine"),
        *("forgotten-maintenance", "started-at-boot", "another-address", "no-password", "closed-port"),
        *("without-locks", "same-initiator"),
    }
)
"""Those that tests/e2e has broken and repaired on a real lab. Others are listed so."""


def named(name: str) -> Exercise:
    """The exercise of that name. ConfigError."""
    if name not in EXERCISES:
        raise ConfigError(f"There is no exercise {name!r}", "`halab exercise list` shows them.")
    return EXERCISES[name]
