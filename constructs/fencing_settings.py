"""Settings of fencing: which ways there are, and in which order they are tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from halab.constructs.setting import setting
from halab.provisioners.engine import limits

# Each has a line in fencing_methods.METHODS.
METHODS = ("redfish", "wti", "ipmi", "virsh", "xvm", "scsi", "mpath", "sbd", "watchdog")
RESERVATIONS = ("scsi", "mpath")
"""Those that shut a node out of the LUN."""
NONE = "none"
# The second needs neither the endpoint nor the hypervisor's help: its death is survived.
_DEFAULT = (("redfish",), ("sbd",))
_MAX_LEVELS = 9  # Pacemaker's schema
_TOGETHER = "+"


def _levels(value: object) -> str | None:
    """The rule of `levels`, as it is written."""
    ways = [way for level in _split(value) for way in level]
    if gaps := [_TOGETHER.join(level) for level in _split(value) if "" in level]:
        return f"{gaps[0]!r} has an empty part: name a way on both sides of each {_TOGETHER}, or take it out"
    if NONE in ways:
        return "none is no level: set fencing.method to none, or name the levels"
    if unknown := [way for way in ways if way not in METHODS]:
        return f"{unknown[0]!r} is not known: use {', '.join(METHODS)}, joined by {_TOGETHER} within a level"
    if doubled := [way for way in ways if ways.count(way) > 1]:
        return f"{doubled[0]} stands there twice: what has failed once is not tried again, keep one"
    if len(_split(value)) > _MAX_LEVELS:
        return f"{len(_split(value))} levels are too many: Pacemaker takes {_MAX_LEVELS}"
    return None


def _split(value: object) -> tuple[tuple[str, ...], ...]:
    assert isinstance(value, tuple)
    return tuple(tuple(way.strip() for way in level.split(_TOGETHER)) for level in value)


@dataclass(frozen=True, slots=True)
class Fencing:
    method: str = setting(
        "",
        "one way to fence, alone: redfish, wti, ipmi, virsh, xvm, scsi and mpath (only with site.storage gfs2), sbd, "
        "watchdog (three nodes or more); or none (only with site.storage local); empty: redfish, and sbd when that "
        "has failed",
        limits.one_of(*METHODS, NONE, ""),
    )
    levels: tuple[str, ...] = setting(
        (),
        "several ways, instead of fencing.method: a level is tried when the one before has failed; ways joined by + "
        "have to succeed together",
        _levels,
        _TOGETHER,
    )
    port: int = setting(8000, "port of the Redfish endpoint on the lab's bridge", limits.between(1024, 65535))
    wti_port: int = setting(2323, "port of the WTI power switch, telnet", limits.between(1024, 65535))
    ipmi_port: int = setting(6230, "node N's BMC has this UDP port plus N", limits.between(1024, 65000))
    virsh_port: int = setting(2222, "port of the SSH server for fence_virsh", limits.between(1024, 65535))
    xvm_port: int = setting(1229, "port of fence_xvm's requests and their answers", limits.between(1024, 65535))
    delay_s: int = setting(
        0,
        "seconds before node1 is fenced; of two nodes the one that serves is fenced twice as long later, so that it "
        "survives a split; 0: 5 on KVM and 15 under emulation for two nodes, none for more",
        limits.between(0, 300, "s"),
    )
    power_wait_s: int = setting(0, "seconds between a power command and the next", limits.between(0, 60, "s"))

    @property
    def in_levels(self) -> tuple[tuple[str, ...], ...]:
        """The methods of each level, in the order in which they are tried; empty without fencing."""
        if self.levels:
            return _split(self.levels)
        if not self.method:
            return _DEFAULT
        return () if self.method == NONE else ((self.method,),)

    @property
    def methods(self) -> tuple[str, ...]:
        """All methods, each once."""
        return tuple(dict.fromkeys(method for level in self.in_levels for method in level))

    @property
    def by_reservations(self) -> bool:
        """Whether a node's key on the LUN is what it may write there by."""
        return not set(RESERVATIONS).isdisjoint(self.methods)

    @property
    def has_paths(self) -> bool:
        """Whether each node sees the LUN by two paths."""
        return "mpath" in self.methods

    def packages(self, family: str) -> tuple[str, ...]:
        """What it takes in the guests beyond what every image has. `family`: debian or el."""
        multipath = {"debian": "multipath-tools", "el": "device-mapper-multipath"}
        return (multipath[family], "fence-agents-mpath") if self.has_paths else ()

    @property
    def node_ports(self) -> tuple[str, ...]:
        """What the nodes' firewall lets in for it: fence_xvm is called back."""
        return (f"tcp/{self.xvm_port}",) if "xvm" in self.methods else ()

    @property
    def endpoint_ports(self) -> dict[str, tuple[str, range]]:
        """What the endpoint on the hypervisor listens on, by setting: tcp or udp, and ports. Empty without it."""
        doors = {
            "wti": ("fencing.wti_port", "tcp", self.wti_port, 1),
            "ipmi": ("fencing.ipmi_port", "udp", self.ipmi_port + 1, limits.MAX_NODES),
            "virsh": ("fencing.virsh_port", "tcp", self.virsh_port, 1),
            "xvm": ("fencing.xvm_port", "tcp", self.xvm_port, 1),
        }
        wanted = [doors[method] for method in self.methods if method in doors]
        if wanted or "redfish" in self.methods:
            wanted.insert(0, ("fencing.port", "tcp", self.port, 1))
        return {name: (kind, range(first, first + count)) for name, kind, first, count in wanted}


def check(fencing: Fencing, storage: str, suite: str, tied: bool, one_goes_on: bool) -> Iterator[str]:
    """What single settings cannot tell. `storage`: site.storage; `suite`: image.suite; `tied`: both halves go on.

    `one_goes_on`: however the nodes are split, or when one is lost, some of them keep their quorum.
    """
    if fencing.levels and fencing.method:
        yield f"fencing.levels: fencing.method is {fencing.method}, too; take one of the two out"
    if not fencing.methods and storage == "gfs2":
        yield "fencing.method: none cannot go with GFS2, whose lock manager needs fencing; set site.storage to local"
    yield from _port_problems(fencing.endpoint_ports)
    name = "fencing.levels" if fencing.levels else "fencing.method"
    for method in (one for one in RESERVATIONS if one in fencing.methods):
        yield from (f"{name}: {method} {problem}" for problem in _reservation_problems(fencing, storage))
    if "scsi" in fencing.methods:
        yield from (f"{name}: scsi {problem}" for problem in _scsi_problems(fencing, suite, tied))
    if "xvm" in fencing.methods:
        yield from _xvm_problems(fencing)
    if "watchdog" in fencing.methods:
        yield from (f"{name}: watchdog {problem}" for problem in _watchdog_problems(fencing, suite, one_goes_on))


def _reservation_problems(fencing: Fencing, storage: str) -> Iterator[str]:
    if storage != "gfs2":
        yield "cuts nodes off from the shared LUN, which a local site does not use; set site.storage to gfs2"
    if set(RESERVATIONS) <= set(fencing.methods):
        yield "cannot share the LUN: scsi and mpath both reserve it, each for itself; take one of the two out"


def _scsi_problems(fencing: Fencing, suite: str, tied: bool) -> Iterator[str]:
    if suite == "bookworm":
        yield (
            "does not go with Debian 12, whose fence_scsi takes a restarted node for one that may write when it is "
            "not; set image.suite to trixie"
        )
    if tied and ("scsi",) in fencing.in_levels:
        yield (
            "alone cannot tell which of two nodes goes on: the one that was cut off registers anew and cuts off the "
            f"other; join another way to it (scsi{_TOGETHER}redfish), or set quorum_device to yes"
        )


def _port_problems(ports: Mapping[str, tuple[str, range]]) -> Iterator[str]:
    """`ports`: as Fencing.endpoint_ports."""
    for (one, (kind, its)), (other, (its_kind, others)) in combinations(ports.items(), 2):
        if kind == its_kind and not set(its).isdisjoint(others):
            yield f"{other}: {others.start} is {one}'s, too; choose another one"


def _xvm_problems(fencing: Fencing) -> Iterator[str]:
    if owner := limits.NODE_SERVICES.get(f"tcp/{fencing.xvm_port}"):
        yield (
            f"fencing.xvm_port: {fencing.xvm_port} is {owner}'s on each node, and fence_xvm is called back there at "
            "this port; choose another one"
        )


def _watchdog_problems(fencing: Fencing, suite: str, one_goes_on: bool) -> Iterator[str]:
    if "sbd" in fencing.methods:
        yield "and sbd are both SBD, without a disk and with one, and a node has one watchdog; take one of the two out"
    if not one_goes_on:
        yield (
            "resets each node that is without quorum: two nodes, or two halves, would all go; set node_count to an odd "
            "number from 3 on, or quorum_device to yes"
        )
    if fencing.in_levels[-1] != ("watchdog",):
        yield (
            "has to be the last level, alone in it: Pacemaker passes it over for a node that does not answer while "
            "another level follows"
        )
    if suite == "bookworm" and len(fencing.in_levels) > 1:
        yield (
            "is no further level with Debian 12, whose Pacemaker (2.1.5) gives up before the watchdog's time is over; "
            "set fencing.method to watchdog, or image.suite to trixie"
        )
