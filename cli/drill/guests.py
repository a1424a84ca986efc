"""The machines of a deployed lab, each asked over a connection of its own, and what they say of the lab."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeVar

from halab.cli.drill.declaration import ACTIVE, DC, HALF, IDLE, NODES, OTHERS, TARGET, TWIN, halves
from halab.cli.look.deployed import Deployed, KnownMachine
from halab.cli.look.place import Place
from halab.provisioners.engine.command import cmd
from halab.provisioners.engine.errors import ConnectError, HalabError, TimedOut, UnexpectedOutput
from halab.provisioners.engine.host import Host, Pace
from halab.provisioners.engine.ssh import Address, SshTransport
from halab.provisioners.pacemaker.status import STATUS_COMMAND, ClusterStatus, parse_status

T = TypeVar("T")

_CONNECT_S = 10.0


@dataclass
class Guests:
    """All machines of a lab. Connections are made on first use."""

    place: Place
    lab: Deployed
    _hosts: dict[str, Host] = field(default_factory=dict)
    _transports: list[SshTransport] = field(default_factory=list)

    @property
    def nodes(self) -> list[KnownMachine]:
        return self.lab.nodes

    def machine(self, name: str) -> KnownMachine:
        """The machine of that name. KeyError."""
        if (machine := self.lab.machine(name)) is None:
            raise KeyError(name)
        return machine

    def host(self, name: str) -> Host:
        """By its own connection."""
        if name not in self._hosts:
            machine = self.machine(name)
            address = Address(name, machine.address, machine.host_key, self.place.private_key)
            transport = SshTransport(address, Pace(), connect_s=_CONNECT_S)
            self._transports.append(transport)
            self._hosts[name] = Host(transport)
        return self._hosts[name]

    def forget(self) -> None:
        """Close all connections; a machine that was mute is asked anew."""
        while self._transports:
            self._transports.pop().close()
        self._hosts.clear()

    def status(self, among: Iterable[str] = ()) -> ClusterStatus:
        """The cluster as the first node that answers sees it. The last error when none does."""
        return self._first(
            lambda host: parse_status(host.ask(STATUS_COMMAND).stdout),
            [*among],
        )

    def valid(self) -> str:
        """What is wrong with the CIB, as the first node that answers has it; empty: nothing. The last one's error."""
        told = self._first(lambda host: host.attempt(cmd("crm_verify", "--live-check")))
        return "" if told.rc == 0 else (told.stderr or told.stdout).strip()[-300:] or f"crm_verify ended with {told.rc}"

    def remove(self, files: Iterable[str]) -> None:
        """Of the file system that all nodes share. The last error when no node can."""
        self._first(lambda host: host.ask(cmd("rm", "-f", "--", *files)))

    def _first(self, ask: Callable[[Host], T], among: Sequence[str] = ()) -> T:
        """What the first node says that can. The last one's error."""
        names = among or [node.name for node in self.nodes]
        for name in names[:-1]:
            try:
                return ask(self.host(name))
            except HalabError:
                continue
        return ask(self.host(names[-1]))

    def corosync(self, key: str) -> int:
        """A number of Corosync's runtime map, as the first node has it."""
        line = self.host(self.nodes[0].name).ask(cmd("corosync-cmapctl", "-g", key)).stdout
        name, _, value = line.strip().rpartition(" = ")
        if name.split()[:1] != [key] or not value.isdigit():
            raise UnexpectedOutput(f"corosync-cmapctl did not tell {key}", line[:200])
        return int(value)


def roles(guests: Guests, status: ClusterStatus, active: str) -> dict[str, list[str]]:
    """Role -> names of the machines that have it now. `active`: who serves the site."""
    nodes = [node.name for node in guests.nodes]
    others = [name for name in nodes if name != active]
    idle = [name for name in others if name != status.dc] or others
    return {
        ACTIVE: [active] if active else [],
        DC: [status.dc] if status.dc else [],
        IDLE: idle[-1:],
        OTHERS: others,
        HALF: [active, *others][: len(nodes) // 2] if active and halves(len(nodes)) else [],
        TWIN: others if active and len(nodes) == 2 else [],
        NODES: nodes,
        TARGET: [machine.name for machine in guests.lab.machines if not machine.cluster],
    }


def facts(guests: Guests, files: dict[str, str]) -> dict[str, Any]:
    """What is compared before and after a drill: fencing, resources that run twice, the CIB, files of writers.

    `files`: writer's node -> path. Each is read on the node behind it, so that no node reads its own.
    """
    status = guests.status()
    names = [node.name for node in guests.nodes]
    readers = dict(zip(names, [*names[1:], names[0]], strict=True))
    with ThreadPoolExecutor(max(1, len(files))) as pool:
        read = dict(zip(files, pool.map(lambda node: _numbers(guests, readers[node], files[node]), files), strict=True))
    return {
        "fencing": [[e.target, e.action, e.status, e.completed] for e in status.fencing],
        "twice": twice(status),
        "blocked": sorted({one.id for one in status.resources if one.blocked or (one.failed and one.active)}),
        "cib": guests.valid(),
        "files": {node: {"reader": readers[node], **said} for node, said in read.items()},
    }


def twice(status: ClusterStatus) -> list[str]:
    """Primitives that run on more than one node and are no clones."""
    return sorted(one.id for one in status.resources if len(one.nodes) > 1 and len(status.instances(one.id)) == 1)


def _numbers(guests: Guests, reader: str, path: str) -> dict[str, Any]:
    try:
        told = guests.host(reader).attempt(cmd("cat", "--", path))
        if told.rc != 0:
            return {"error": told.stderr.strip()[-300:] or f"cat ended with {told.rc}", "numbers": []}
        return {"error": "", "numbers": ranges(int(line) for line in told.stdout.split())}
    except (ConnectError, TimedOut, ValueError) as error:  # mute, the file system hangs, zeros in place of numbers
        return {"error": str(error)[-300:], "numbers": []}


def ranges(numbers: Iterable[int]) -> list[list[int]]:
    """Numbers as ranges of neighbours: 1 2 3 7 -> [[1, 3], [7, 7]]."""
    ordered = sorted(set(numbers))
    if not ordered:
        return []
    ends = [left for left, right in pairwise(ordered) if right != left + 1]
    starts = [right for left, right in pairwise(ordered) if right != left + 1]
    return [list(pair) for pair in zip([ordered[0], *starts], [*ends, ordered[-1]], strict=True)]
