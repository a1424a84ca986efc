"""Which drills are carried out, and in which order."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Sequence

from halab.cli.drill.catalogue import CARRIED_OUT, DRILLS, named
from halab.cli.drill.declaration import Drill
from halab.provisioners.engine.errors import ConfigError


def chosen(
    names: Sequence[str],
    every: bool,
    by_chance: bool,
    seed: int | None,
    count: int,
    repeat: int,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Drill]:
    """The drills that a command line asks for. `tell` hears the seed. ConfigError: for none, or for too much."""
    if sum((bool(names), every, by_chance)) != 1:
        raise ConfigError("Which drills?", "Give names, or --all, or --random. `halab drill list` shows them.")
    proven = [drill for drill in DRILLS.values() if drill.name in CARRIED_OUT]
    if by_chance:
        seed = secrets.randbelow(1 << 32) if seed is None else seed
        tell(f"drills by chance: --seed {seed} --count {count}")
        drills = random.Random(seed).choices(proven, k=count)
    else:
        drills = [named(name) for name in names] if names else proven
    return [drill for drill in drills for _ in range(repeat)]
