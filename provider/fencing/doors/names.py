"""The doors by name: where each listens, and which secret opens it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

PLUGS: Final = 16  # as many nodes as a lab may have; an IPMI port for each
GROUP: Final = "225.0.0.12"  # fence_xvm's own default
DEFAULT_PORTS: Final = {"wti": 2323, "wti-ssh": 2322, "virsh": 2222, "ipmi": 6230, "xvm": 1229}
# Door to secret, one file each. ipmi has a password of its own: it stands in ipmitool's arguments in the guests, as
# wti's goes over the wire in the clear.
SECRETS: Final = {"wti": "wti", "wti-ssh": "wti", "virsh": "virsh", "ipmi": "ipmi", "xvm": "xvm"}
SSH_USERS: Final = {"wti-ssh": "super", "virsh": "fence"}  # SSH wants a user; super is a WTI's own


@dataclass(frozen=True, slots=True)
class Spot:
    """Ports that a door listens on, from `first` to `last`."""

    protocol: Literal["tcp", "udp"]
    address: str
    first: int
    last: int

    @property
    def ports(self) -> str:
        """As firewalld writes them."""
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


def spots(door: str, address: str, port: int) -> tuple[Spot, ...]:
    """Where the door of that name listens. ipmi: plug N at `port` + N."""
    if door == "ipmi":
        return (Spot("udp", address, port + 1, port + PLUGS),)
    tcp = Spot("tcp", address, port, port)
    return (tcp, Spot("udp", GROUP, port, port)) if door == "xvm" else (tcp,)


def wrong(doors: Mapping[str, int], redfish_port: int) -> str | None:
    """What is wrong with these doors, for the user; None when nothing is."""
    taken = {("tcp", redfish_port): "redfish"}
    for door, port in doors.items():
        if door not in DEFAULT_PORTS:
            return f"{door!r} is no door. There are {', '.join(DEFAULT_PORTS)}, beside redfish, which is always there."
        if not 1 <= port <= 65535 - (PLUGS if door == "ipmi" else 0):
            return f"{door}: {port} is no port. Use a whole number from 1 to 65535 (ipmi: to {65535 - PLUGS})."
        for spot in spots(door, "", port):
            for one in range(spot.first, spot.last + 1):
                other = taken.setdefault((spot.protocol, one), door)
                if other != door:
                    return f"{door} and {other} both want port {one}/{spot.protocol}. Give one of them another."
    return None
