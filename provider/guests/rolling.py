"""Restarts of a lab's machines: one at a time, each drained before and back in service before the next.

Terraform changes several machines at once; one process of the provider serves them all, so a lock in it is enough.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from halab.provider.guests.hosts import Gone, Off
from halab.provisioners.corosync.conf import parse_corosync_conf
from halab.provisioners.engine.command import cmd
from halab.provisioners.engine.errors import ClusterNotRunning, HalabError, Interrupted
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.steps import Run
from halab.provisioners.pacemaker import drain

if TYPE_CHECKING:
    from halab.provider.guests.hosts import Hosts
    from halab.provider.hypervisor.inventory import Inventory, MachineView

log = logging.getLogger(__name__)

Report = Callable[[str], None]
_CONF = cmd("cat", "/etc/corosync/corosync.conf")
_LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class Leave:
    """A machine's leave of absence: how to wait until it is back, how to take back what was done for it to go."""

    wait: Callable[[], None] = lambda: None
    undo: Callable[[], None] = lambda: None


class Rolling:
    """Whose turn it is. `hosts` and `inventory` are asked for anew each time: a provider may be configured again."""

    def __init__(self, hosts: Callable[[], Hosts], inventory: Callable[[], Inventory]) -> None:
        self._hosts, self._inventory = hosts, inventory
        self._turn = threading.Lock()
        self._failed = ""  # the machine that did not come back

    @contextmanager
    def out_of_service(self, uuid: str, stop: threading.Event, report: Report) -> Iterator[None]:
        """While the block runs, this machine may be off. No other one is in such a block then.

        Raises what keeps it from being taken out (nothing was changed then), or from coming back.
        """
        with self._one_at_a_time(stop, report):
            view = self._inventory().machine(uuid)
            drain.refuse_unhealthy(self._failed, view.hostname)
            leave = self._leave(view, stop, report)
            try:
                yield
                leave.wait()
            except BaseException:
                self._failed = view.hostname
                if self._inventory().machine(uuid).presence.on:
                    leave.undo()
                raise

    @contextmanager
    def _one_at_a_time(self, stop: threading.Event, report: Report) -> Iterator[None]:
        if not self._turn.acquire(blocking=False):
            report("waiting for its turn: one machine is restarted at a time")
            while not self._turn.acquire(timeout=_LOOK_S):
                if stop.is_set():
                    raise Interrupted("its turn to be restarted")
        try:
            yield
        finally:
            self._turn.release()

    def _leave(self, view: MachineView, stop: threading.Event, report: Report) -> Leave:
        """Take a machine out of the cluster that it belongs to."""
        if not view.presence.on:
            return Leave()
        if not view.cluster:
            return self._spare_server(view, stop, report)
        host = self._member(view.cluster, stop, report, besides=view.uuid)
        before = None if host is None else drain.served(drain.status_of(host), view.hostname)
        if host is None or before is None:
            return Leave()
        try:
            host.do(drain.take_out(before.node, parse_corosync_conf(host.ask(_CONF).stdout).two_node))
        except BaseException:
            _end_standby(host, before.node)
            raise
        return Leave(lambda: host.wait(drain.back(before)), lambda: _end_standby(host, before.node))

    def _spare_server(self, view: MachineView, stop: threading.Event, report: Report) -> Leave:
        """A machine outside of any cluster, the target of a lab: clusters are to be at rest before and after."""
        clusters = dict.fromkeys(m.cluster for m in self._inventory().machines() if m.cluster)
        found = [host for name in clusters if (host := self._member(name, stop, report))]
        for host in found:
            host.wait(drain.at_rest(f"before {view.hostname} is restarted"))

        def wait() -> None:
            for host in found:
                host.wait(drain.at_rest(f"after {view.hostname} was restarted"))

        return Leave(wait)

    def _member(self, cluster: str, stop: threading.Event, report: Report, besides: str = "") -> Host | None:
        """A member on which the cluster runs, if possible another one than `besides`; None where it does not run."""
        for without in dict.fromkeys((besides, "")):
            try:
                return self._hosts().cluster(cluster, stop, report, besides=without)
            except (Gone, Off, ClusterNotRunning):
                continue
        return None


def _end_standby(host: Host, node: str) -> None:
    """Let a node serve again after its restart did not come to pass. The error that kept it is the one to report."""
    try:
        host.do(Run(drain.end_standby(node)))
    except HalabError as error:
        log.warning("%s stays in standby until it restarts: %s", node, error)
