"""DLM may go on by itself: nodes that were just switched on bring quorum back, a lost one is about to be fenced.

That is waited for before anything is written.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from halab.provisioners.corosync.standing import NoQuorum, StandsStill, refuse_standing
from halab.provisioners.engine.errors import Interrupted
from halab.provisioners.engine.host import Host
from halab.provisioners.pacemaker.status import STATUS_COMMAND, parse_status

if TYPE_CHECKING:
    from halab.provider.guests.hosts import Hosts, Report
    from halab.provider.lab import HalabProvider

# A node boots, lets the others notice that it was lost, and joins; before scaling.
_JOIN_S = 300.0
_LOOK_S = 2.0


def member_under_dlm(provider: HalabProvider, cluster: str, stop: threading.Event, report: Report) -> Host:
    """A member as soon as its DLM answers. Raises NoQuorum: at once, while too few machines run; LocksWait."""
    hosts: Hosts = provider.hosts
    return _once(provider, cluster, stop, report, lambda: hosts.cluster(cluster, stop, report, under_dlm=True))


def machine_under_dlm(provider: HalabProvider, machine: str, stop: threading.Event, report: Report) -> Host:
    """The host on this domain, as soon as its DLM answers, or none runs there. Raises Gone, Off, Paused, too."""
    cluster = provider.inventory.machine(machine).cluster

    def find() -> Host:
        host: Host = provider.hosts.machine(machine, stop, report, on_lun=True)
        if cluster:
            refuse_standing(host, cluster)
        return host

    return _once(provider, cluster, stop, report, find)


def _once(
    provider: HalabProvider, cluster: str, stop: threading.Event, report: Report, find: Callable[[], Host]
) -> Host:
    end = time.monotonic() + _JOIN_S * provider.time_scale
    while True:
        try:
            return find()
        except StandsStill as error:
            if time.monotonic() > end or (isinstance(error, NoQuorum) and _is_beyond_hope(provider, cluster, stop)):
                raise
            report(error.summary)
        if stop.wait(_LOOK_S):
            raise Interrupted(f"DLM of cluster {cluster}")


def _is_beyond_hope(provider: HalabProvider, cluster: str, stop: threading.Event) -> bool:
    """Whether too few machines run to make a quorum."""
    nodes = len(parse_status(provider.hosts.cluster(cluster, stop).ask(STATUS_COMMAND).stdout).nodes)
    on = sum(view.presence.on for view in provider.inventory.members(cluster))
    return on < 2 or 2 * on < nodes  # half of them may do: a quorum device has the vote that decides
