"""The drills that there are, a module for each subject."""

from __future__ import annotations

from halab.cli.drill.catalogue import daemons, fencing, network, nodes, planned, starvation, storage
from halab.cli.drill.declaration import Drill
from halab.provisioners.engine.errors import ConfigError

SUBJECTS = (nodes, daemons, network, fencing, storage, starvation, planned)
DRILLS: dict[str, Drill] = {drill.name: drill for subject in SUBJECTS for drill in subject.DRILLS}


def named(name: str) -> Drill:
    """The drill of that name. ConfigError."""
    if name not in DRILLS:
        raise ConfigError(f"There is no drill {name!r}", "`halab drill list` shows them.")
    return DRILLS[name]
