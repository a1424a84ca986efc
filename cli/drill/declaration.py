"""What a drill is: what is done to whom, how it is undone, and what has to come of it. Plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Action = Literal["cut", "reset", "suspend"]
Lie = Literal["done", "state"]

ACTIVE, DC, IDLE, OTHERS, NODES, TARGET = "active", "dc", "idle", "others", "nodes", "target"
HALF, TWIN = "half", "twin"
"""Roles. active: the node that serves the site; idle: one that neither serves nor is the DC, if there is one;
others: all nodes but the active one; half: that one and as many more as make half of four, six and so on; twin: the
other one of two."""
GFS2, REDFISH, FENCING, NFTABLES, MAJORITY = "gfs2", "redfish", "fencing", "nftables", "majority"
"""What a drill or an exercise may need of a lab: needs.py says how each is called, and whether it is there."""
ROLES = frozenset({ACTIVE, DC, IDLE, OTHERS, NODES, TARGET, HALF, TWIN})


@dataclass(frozen=True, slots=True)
class Guest:
    """A POSIX script that is run in each machine of a role.

    `took` exits with 0 when the failure is there: asked again until it does. `undo` is run by a timer in the guest and
    by the host. Their arguments: the machine's own address, the addresses of the other nodes joined by commas, the
    target's address, the lab's name, the fencing endpoint's address and port, the addresses of the nodes that do not
    have the role, the port of an endpoint that lies (0: there is none). `kills`: the guest cannot be asked afterwards;
    the proof is on its console, in a line that has `shown` in it. `word`: what the recording calls it.
    """

    role: str
    do: str
    took: str = ""
    undo: str = ""
    kills: bool = False
    shown: str = ""
    word: str = "script"


@dataclass(frozen=True, slots=True)
class Power:
    """Something that is done to machines by libvirt: `cut` (undone by a start), `reset`, `suspend` (by a resume).

    `cycled`: it is undone by power off and on, so that nothing of what the machine had in its memory goes on.
    """

    role: str
    action: Action
    cycled: bool = False


Injection = Guest | Power


@dataclass(frozen=True, slots=True)
class Limit:
    """A time: seconds on KVM, which are stretched where nodes are emulated, and seconds that are not."""

    kvm_s: float
    fixed_s: float = 0.0

    def seconds(self, stretch: float) -> float:
        return self.kvm_s * stretch + self.fixed_s


@dataclass(frozen=True, slots=True)
class Expected:
    """What has to come of it: who is fenced (roles), how long the site may be away, when the lab is whole again.

    `may_be_fenced`: roles that are fenced or not, as it happens. `moves`: whether another node serves the site then;
    None: either. `finds`: the one invariant (its name in invariants.py) that has to be seen broken, about each of who
    has to be fenced.
    """

    site_away: Limit
    whole: Limit
    fenced: tuple[str, ...] = ()
    may_be_fenced: tuple[str, ...] = ()
    moves: bool | None = None
    finds: str = ""


@dataclass(frozen=True, slots=True)
class Drill:
    """One failure. `does` completes "It …" in a list; `happened` begins the report's sentence: {who} are
    all machines that something was done to, {active} and other roles who had them.

    `lasts`: when it is undone; None: nobody undoes it, the lab heals by itself. `watch`: how long to look at least.
    `in_turn`: machine after machine, the next one when the lab is whole again. `lie`: what is false of what an endpoint
    says that stands beside the lab's own: `done`, that it has switched a machine; `state`, and the machine's state.
    `needs`: what the lab must have, beside fencing where somebody has to be fenced.
    """

    name: str
    does: str
    happened: str
    injections: tuple[Injection, ...]
    expected: Expected
    lasts: Limit | None = None
    watch: Limit = Limit(5)
    in_turn: bool = False
    lie: Lie | None = None
    needs: frozenset[str] = frozenset()


def halves(nodes: int) -> bool:
    """Whether so many nodes have halves that are more than one node each."""
    return nodes >= 4 and nodes % 2 == 0
