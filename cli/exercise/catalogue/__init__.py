"""The exercises that there are, a module for each subject, the easier ones first."""

from __future__ import annotations

from halab.cli.exercise.catalogue import constraints, fencing, members, policies, storage
from halab.cli.exercise.declaration import Exercise
from halab.provisioners.engine.errors import ConfigError

SUBJECTS = (policies, constraints, fencing, members, storage)
_ALL = sorted((one for subject in SUBJECTS for one in subject.EXERCISES), key=lambda exercise: exercise.level)
EXERCISES: dict[str, Exercise] = {exercise.name: exercise for exercise in _ALL}


def named(name: str) -> Exercise:
    """The exercise of that name. ConfigError."""
    if name not in EXERCISES:
        raise ConfigError(f"There is no exercise {name!r}", "`halab exercise list` shows them.")
    return EXERCISES[name]
