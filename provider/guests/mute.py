"""Machines that run but do not answer: waited for, since the cluster may be fencing them, or they may be booting."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

from halab.provider.guests.hosts import Gone, Off
from halab.provisioners.engine.command import cmd
from halab.provisioners.engine.errors import ClusterNotRunning, ConnectError, HalabError, Interrupted, TimedOut
from halab.provisioners.engine.host import Host
from halab.provisioners.pacemaker.status import STATUS_COMMAND, ClusterStatus, parse_status

if TYPE_CHECKING:
    from halab.provider.guests.hosts import Hosts, Report
    from halab.provider.hypervisor.inventory import Inventory, MachineView

# A machine may be booting. One that its cluster has lost is fenced first, once there is a fencing endpoint again.
_BOOT_S, _FENCED_S = 120.0, 600.0
_LOOK_S = 2.0
_FENCE_S = 120


def is_mute(error: HalabError) -> bool:
    """Whether waiting may help: neither a key that was changed nor a pause ends by itself."""
    return type(error) in (ConnectError, TimedOut)


class MuteMachines:
    """Waits for each machine once; whoever needs it next gets the same answer. Thread-safe."""

    def __init__(self, hosts: Hosts, inventory: Callable[[], Inventory], time_scale: float) -> None:
        self._hosts, self._inventory, self._time_scale = hosts, inventory, time_scale
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._given_up: dict[str, HalabError] = {}

    def answering(self, uuid: str, stop: threading.Event, report: Report) -> Host:
        """The host on this domain as soon as it answers. Raises Gone or Paused, ConnectError in the end."""
        with self._turns[uuid]:
            if uuid in self._given_up:
                raise self._given_up[uuid]
            try:
                return self._wait(uuid, stop, report)
            except ConnectError as error:
                self._given_up[uuid] = error
                raise

    def _wait(self, uuid: str, stop: threading.Event, report: Report) -> Host:
        began, deadline_s = time.monotonic(), _BOOT_S
        while True:
            try:
                self._hosts.forget(uuid)
                return self._hosts.machine(uuid, stop, report)  # by a new connection
            except (ConnectError, TimedOut, Off) as error:
                if not (is_mute(error) or isinstance(error, Off)):
                    raise
                view, last = self._inventory().machine(uuid), error
            lost = self._help(view, stop)
            deadline_s = _FENCED_S if lost else deadline_s
            if time.monotonic() - began > deadline_s * self._time_scale:
                raise self._verdict(view, lost, last, time.monotonic() - began)
            report(f"{view.hostname} does not answer{f': {lost}' if lost else ''}")
            if stop.wait(_LOOK_S):
                raise Interrupted(f"an answer of {view.hostname}")

    def _help(self, view: MachineView, stop: threading.Event) -> str:
        """What its cluster says of a machine that it has lost; one that it has given up is fenced once more."""
        if not view.cluster:
            return ""
        try:
            other = self._hosts.cluster(view.cluster, stop, besides=view.uuid)
            status = parse_status(other.ask(STATUS_COMMAND).stdout)
            said = lost(status, view.hostname)
            if given_up(status, view.hostname):
                other.attempt(
                    cmd("stonith_admin", "--reboot", view.hostname, "--timeout", _FENCE_S, timeout_s=_FENCE_S + 60.0)
                )
        except (Gone, Off, ConnectError, ClusterNotRunning, TimedOut):
            return ""  # the others are waited for as well, by what is in them
        return said

    def _verdict(self, view: MachineView, lost: str, last: HalabError, waited_s: float) -> ConnectError:
        return ConnectError(
            f"{view.hostname} runs but does not answer",
            f"It was waited for, {waited_s:.0f} s. {f'The cluster says: {lost}. ' if lost else ''}{last.detail}",
        )


def lost(status: ClusterStatus, name: str) -> str:
    """Why a node is away, as the others see it; empty when it takes part in the cluster."""
    node = status.node(name)
    if node is None or (node.online and not (node.pending or node.unclean)):
        return ""
    if node.unclean:
        under_way = any(event.target == name and event.status == "pending" for event in status.fencing)
        return "it is being fenced" if under_way else "it is lost, and was not fenced yet"
    return "it is joining" if node.pending or node.online else "it is not back yet"


def given_up(status: ClusterStatus, name: str) -> bool:
    """Whether a lost node is waiting for a fencing that failed and is not under way: Pacemaker tries ten times."""
    node = status.node(name)
    of_it = [event for event in status.fencing if event.target == name]
    lost_for_good = node is not None and node.unclean and not node.online and status.with_quorum
    return lost_for_good and bool(of_it) and of_it[0].status == "failed"
