"""The system that machines start from: an image assembled beforehand, or made by the distribution's own installer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from halab.constructs import bindings
from halab.constructs.cdk import Construct
from halab.constructs.places import Place, mac
from halab.constructs.settings import Settings


@dataclass(frozen=True, slots=True)
class ImagePlaces:
    """Directories on this machine: the cache of all images, and the assembled image (None: an installer makes it)."""

    cache: Path
    assembled: Path | None = None


def installers(settings: Settings, machines: Sequence[Place]) -> Iterator[Place]:
    """The installers' own places in the network: a machine may still run while its successor is installed."""
    if not settings.image.by_installer:
        return
    if not settings.image.install_each_node:
        yield Place("installer", settings.installer_address(None), None)
        return
    for place in machines:
        number = int(place.name.removeprefix("node")) if place.cluster else 0
        yield Place(f"installer-{place.name}", settings.installer_address(number), None)


class BaseImages(Construct):
    """One image for all machines, or one for each."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        settings: Settings,
        directories: ImagePlaces,
        machines: Sequence[Place],
        network: bindings.Network,
        pool: bindings.Pool,
    ) -> None:
        super().__init__(scope, id)
        self._settings, self._directories = settings, directories
        self._network, self._pool = network, pool
        self._of_each: dict[str, bindings.Image] = {}
        self._of_all: bindings.Image | None = None
        makers = [*installers(settings, machines)]
        if not makers:
            self._of_all = self._image("image", "base", str(directories.assembled))
        elif len(makers) == 1:
            self._of_all = self._image("image", "base", self._installed("installed_image", makers[0], None).source)
        else:
            for place, maker in zip(machines, makers, strict=True):
                installed = self._installed(f"{place.name}_installed_image", maker, place)
                self._of_each[place.name] = self._image(f"{place.name}_image", f"base-{place.name}", installed.source)

    def of(self, place: Place) -> bindings.Image:
        """The image that a machine's disk stands on."""
        return self._of_all or self._of_each[place.name]

    def _image(self, id: str, name: str, source: str) -> bindings.Image:
        return bindings.Image(self, id, name=name, pool=self._pool.name, source=source)

    def _installed(self, id: str, maker: Place, machine: Place | None) -> bindings.InstalledImage:
        settings, image = self._settings, self._settings.image
        role = "any" if machine is None else "node" if machine.cluster else "target"
        return bindings.InstalledImage(
            self,
            id,
            name=f"{settings.name}-{maker.name}",
            instance=None if machine is None else machine.name,
            role=role,
            pool=self._pool.name,
            network=self._network.name,
            mac=mac(settings, maker.name),
            cache=str(self._directories.cache),
            suite=image.suite,
            tree=_absolute(image.tree) or "",
            firewall=settings.firewall == "managed",
            extra_packages=image.extra_packages,
            repositories=image.repositories,
            kickstart=_absolute(image.kickstart),
            allow_plaintext_password=image.allow_plaintext_password,
            disk_gib=image.disk_gib,
            rhsm_organization=image.rhsm_organization,
            rhsm_activation_key_file=_absolute(image.rhsm_activation_key_file),
        )


def _absolute(location: str | None) -> str | None:
    """Terraform runs in another directory than the user."""
    if not location or "://" in location:
        return location
    return str(Path(location).expanduser().absolute())
