"""The settings that a lab was deployed with, and in what those of today differ."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from halab.constructs.settings import Settings, names, variable
from halab.provider.run.files import read_or_none

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting that is not what it was. The values are those of JSON."""

    name: str
    was: Any
    now: Any

    def __str__(self) -> str:
        return f"{self.name} {shown(self.was)}, now it says {shown(self.now)}"

    @property
    def keeper(self) -> str:
        """What keeps it as it was, for a shell; empty where nothing but leaving the setting out does."""
        return "" if self.was is None else f"{variable(self.name)}={_word(self.was)}"


def flat(settings: Settings) -> dict[str, Any]:
    """Dotted name -> value as JSON has it, of every setting."""
    values = {name: reduce(getattr, name.split("."), settings) for name in names()}
    found: dict[str, Any] = json.loads(json.dumps(values))
    return found


def dump(settings: Settings) -> str:
    """As settings.json has them: the provider writes it with the first change of an apply."""
    return json.dumps({"format": FORMAT, "settings": flat(settings)}, indent=2) + "\n"


def differences(file: Path, settings: Settings) -> list[Difference]:
    """What is not as in the file. None without a file: nobody knows, the plan tells what it comes to.

    A setting that only one of the two versions of halab knows is no difference.
    """
    return between(_read(file), flat(settings))


def between(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    return [Difference(name, was[name], now[name]) for name in now if name in was and was[name] != now[name]]


def _read(file: Path) -> Mapping[str, Any]:
    try:
        return read(file) or {}
    except ValueError:  # cut short on a full disk: it only explains a plan
        return {}


def read(file: Path) -> Mapping[str, Any] | None:
    """What `dump` wrote, by dotted name; None when there is none. ValueError: it is something else."""
    if (text := read_or_none(file)) is None:
        return None
    found = json.loads(text)
    if not isinstance(found, dict) or not isinstance(settings := found.get("settings"), dict):
        raise ValueError("it has no settings")
    return settings


def shown(value: object) -> str:
    """A value for people."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    return (", ".join(map(str, value)) if isinstance(value, list) else str(value)) or "nothing"


def _word(value: object) -> str:
    import shlex

    if isinstance(value, list):
        return shlex.quote(",".join(map(str, value)))
    return shlex.quote(value if isinstance(value, str) else shown(value))
