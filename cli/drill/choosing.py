"""Which drills are carried out, and in which order."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Sequence

from halab.cli.drill.catalogue import DRILLS, named
from halab.cli.drill.declaration import Drill, fits
from halab.provisioners.engine.errors import ConfigError


def chosen(
    names: Sequence[str],
    every: bool,
    by_chance: bool,
    seed: int | None,
    count: int,
    repeat: int,
    count_nodes: Callable[[], int],
    tell: Callable[[str], None] = lambda _: None,
) -> list[Drill]:
    """The drills that a command line asks for. `tell` hears the seed. ConfigError: for none, or for too much.

    Without names: of those that fit a lab of so many nodes.
    """
    if sum((bool(names), every, by_chance)) != 1:
        raise ConfigError("Which drills?", "Give names, or --all, or --random. `halab drill list` shows them.")
    if names:
        return [drill for drill in map(named, names) for _ in range(repeat)]
    nodes = count_nodes()
    drills = [drill for drill in DRILLS.values() if fits(drill, nodes)]
    if by_chance:
        seed = secrets.randbelow(1 << 32) if seed is None else seed
        tell(f"drills by chance: --seed {seed} --count {count}")
        drills = random.Random(seed).choices(drills, k=count)
    return [drill for drill in drills for _ in range(repeat)]
