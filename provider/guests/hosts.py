"""From a machine's UUID, or a cluster's name, to a host that answers. libvirt decides what exists."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from halab.provider.hypervisor.machine.presence import Presence
from halab.provisioners.corosync.standing import NoQuorum, refuse_standing
from halab.provisioners.engine.command import Command, Result, cmd
from halab.provisioners.engine.errors import ClusterNotRunning, ConnectError, HalabError, TimedOut
from halab.provisioners.engine.host import Host, Pace, Shared, Transport
from halab.provisioners.engine.interrupted import end_of
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.reading import Answers, Batching, ReadingHost
from halab.provisioners.engine.ssh import Address, SshTransport
from halab.provisioners.pacemaker.cib import has_joined

if TYPE_CHECKING:
    from halab.provider.guests.agenda import Agendas
    from halab.provider.hypervisor.inventory import Inventory, MachineView

# `cibadmin`: 0 = answered, 102 = not connected (the cluster does not run here; 107, ENOTCONN, before pacemaker 2.0)
_CIB = cmd("cibadmin", "--query", ok=(0, 102, 107))


Report = Callable[[str], None]


def _silent(_detail: str) -> None:
    """Reports nothing."""


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
    answers: Answers
    on_lun: Answers  # apart: while the target is away they would keep the others waiting


class _Cluster(NamedTuple):
    """What all resources of one cluster have in common, whichever member is asked."""

    shared: Shared
    answers: Answers
    on_lun: Answers
    under_dlm: Answers  # apart: who reads what is only on the LUN shall not ask for it while DLM stands still


class Hosts:
    """All guests of a lab. Thread-safe; connections are made on first use and live as long as the process."""

    def __init__(
        self,
        inventory: Inventory,
        keys: Callable[[], Sequence[Path]],
        time_scale: float,
        dial: Callable[[Address, Pace], Transport] = SshTransport,
        agendas: Agendas | None = None,
    ) -> None:
        self._inventory, self._keys, self._dial, self._time_scale = inventory, keys, dial, time_scale
        self._agendas = agendas
        self._guard = threading.Lock()
        self._stations: dict[tuple[str, str, str], _Station] = {}
        self._clusters: dict[str, _Cluster] = {}
        self.crashed: frozenset[str] = frozenset()
        """Runs that were killed in the middle of a change: what they began in a guest is waited for."""

    def machine(
        self, uuid: str, stop: threading.Event, report: Report = _silent, reading: bool = False, on_lun: bool = False
    ) -> Host:
        """The host on this domain; `reading`: to be looked at only, in a refresh. Raises Gone, Off or Paused.

        `on_lun`: what is read lies on the shared LUN.
        """
        view = self._inventory.machine(uuid)
        _must_run(view)
        return self._host(view, stop, report, None, reading, on_lun)

    def forget(self, uuid: str) -> None:
        """Drop the connections to a machine that did not answer: it is not asked again for a while otherwise."""
        with self._guard:
            for key in [key for key in self._stations if key[0] == uuid]:
                del self._stations[key]

    def expect(self, uuid: str, stop: threading.Event) -> None:
        """A refresh comes to this machine: have it answer already, in the background, what it was asked the last time.

        Terraform reads what is on a machine in the order of its dependencies: by then the answers are there.
        """
        threading.Thread(target=self._ask_ahead, args=(uuid, stop), name=f"ahead {uuid}", daemon=True).start()

    def _ask_ahead(self, uuid: str, stop: threading.Event) -> None:
        with contextlib.suppress(HalabError):  # whoever reads from it next meets the same, and reports it
            view = self._inventory.machine(uuid)
            _must_run(view)
            self._host(view, stop, _silent, None, reading=True)
            first = next((v for v in self._inventory.members(view.cluster) if v.presence.on), None)
            if view.cluster and first == view:
                host = self.cluster(view.cluster, stop, reading=True)
                if isinstance(host, ReadingHost):
                    host.ask_ahead()

    def cluster(
        self,
        name: str,
        stop: threading.Event,
        report: Report = _silent,
        besides: str = "",
        reading: bool = False,
        on_lun: bool = False,
        under_dlm: bool = False,
    ) -> Host:
        """A member on which the cluster runs. Raises Gone, Off, ClusterNotRunning, or ConnectError if none answers.

        One that has joined, if there is one: the CIB of another may be old, and a plan by it would see too little.
        `besides`: the UUID of a machine that is not to be asked. `reading`, `on_lun`: as for a machine. `under_dlm`:
        one whose DLM answers; raises NoQuorum, LocksWait when there is none.
        """
        running, cluster = self._running(name, besides), self._cluster(name)
        mute: ConnectError | None = None
        without_quorum: NoQuorum | None = None
        not_joined: Host | None = None
        for view in running:
            if view.pause:
                mute = view.pause.error(view.hostname)
                continue
            try:
                host = self._host(view, stop, report, None, reading)
                told = host.ask(_CIB, cached=True)
                if told.rc != 0 or (under_dlm and not refuse_standing(host, name)):
                    continue
                found = self._host(view, stop, report, cluster, reading, on_lun, under_dlm)
                if has_joined(told.stdout, view.hostname):
                    return found
                not_joined = not_joined or found
            except NoQuorum as error:
                without_quorum = error  # another one may be in a part that has it
            except ConnectError as error:
                mute = error
        if not_joined is not None:
            return not_joined
        if reason := without_quorum or mute:
            raise reason
        raise ClusterNotRunning(
            f"cluster {name} does not run on any of its machines",
            f"{', '.join(view.hostname for view in running)} answer, but pacemaker does not run there. "
            "`cdktf deploy` starts it; `pcs cluster start --all` on a node does too.",
        )

    def _running(self, name: str, besides: str) -> list[MachineView]:
        """A cluster's machines that are on, in the order in which they are asked. Raises Gone or Off."""
        members = [view for view in self._inventory.members(name) if view.uuid != besides]
        if not members:
            if unmarked := self._inventory.unmarked():
                raise Off(f"of cluster {name} no machine is known: {', '.join(unmarked)} has lost the lab's mark")
            raise Gone(f"cluster {name} has no machine any more")
        running = _spread([view for view in members if view.presence.on])
        if not running:
            raise Off(f"all machines of cluster {name} are off")
        return running

    def _cluster(self, name: str) -> _Cluster:
        with self._guard:
            if name not in self._clusters:
                # Not ", LUN": there an earlier version's questions.json has what is under DLM, too.
                kinds = (self._answers(f"cluster {name}{kind}") for kind in ("", ", disk", ", DLM"))
                self._clusters[name] = _Cluster(Shared(), *kinds)
            return self._clusters[name]

    def _answers(self, name: str) -> Answers:
        return Answers(self._agendas.of(name) if self._agendas else None)

    def _host(
        self,
        view: MachineView,
        stop: threading.Event,
        report: Report,
        cluster: _Cluster | None,
        reading: bool,
        on_lun: bool = False,
        under_dlm: bool = False,
    ) -> Host:
        pace = Pace(time_scale=self._time_scale, stop=stop)
        station = self._station(view, pace, report)
        place = cluster or station
        if reading:
            answers = place.on_lun if on_lun else place.answers
            if cluster and under_dlm:
                answers = cluster.under_dlm
            host: Host = ReadingHost(station.transport, pace=pace, shared=place.shared, report=report, answers=answers)
        else:
            host = Host(station.transport, pace=pace, shared=place.shared, report=report)
        if not station.platform:
            if isinstance(host, ReadingHost):
                host.ask_ahead()
            station.platform.append(host.platform)
        host.platform = station.platform[0]
        return host

    def _station(self, view: MachineView, pace: Pace, report: Report) -> _Station:
        # A machine that was given another address or key is another station.
        key = (view.uuid, view.address, view.host_key)
        with self._guard:
            if (station := self._stations.get(key)) is None:
                first, *others = self._keys()
                address = Address(view.hostname, view.address, view.host_key, first, other_keys=tuple(others))
                transport = _Explained(self._dial(address, pace), self._inventory, view.uuid)
                both = self._answers(view.uuid), self._answers(f"{view.uuid}, LUN")
                station = _Station(transport, Shared(), [], set(), *both)
                self._stations[key] = station
        if self.crashed - station.settled:
            Host(station.transport, pace=pace, shared=station.shared, report=report).do(end_of(self.crashed))
            station.settled.update(self.crashed)
        return station


def _spread(running: list[MachineView]) -> list[MachineView]:
    """In the order in which they are asked: from the middle on. The first one has the DC and the site, as a rule."""
    middle = len(running) // 2
    return [*running[middle:], *running[:middle]]


def _must_run(view: MachineView) -> None:
    if view.presence is Presence.GONE:
        raise Gone(f"machine {view.uuid} does not exist any more")
    if view.presence is Presence.OFF:
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

    def run_all(self, commands: Sequence[Command], timeout_s: float) -> list[Result]:
        with self._explaining():
            if isinstance(self._transport, Batching):
                return self._transport.run_all(commands, timeout_s)
            return [self._transport.run(command, timeout_s) for command in commands]

    def put(self, path: str, content: bytes, mode: int, owner: str) -> None:
        with self._explaining():
            self._transport.put(path, content, mode, owner)

    @contextlib.contextmanager
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
