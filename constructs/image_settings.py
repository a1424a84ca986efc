"""Settings of the system that all machines run: which one, and how it gets onto their disks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from halab.constructs.setting import setting
from halab.provisioners.engine import limits
from halab.provisioners.engine.platform import BY_SUITE, Platform

ASSEMBLED, INSTALLER = "assembled", "installer"
_TREE = "an http(s) address, an ISO file or a directory"


@dataclass(frozen=True, slots=True)
class Image:
    suite: str = setting(
        "trixie",
        "distribution release of all guests: trixie (Debian 13), bookworm (Debian 12), el9 (RHEL 9, AlmaLinux 9, "
        "Rocky Linux 9, CentOS Stream 9)",
        limits.one_of(*BY_SUITE),
    )
    install: str | None = setting(
        None,
        "assembled: from packages, here (Debian); installer: by the distribution's own, from image.tree; "
        "assembled for Debian and installer for el9 when left out",
        limits.one_of(ASSEMBLED, INSTALLER),
    )
    tree: str | None = setting(None, f"installation tree: {_TREE}; el9 needs one")
    install_each_node: bool = setting(
        False, "true: the installer makes each machine by itself, as in the talk; false: one image for all"
    )
    disk_gib: int | None = setting(
        None, "size of an installed system's disk, GiB; 10 when left out", limits.between(1, 2048, "GiB")
    )
    kickstart: str | None = setting(None, "el9: a kickstart file of your own, instead of halab's")
    allow_plaintext_password: bool = setting(False, "el9: true lets image.kickstart hold a password in plain text")
    repositories: tuple[str, ...] = setting(
        (), "el9: id=address of the High Availability and Resilient Storage packages; found by themselves if left out"
    )
    rhsm_organization: str | None = setting(None, "el9: RHEL's subscription, the organization's ID")
    rhsm_activation_key_file: str | None = setting(
        None, "el9: file with the subscription's activation key in it, mode 0600"
    )
    extra_packages: tuple[str, ...] = setting((), "packages added to the image")
    apt_sources: tuple[str, ...] = setting((), "package archives, instead of the distribution's own (assembled)")

    @property
    def platform(self) -> Platform:
        """Names and paths of the distribution."""
        return BY_SUITE[self.suite]

    @property
    def by_installer(self) -> bool:
        """Whether the distribution's installer makes the system."""
        return (self.install or self._usual) == INSTALLER

    @property
    def _usual(self) -> str:
        return ASSEMBLED if self.platform.family == "debian" else INSTALLER


def check(image: Image, network_mode: str) -> Iterator[str]:
    """What single settings cannot tell."""
    if image.platform.family == "el":
        yield from _check_el(image)
    else:
        yield from _check_debian(image)
    if image.by_installer:
        if image.apt_sources:
            yield "image.apt_sources: an installer takes its packages from image.tree; take this setting out"
        if network_mode == "isolated" and not (image.tree or "").endswith(".iso"):
            yield "network.mode: isolated has no way out, and the installer fetches packages; use nat"
        return
    for name in ("tree", "disk_gib", "install_each_node"):
        if getattr(image, name):
            yield f"image.{name}: is for the installer; set image.install to installer, or take it out"


def _check_el(image: Image) -> Iterator[str]:
    if not image.by_installer:
        yield f"image.install: {image.suite} cannot be assembled from packages; set it to installer, or leave it out"
    elif not image.tree:
        yield (
            f"image.tree: {image.suite} is installed from a tree, and none is given; set it to {_TREE} "
            "(on mirrors the tree is 9/BaseOS/x86_64/os)"
        )
    if bool(image.rhsm_organization) != bool(image.rhsm_activation_key_file):
        missing = "rhsm_activation_key_file" if image.rhsm_organization else "rhsm_organization"
        yield f"image.{missing}: organization and activation key go together; set both, or none"


def _check_debian(image: Image) -> Iterator[str]:
    if image.by_installer and not image.tree:
        yield f"image.tree: the installer of {image.suite} needs one; set it to {_TREE}, or image.install to assembled"
    for name in (
        "kickstart",
        "allow_plaintext_password",
        "repositories",
        "rhsm_organization",
        "rhsm_activation_key_file",
    ):
        if getattr(image, name):
            yield f"image.{name}: is for image.suite el9, and it is {image.suite}; take it out"
