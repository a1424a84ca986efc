"""What a person has told the whole cluster to leave undone: no resource's own attribute shows it."""

from __future__ import annotations

from collections.abc import Iterator

from halab.provisioners.pacemaker.cib import Cib
from halab.provisioners.pacemaker.primitives import holds
from halab.provisioners.pacemaker.status import ClusterStatus

_UNTIL = "What a deploy waits for may not come meanwhile."


def held(cluster: str, status: ClusterStatus) -> Iterator[tuple[str, str]]:
    """What keeps Pacemaker from doing its work, each with its remedy."""
    if status.maintenance_mode:
        yield (
            f"The cluster {cluster} is in maintenance mode",
            f"Pacemaker starts, stops and watches nothing. {_UNTIL} `pcs property set maintenance-mode=false` ends it.",
        )
    if status.stop_all_resources:
        yield (
            f"The cluster {cluster} keeps all its resources stopped",
            f"stop-all-resources is set. {_UNTIL} `pcs property set stop-all-resources=false` ends it.",
        )


def held_by_default(cluster: str, cib: Cib) -> Iterator[tuple[str, str]]:
    """Defaults for all resources that keep them stopped or unmanaged, each with its remedy."""
    defaults = cib.root.find("configuration/rsc_defaults")
    for name, value in ({} if defaults is None else holds(defaults)).items():
        yield (
            f"The cluster {cluster} has {name}={value} as the default of all resources",
            f"{_UNTIL} `pcs resource defaults update {name}=` ends it.",
        )
