"""From a machine's UUID, or a cluster's name, to a host that answers. libvirt decides what exists."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from halab.provisioners.command import Command, Result, cmd
from halab.provisioners.errors import ClusterNotRunning, ConnectError, HalabError, TimedOut
from halab.provisioners.host import Host, Pace, Shared, Transport
from halab.provisioners.interrupted import end_of
from halab.provisioners.platform import Platform
from halab.provisioners.ssh import Address, SshTransport

if TYPE_CHECKING:
    from halab.provider.hypervisor.inventory import Inventory, MachineView

# `cibadmin`: 0 = answered, 102 = not connected (the cluster does not run here; 107, ENOTCONN, before pacemaker 2.0)
_CIB = cmd("cibadmin", "--query", ok=(0, 102, 107))


class Gone(HalabError):
    """The machine, or every member of the cluster, does not exist any more: what was in it is gone too."""


class Off(HalabError):
    """The machine, or every member of the cluster, is powered off: what is in it is as it was."""


class _Station(NamedTuple):
    """One machine as this process knows it."""

    transport: Transport
    shared: Shared
    platform: list[Platform]  # empty until first asked for
    settled: set[str]  # crashed runs of which nothing runs here any more


class Hosts:
    """All guests of a lab. Thread-safe; connections are made on first use and live as long as the process."""

    def __init__(
        self,
        inventory: Inventory,
        key_path: Path,
        time_scale: float,
        dial: Callable[[Address, Pace], Transport] = SshTransport,
    ) -> None:
        self._inventory, self._key_path, self._dial, self._time_scale = inventory, key_path, dial, time_scale
        self._guard = threading.Lock()
        self._stations: dict[tuple[str, str, str], _Station] = {}
        self._clusters: dict[str, Shared] = {}
        self.crashed: frozenset[str] = frozenset()
        """Runs that were killed in the middle of a change: what they began in a guest is waited for."""

    def machine(self, uuid: str, stop: threading.Event, report: Callable[[str], None] = lambda _: None) -> Host:
        """The host on this domain. Raises Gone, Off or Paused."""
        view = self._inventory.machine(uuid)
        _must_run(view)
        return self._host(view, stop, report, None)

    def cluster(
        self, name: str, stop: threading.Event, report: Callable[[str], None] = lambda _: None, besides: str = ""
    ) -> Host:
        """A member on which the cluster runs. Raises Gone, Off, ClusterNotRunning, or ConnectError if none answers.

        `besides`: the UUID of a machine that is not to be asked.
        """
        members = [view for view in self._inventory.members(name) if view.uuid != besides]
        if not members:
            raise Gone(f"cluster {name} has no machine any more")
        running = [view for view in members if view.presence.name == "RUNNING"]
        if not running:
            raise Off(f"all machines of cluster {name} are off")
        shared = self._cluster(name)
        mute: ConnectError | None = None
        for view in running:
            if view.pause:
                mute = view.pause.error(view.hostname)
                continue
            host = self._host(view, stop, report, shared)
            try:
                if self._host(view, stop, report, None).ask(_CIB, cached=True).rc == 0:
                    return host
            except ConnectError as error:
                mute = error
        if mute is not None:
            raise mute
        raise ClusterNotRunning(
            f"cluster {name} does not run on any of its machines",
            f"{', '.join(view.hostname for view in running)} answer, but pacemaker does not run there. "
            "`cdktf deploy` starts it; `pcs cluster start --all` on a node does too.",
        )

    def _cluster(self, name: str) -> Shared:
        with self._guard:
            return self._clusters.setdefault(name, Shared())

    def _host(
        self, view: MachineView, stop: threading.Event, report: Callable[[str], None], shared: Shared | None
    ) -> Host:
        pace = Pace(time_scale=self._time_scale, stop=stop)
        # A machine that was given another address or key is another station.
        key = (view.uuid, view.address, view.host_key)
        with self._guard:
            if (station := self._stations.get(key)) is None:
                address = Address(view.hostname, view.address, view.host_key, self._key_path)
                transport = _Explained(self._dial(address, pace), self._inventory, view.uuid)
                station = self._stations[key] = _Station(transport, Shared(), [], set())
        if self.crashed - station.settled:
            Host(station.transport, pace=pace, shared=station.shared, report=report).do(end_of(self.crashed))
            station.settled.update(self.crashed)
        if not station.platform:
            station.platform.append(Host(station.transport, pace=pace, shared=station.shared).platform)
        return Host(
            station.transport, pace=pace, shared=shared or station.shared, report=report, platform=station.platform[0]
        )


def _must_run(view: MachineView) -> None:
    if view.presence.name == "GONE":
        raise Gone(f"machine {view.uuid} does not exist any more")
    if view.presence.name == "OFF":
        raise Off(f"machine {view.hostname} is powered off")
    if view.pause:
        raise view.pause.error(view.hostname)


class _Explained:
    """A machine's transport that says so when it does not answer because it is paused."""

    def __init__(self, transport: Transport, inventory: Inventory, uuid: str) -> None:
        self.name, self._transport, self._inventory, self._uuid = transport.name, transport, inventory, uuid

    def run(self, command: Command, timeout_s: float) -> Result:
        with self._explaining():
            return self._transport.run(command, timeout_s)

    def put(self, path: str, content: bytes, mode: int, owner: str) -> None:
        with self._explaining():
            self._transport.put(path, content, mode, owner)

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except (ConnectError, TimedOut) as error:
            try:
                view = self._inventory.machine(self._uuid)
            except HalabError:
                raise error from None  # libvirt cannot tell why either: what the machine did is what counts
            if view.pause:
                raise view.pause.error(view.hostname) from error
            raise
