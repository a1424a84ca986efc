"""The console in front of a real Pacemaker on namespaces: the real server, and what its nodes say."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from halab.cli.console.access import Access
from halab.cli.console.doing import Doing
from halab.cli.drill.guests import Guests
from halab.cli.look.deployed import Deployed
from halab.cli.look.place import Place
from halab.cli.look.snapshot import Answer, Machine, Power, Snapshot
from halab.provider.hypervisor.machine.presence import Presence
from halab.provisioners.engine.host import Host
from halab.provisioners.pacemaker.status import STATUS_COMMAND
from tests.pacemaker.cluster import RealCluster
from tests.unit.cli.console.recorded import Recorded, serving

_LOOK_S = 0.5


@dataclass
class Nodes(Guests):
    """The nodes of a cluster, as the console asks machines."""

    cluster: RealCluster = field(kw_only=True)

    def host(self, name: str) -> Host:
        return self.cluster.host(name)


@dataclass(frozen=True)
class Operated(Doing):
    """Changes the cluster."""

    cluster: RealCluster = field(kw_only=True)

    def _guests(self) -> Guests:
        return Nodes(self.place, Deployed((), None, ""), cluster=self.cluster)


def files(folder: Path) -> Place:
    """Of a lab that declares nothing."""
    names = ("state", "key", "config", "fencing", "verdict", "seen", "audit")
    return Place("pen", "test:///default", *(folder / name for name in names))


@contextmanager
def operated(cluster: RealCluster, place: Place) -> Iterator[str]:
    """The link that opens the page."""
    machines = tuple(
        Machine(name, f"uuid-{name}", node.address, True, Power(Presence.RUNNING), _said(cluster, name))
        for name, node in cluster.nodes.items()
    )
    watch, access, over = (
        Recorded(place, Snapshot("pen", time.time(), machines, None, None)),
        Access(),
        threading.Event(),
    )

    def look() -> None:
        while not over.wait(_LOOK_S):
            for name in cluster.names:
                watch.board.heard(f"uuid-{name}", _said(cluster, name))

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        with serving(place, access, Operated(place, watch, cluster=cluster)) as url:
            yield f"{url}/#{access.link('operate')}"
    finally:
        over.set()
        looking.join(30)


def _said(cluster: RealCluster, name: str) -> Answer:
    xml = cluster.host(name).attempt(STATUS_COMMAND).stdout
    return Answer(time.time(), "uptime 1.0\nunit corosync\nunit pacemaker\n", xml)
