"""The order in which a lab is made, as one table: what is in a phase waits for all that its line names.

Terraform removes in the opposite order, and so does it with a node that goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TypedDict

from halab.constructs.cdk import IDependable, TerraformResourceLifecycle
from halab.constructs.resource import HalabResource, made_anew_with


class Phase(Enum):
    """The phases by name; what they mean stands in TABLE."""

    SESSIONS = "sessions"
    MEMBERS = "members"
    FORMED = "formed"
    QUORUM = "quorum"
    PROPERTIES = "properties"
    HOSTS = "hosts"
    WEB = "web"
    ACCESS = "access"
    WATCH = "watch"
    SBD = "sbd"
    KEYS = "keys"
    COUNTED = "counted"
    FENCING = "fencing"
    LVM = "lvm"
    LOCKING = "locking"
    PARTITION = "partition"
    VG = "vg"
    JOINED = "joined"
    NODES = "nodes"
    VOLUMES = "volumes"
    FILE_SYSTEMS = "file systems"
    MOUNTS = "mounts"
    CONTENT = "content"
    SERVICES = "services"
    LEVELS = "levels"
    LAST = "last"


class Container(Enum):
    """What goes together with all that is in it, though nothing that is said of that has changed."""

    CLUSTER = "the cluster"
    VG = "the volume group"


@dataclass(frozen=True, slots=True)
class Line:
    """What is made, the phases that it waits for, and what it lives in: it is made anew when that is."""

    made: str
    after: tuple[Phase, ...] = ()
    inside: tuple[Container, ...] = ()


_READY = (Phase.MEMBERS, Phase.PROPERTIES)
TABLE: dict[Phase, Line] = {
    Phase.SESSIONS: Line("each node's iSCSI session"),
    # Without a disk for SBD each waits for its own sbd, too (watchdog_fencing.py).
    Phase.MEMBERS: Line("each node joins Corosync and Pacemaker"),
    # What waits for this does not wait for a node that is added.
    Phase.FORMED: Line("of those, as many as are a majority: the cluster runs"),
    Phase.QUORUM: Line("each node asks the quorum device, if there is one", (Phase.MEMBERS,)),
    Phase.PROPERTIES: Line("the cluster's properties", (Phase.FORMED,), (Container.CLUSTER,)),
    # Nothing that a cluster is made of waits for these two: a slow node has more urgent things to do.
    Phase.HOSTS: Line("names, time and firewall of each node", (Phase.FORMED,)),
    Phase.WEB: Line("each node's web server, not started", (Phase.FORMED,)),
    Phase.ACCESS: Line("each node's way to the fencing endpoint: certificate and password"),
    Phase.WATCH: Line("each node watches its key on the LUN, where storage alone may fence it"),
    Phase.SBD: Line("each node watches its SBD disk, if it has one, and feeds its watchdog"),
    # Before anything is written to the LUN. Empty unless reservations of the LUN are a way to fence.
    Phase.KEYS: Line(
        "each node's key on the LUN, its reservation, and the device that fences by it",
        (*_READY, Phase.SESSIONS),
        (Container.CLUSTER,),
    ),
    # Empty but where nodes fence themselves without a disk. Pacemaker ends on a member that has no sbd meanwhile.
    Phase.COUNTED: Line(
        "the time after which a mute node counts as reset by its own watchdog",
        (*_READY, Phase.SBD),
        (Container.CLUSTER,),
    ),
    # A device waits for the other nodes' membership and access: a node that is added gets it while it joins. And for
    # the one that unfences: without levels yet, Pacemaker asks any one device to switch a node on, and a node that has
    # been switched on gets no key.
    Phase.FENCING: Line("each node's fencing device", (Phase.PROPERTIES, Phase.KEYS)),
    Phase.LVM: Line("each node's LVM asks lvmlockd"),
    Phase.LOCKING: Line("DLM and lvmlockd run", (*_READY, Phase.LVM, Phase.KEYS, Phase.WATCH), (Container.CLUSTER,)),
    Phase.PARTITION: Line("the LUN's partition", (*_READY, Phase.SESSIONS)),
    Phase.VG: Line("the shared volume group", (Phase.LOCKING, Phase.PARTITION)),
    # A resource for each node, so that it leaves before the group goes.
    Phase.JOINED: Line("each node uses the volume group", (Phase.VG,), (Container.VG,)),
    # Its removal drains the node, which then leaves: before its device, session and configuration go.
    Phase.NODES: Line("the node is complete: it has all that is its own"),
    # After the nodes: when all of them go, it takes nodes to remove a volume and what is on it.
    Phase.VOLUMES: Line("logical volumes", (Phase.JOINED, Phase.NODES), (Container.VG,)),
    Phase.FILE_SYSTEMS: Line("file systems on the volumes", (Phase.VOLUMES,)),
    Phase.MOUNTS: Line("the cluster mounts them", (Phase.FILE_SYSTEMS, Phase.FENCING), (Container.CLUSTER,)),
    Phase.CONTENT: Line("files on the mounted file systems", (Phase.MOUNTS,), (Container.CLUSTER,)),
    Phase.SERVICES: Line(
        "the cluster runs services",
        (*_READY, Phase.HOSTS, Phase.WEB, Phase.FENCING, Phase.MOUNTS),
        (Container.CLUSTER,),
    ),
    # A service need not wait for what is tried only when a first device has failed.
    Phase.LEVELS: Line(
        "devices of further levels, and the order in which they are tried", (Phase.SERVICES,), (Container.CLUSTER,)
    ),
    # Their start keeps a slow machine busy, and no service needs them.
    Phase.LAST: Line("pcsd, and SSH from each host to each", (Phase.SERVICES,)),
}


class Order(TypedDict):
    """Two arguments that every binding takes."""

    depends_on: Sequence[IDependable]
    lifecycle: TerraformResourceLifecycle | None


@dataclass
class Phases:
    """What has been made so far, by phase."""

    _made: dict[Phase, list[HalabResource]] = field(default_factory=dict)
    _of_node: dict[str, list[HalabResource]] = field(default_factory=dict)
    _containers: dict[Container, str] = field(default_factory=dict)

    def add(self, phase: Phase, *made: HalabResource, node: str | None = None) -> None:
        """These are in this phase. `node`: they are a node's own, and go after it has left the cluster."""
        self._made.setdefault(phase, []).extend(made)
        if node is not None:
            self._of_node.setdefault(node, []).extend(made)

    def own(self, node: str) -> Sequence[HalabResource]:
        """All that is a node's own."""
        return tuple(self._of_node.get(node, ()))

    def made(self, phase: Phase) -> Sequence[HalabResource]:
        return tuple(self._made.get(phase, ()))

    def contain(self, container: Container, attribute: str) -> None:
        """`attribute` (type.name.attribute) is another when the container has become another."""
        self._containers[container] = attribute

    def order(self, phase: Phase, *, also: Sequence[IDependable] = (), inside: Sequence[HalabResource] = ()) -> Order:
        """For a resource of this phase: what it waits for, `also` before that, and what it is made anew with.

        `inside`: other resources that it lives in.
        """
        line = TABLE[phase]
        waits = [*also, *(one for earlier in line.after for one in self.made(earlier))]
        lives = [self._containers[one] for one in line.inside] + [f"{one.terraform_address}.id" for one in inside]
        return {"depends_on": waits, "lifecycle": made_anew_with(*lives) if lives else None}
