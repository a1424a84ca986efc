"""Which drills are carried out, and in which order."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Sequence

from halab.cli.drill.catalogue import DRILLS, named
from halab.cli.drill.declaration import Drill
from halab.cli.drill.needs import Here, unfit
from halab.provisioners.engine.errors import ConfigError


def chosen(
    names: Sequence[str],
    every: bool,
    by_chance: bool,
    seed: int | None,
    count: int,
    repeat: int,
    look_here: Callable[[], Here],
    tell: Callable[[str], None] = lambda _: None,
) -> list[Drill]:
    """The drills that a command line asks for. `tell` hears the seed. Without names: of those that fit the lab.

    ConfigError: for none, or for too much, or for one that the lab is not made for.
    """
    if sum((bool(names), every, by_chance)) != 1:
        raise ConfigError("Which drills?", "Give names, or --all, or --random. `halab drill list` shows them.")
    if names:
        drills = [named(name) for name in names]
        here = look_here()
        for drill in drills:
            if why := unfit(drill, here):
                raise ConfigError(f"{drill.name} is for a lab with {' and '.join(why)}")
        return [drill for drill in drills for _ in range(repeat)]
    here = look_here()
    drills = [drill for drill in DRILLS.values() if not unfit(drill, here)]
    if by_chance:
        seed = secrets.randbelow(1 << 32) if seed is None else seed
        tell(f"drills by chance: --seed {seed} --count {count}")
        drills = random.Random(seed).choices(drills, k=count)
    return [drill for drill in drills for _ in range(repeat)]
