"""Where the machines of a lab stand in its network."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from halab.constructs.settings import Settings


@dataclass(frozen=True, slots=True)
class Place:
    """Where one machine stands: its short name and its address."""

    name: str
    address: str
    cluster: str | None

    def fqdn(self, settings: Settings) -> str:
        return f"{self.name}.{settings.network.domain}"


def places(settings: Settings) -> list[Place]:
    """The nodes, then the target."""
    nodes = [
        Place(f"node{number}", settings.node_address(number), settings.name)
        for number in range(1, settings.node_count + 1)
    ]
    return [*nodes, Place("target", settings.target_address, None)]


def mac(settings: Settings, name: str) -> str:
    """A fixed, locally administered address, so that a machine made anew gets its old IP address."""
    digest = hashlib.sha256(f"{settings.name}/{name}".encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (0x52, 0x54, 0x00, *digest[:3]))
