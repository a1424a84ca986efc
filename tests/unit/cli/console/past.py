"""Nodes that keep the scheduler's inputs, as the console asks them: what find and crm_simulate of 2.1.5 said."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from halab.cli.console.access import Access
from halab.cli.console.doing import Doing
from halab.cli.drill.guests import Guests
from halab.cli.look.deployed import Deployed
from halab.cli.look.place import Place
from halab.cli.look.snapshot import Snapshot
from halab.provisioners.engine.command import Command, Result
from halab.provisioners.engine.errors import ConnectError
from halab.provisioners.engine.host import Host, Pace
from tests.unit.cli.look.samples import DATA, lab, member

from .recorded import Recorded, Stage, serving

FENCED = """<pacemaker-result api-version="2.25" request="crm_simulate --run"><actions>
    <node_action task="Fence (reboot)" node="node1" reason="peer is no longer part of the cluster"/>
    <rsc_action action="move" resource="fence-node2" source="node1" dest="node3"/>
    <rsc_action action="move" resource="site" source="node1" dest="node3"/>
  </actions><status code="0" message="OK"/></pacemaker-result>"""
NOTHING = '<pacemaker-result api-version="2.25"><actions/><status code="0" message="OK"/></pacemaker-result>'


@dataclass
class Keeper:
    """A node's transport. `inputs`: time and name -> what crm_simulate says; `silent`: it answers nobody."""

    name: str
    inputs: dict[tuple[float, str], str] = field(default_factory=dict)
    silent: bool = False
    mute: threading.Event | None = None
    """It hangs until this is set."""
    replayed: list[str] = field(default_factory=list)

    def run(self, command: Command, timeout_s: float) -> Result:
        if self.mute is not None:
            assert self.mute.wait(timeout_s)
        if self.silent:
            raise ConnectError(f"{self.name} does not answer", "no route to host")
        if command.argv[0] == "sh":
            newest = sorted(self.inputs, reverse=True)[: int(command.argv[-1])]
            return Result(command, 0, "".join(f"{at:.10f} {name}\n" for at, name in newest), "")
        name = Path(command.argv[-1]).name
        self.replayed.append(name)
        said = next(said for (_, found), said in self.inputs.items() if found == name)
        return Result(command, 0 if said else 65, said, "" if said else "crm_simulate: Could not read input XML")

    def put(self, path: str, content: bytes, mode: int, owner: str) -> None:
        raise AssertionError(f"nothing is to be written: {path}")


@dataclass
class Keepers(Guests):
    """The machines of a lab."""

    keepers: dict[str, Keeper] = field(kw_only=True)

    def host(self, name: str) -> Host:
        return Host(self.keepers[name], pace=Pace())


def guests(place: Place, *keepers: Keeper) -> Keepers:
    return Keepers(place, Deployed((), None, ""), keepers={one.name: one for one in keepers})


@dataclass(frozen=True)
class Told(Doing):
    """Reads the keepers' past."""

    keepers: tuple[Keeper, ...] = field(kw_only=True)

    def _guests(self) -> Guests:
        return guests(self.place, *self.keepers)


def remembered() -> Snapshot:
    """A lab whose members remember a resource that failed, and a fencing."""
    failed = (DATA / "pacemaker/crm_mon-2.1-failed.xml").read_text()
    assert failed.count("<failures>") == 1
    event = (
        '<fence_history><fence_event action="reboot" target="node1" client="stonith_admin.75" origin="node2" '
        'status="success" delegate="node3" completed="2026-11-28 07:50:37Z"/></fence_history>'
    )
    told = failed.replace("<failures>", f"{event}<failures>")
    return lab(*(member(number, cluster=told) for number in (1, 2, 3)))


@contextmanager
def told(folder: Path, *keepers: Keeper, shown: Snapshot | None = None) -> Iterator[Stage]:
    """A console over such nodes."""
    files = [folder / name for name in ("tfstate", "key", "conf", "fencing", "kvm", "seen", "audit.jsonl")]
    where, access = Place("summit", "test:///default", *files), Access()
    watch = Recorded(where, shown or remembered())
    with serving(where, access, Told(where, watch, keepers=keepers)) as url:
        yield Stage(url, access, watch, where)


def silent(snapshot: Snapshot, name: str) -> Snapshot:
    """The same lab; the machine runs, and does not answer."""
    machines = tuple(replace(m, silence="no answer within 5 s") if m.name == name else m for m in snapshot.machines)
    return replace(snapshot, machines=machines)
