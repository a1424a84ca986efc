"""Keys, network, storage pool, base image and the machines of a lab."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from constructs import Construct

from halab.constructs import bindings
from halab.constructs.settings import Settings

SSH_KEY_NAME = "id_ed25519"  # the provider finds it under this name in the lab's directory
_GIB = 1 << 30


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


def mac(settings: Settings, place: Place) -> str:
    """A fixed, locally administered address, so that a machine made anew gets its old IP address."""
    digest = hashlib.sha256(f"{settings.name}/{place.name}".encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (0x52, 0x54, 0x00, *digest[:3]))


class Machines(Construct):
    """All virtual machines of the lab and what they stand on. `by_name` gives each by its short name."""

    def __init__(self, scope: Construct, id: str, settings: Settings, *, image: Path, pool: Path) -> None:
        super().__init__(scope, id)
        self._settings = settings
        self.places = places(settings)
        self.key = bindings.SshKey(self, "ssh_key", name=SSH_KEY_NAME)
        self.network = bindings.Network(
            self,
            "network",
            name=settings.name,
            cidr=settings.network.cidr,
            mode=settings.network.mode,
            domain=settings.network.domain,
            hosts=[{"name": p.name, "mac": mac(settings, p), "address": p.address} for p in self.places],
        )
        self.pool = bindings.Pool(self, "pool", name=settings.name, path=str(pool))
        self.image = bindings.Image(self, "image", name="base", pool=self.pool.name, source=str(image))
        self.lun_disk = bindings.Volume(
            self, "lun_disk", name="lun.qcow2", pool=self.pool.name, size_bytes=settings.iscsi.lun_gib * _GIB
        )
        self.by_name = {place.name: self._machine(place) for place in self.places}
        self.nodes = [self.by_name[place.name] for place in self.places if place.cluster]
        self.target = self.by_name["target"]

    def _machine(self, place: Place) -> bindings.Machine:
        settings = self._settings
        disk = bindings.Volume(
            self,
            f"{place.name}_disk",
            name=f"{place.name}.qcow2",
            pool=self.pool.name,
            size_bytes=self.image.virtual_size_bytes,
            backing=self.image.disk,
        )
        return bindings.Machine(
            self,
            place.name,
            name=f"{settings.name}-{place.name}",
            hostname=place.name,
            domain=settings.network.domain,
            memory_mib=settings.memory_mib,
            vcpus=settings.vcpus,
            kernel=self.image.kernel,
            initrd=self.image.initrd,
            cmdline=self.image.cmdline,
            cmdline_emulated=self.image.cmdline_emulated,
            disks=[disk.path] if place.cluster else [disk.path, self.lun_disk.path],
            network=self.network.name,
            mac=mac(settings, place),
            address=place.address,
            cluster=place.cluster,
            authorized_key=self.key.public_key,
        )
