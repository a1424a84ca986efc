"""What is kept of the exercise that is under way, in the lab's folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from halab.provider.run.files import read_or_none, write_private
from halab.provisioners.engine.errors import ConfigError


@dataclass(frozen=True, slots=True)
class UnderWay:
    """`cast`: who and what the exercise is about; `hints`: how many were given; `solved`: the solution was shown."""

    exercise: str
    cast: dict[str, str]
    started_at: str
    hints: int = 0
    solved: bool = False


def under_way(file: Path) -> UnderWay:
    """The exercise that is under way. ConfigError: there is none, or it cannot be read."""
    try:
        if (text := read_or_none(file)) is None:
            raise ConfigError("No exercise is under way", "halab exercise start NAME begins one.")
        return UnderWay(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{file} cannot be read ({error!r})", f"Remove it: rm {file}.") from error


def keep(file: Path, now: UnderWay) -> None:
    """Takes the place of what was kept."""
    write_private(file, json.dumps(asdict(now), indent=2) + "\n")
