"""Keys, network, storage pool, base image and the machines of a lab."""

from __future__ import annotations

from pathlib import Path

from halab.constructs import bindings
from halab.constructs.base_images import BaseImages, ImagePlaces, installers
from halab.constructs.cdk import Construct
from halab.constructs.places import Place, mac, places
from halab.constructs.settings import Settings

SSH_KEY_NAME = "id_ed25519"  # the provider finds it under this name in the lab's directory
_GIB = 1 << 30
_SBD_DISK_BYTES = 8 << 20  # a header and 255 messages take a quarter of a MiB


class Machines(Construct):
    """All virtual machines of the lab and what they stand on. `by_name` gives each by its short name."""

    def __init__(self, scope: Construct, id: str, settings: Settings, *, images: ImagePlaces, pool: Path) -> None:
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
            hosts=[
                {"name": p.name, "mac": mac(settings, p.name), "address": p.address}
                for p in (*self.places, *installers(settings, self.places))
            ],
        )
        self.pool = bindings.Pool(self, "pool", name=settings.name, path=str(pool))
        self.images = BaseImages(self, "images", settings, images, self.places, self.network, self.pool)
        self.lun_disk = bindings.Volume(
            self, "lun_disk", name="lun.qcow2", pool=self.pool.name, size_bytes=settings.iscsi.lun_gib * _GIB
        )
        # There whether SBD is used or not, so that it takes no other target to begin with it.
        self.sbd_disk = bindings.Volume(
            self, "sbd_disk", name="sbd.qcow2", pool=self.pool.name, size_bytes=_SBD_DISK_BYTES
        )
        self.by_name = {place.name: self._machine(place) for place in self.places}
        self.nodes = [self.by_name[place.name] for place in self.places if place.cluster]
        self.target = self.by_name["target"]

    def _machine(self, place: Place) -> bindings.Machine:
        settings, image = self._settings, self.images.of(place)
        disk = bindings.Volume(
            self,
            f"{place.name}_disk",
            name=f"{place.name}.qcow2",
            pool=self.pool.name,
            size_bytes=image.virtual_size_bytes,
            backing=image.disk,
        )
        return bindings.Machine(
            self,
            place.name,
            name=f"{settings.name}-{place.name}",
            hostname=place.name,
            domain=settings.network.domain,
            memory_mib=settings.memory_mib,
            vcpus=settings.vcpus,
            kernel=image.kernel,
            initrd=image.initrd,
            cmdline=image.cmdline,
            cmdline_emulated=image.cmdline_emulated,
            disks=[disk.path] if place.cluster else [disk.path, self.lun_disk.path, self.sbd_disk.path],
            network=self.network.name,
            mac=mac(settings, place.name),
            address=place.address,
            cluster=place.cluster,
            authorized_key=self.key.public_key,
            autostart=settings.autostart,
        )
