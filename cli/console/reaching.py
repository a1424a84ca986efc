"""The ways to a lab's machines that the console uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from halab.cli.drill.guest_stream import GuestStream
from halab.cli.look import hypervisor, taking
from halab.cli.look.deployed import Deployed, KnownMachine
from halab.cli.look.place import Place
from halab.cli.look.snapshot import Answer, Glance, Power
from halab.cli.look.status import LIMIT_S
from halab.provider.hypervisor.machine.presence import Presence
from halab.provisioners.engine.errors import HalabError

if TYPE_CHECKING:
    from halab.provisioners.engine.ssh import SshTransport

_EMULATED_LIMIT_S = 25.0  # nobody waits for it: a busy emulated machine may take its time
_GLANCE_S, _EMULATED_GLANCE_S = 2.0, 5.0  # to connect, and to answer: then another member is asked
_JOURNAL = (
    *("journalctl", "--follow", "--no-pager", "--output=json", "--output-fields=MESSAGE,SYSLOG_IDENTIFIER,PRIORITY"),
    *("--lines=20", "--unit=corosync", "--unit=pacemaker"),
)


def limit_s(lab: Deployed) -> float:
    """How long a part of a lab may take for its answer."""
    return _EMULATED_LIMIT_S if lab.emulated else LIMIT_S


class Reach(Protocol):
    """Asks one machine at a time; from several threads."""

    def powers(self) -> Mapping[str, Power]:
        """Of each machine (UUID)."""

    def look(self, machine: KnownMachine) -> Answer | str:
        """All that a machine says, or why it says nothing."""

    def glance(self, machine: KnownMachine) -> Glance | str:
        """What a member says of the cluster alone, or why it says nothing."""

    def journal(self, machine: KnownMachine, hear: Callable[[str], None]) -> AbstractContextManager[object]:
        """While the block runs, `hear` gets each line of Corosync's and Pacemaker's journal, as JSON."""

    def close(self, machine: KnownMachine) -> None:
        """It is not looked at any more."""

    def close_glances(self) -> None:
        """Nobody is glanced at any more. For the thread that glances, which alone makes these connections anew."""


class OverSsh:
    """A deployed lab, by libvirt and SSH. Each machine has a connection for looks, and one for glances once it got one.

    Each is used by one thread, which makes a new one after a silence. A glance never waits for what a look may take.
    """

    def __init__(self, place: Place, lab: Deployed) -> None:
        self._place, self._lab = place, lab
        self._limit_s = limit_s(lab)
        self._glance_s = _EMULATED_GLANCE_S if lab.emulated else _GLANCE_S
        self._connections = {machine.uuid: self._connection(machine, self._limit_s) for machine in lab.machines}
        self._glancing: dict[str, SshTransport] = {}

    def powers(self) -> Mapping[str, Power]:
        machines = list(self._connections)
        try:
            return hypervisor.powers(self._place.uri, self._place.lab, machines)
        except HalabError as error:
            return dict.fromkeys(machines, Power(Presence.UNKNOWN, f"{error.summary}. {error.detail}"))

    def look(self, machine: KnownMachine) -> Answer | str:
        way = (self._lab.endpoint.address, self._lab.endpoint.port) if self._lab.endpoint else None
        said = taking.ask(self._connections[machine.uuid], machine, way, self._limit_s)
        if isinstance(said, str):
            self.close(machine)
            self._connections[machine.uuid] = self._connection(machine, self._limit_s)
        return said

    def glance(self, machine: KnownMachine) -> Glance | str:
        if machine.uuid not in self._glancing:
            self._glancing[machine.uuid] = self._connection(machine, self._glance_s)
        said = taking.glance(self._glancing[machine.uuid], self._glance_s)
        if isinstance(said, str):
            self._glancing.pop(machine.uuid).close()
        return said

    def journal(self, machine: KnownMachine, hear: Callable[[str], None]) -> AbstractContextManager[object]:
        return GuestStream(self._place.ssh_config, machine.name, lambda: _JOURNAL, hear)

    def close(self, machine: KnownMachine) -> None:
        self._connections[machine.uuid].close()

    def close_glances(self) -> None:
        while self._glancing:
            self._glancing.popitem()[1].close()

    def _connection(self, machine: KnownMachine, connect_s: float) -> SshTransport:
        return taking.connection(machine, self._place.private_key, connect_s)
