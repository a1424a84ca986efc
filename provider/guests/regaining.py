"""Quorum that may come back by itself: nodes that were just switched on are waited for before anything is written."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from halab.provisioners.corosync.quorate import NoQuorum
from halab.provisioners.engine.errors import Interrupted
from halab.provisioners.engine.host import Host
from halab.provisioners.pacemaker.status import STATUS_COMMAND, parse_status

if TYPE_CHECKING:
    from halab.provider.guests.hosts import Hosts, Report
    from halab.provider.lab import HalabProvider

# A node boots, lets the others notice that it was lost, and joins; before scaling.
_JOIN_S = 300.0
_LOOK_S = 2.0


def host_with_quorum(provider: HalabProvider, cluster: str, stop: threading.Event, report: Report) -> Host:
    """A member as soon as it has quorum. Raises NoQuorum: at once, while too few machines run to make one."""
    hosts: Hosts = provider.hosts
    end = time.monotonic() + _JOIN_S * provider.time_scale
    while True:
        try:
            return hosts.cluster(cluster, stop, report, under_dlm=True)
        except NoQuorum:
            nodes = len(parse_status(hosts.cluster(cluster, stop).ask(STATUS_COMMAND).stdout).nodes)
            on = sum(view.presence.on for view in provider.inventory.members(cluster))
            # Half of them may do: a quorum device has the vote that decides.
            if on < 2 or 2 * on < nodes or time.monotonic() > end:
                raise
        report(f"cluster {cluster} has no quorum yet")
        if stop.wait(_LOOK_S):
            raise Interrupted(f"quorum of cluster {cluster}")
