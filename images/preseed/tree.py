"""Trees of Debian's installer: a package archive, or the ISO file of a DVD or netinst CD."""

from __future__ import annotations

import hashlib
import re

from halab.images.tree import Tree
from halab.images.tree_access import SETTING, Access, open_tree
from halab.provisioners.engine.errors import ConfigError

_NETBOOT = "dists/{suite}/main/installer-amd64/current/images/netboot/debian-installer/amd64"
_SUMS = "dists/{suite}/main/installer-amd64/current/images/SHA256SUMS"
_ISO_KERNEL, _ISO_INITRD = "install.amd/vmlinuz", "install.amd/initrd.gz"
_FIELD = re.compile(r"^(Codename|Version): *(\S+)", re.MULTILINE)


def read_debian_tree(location: str, suite: str) -> Tree:
    """The tree of a Debian suite at a location. Raises ConfigError for image.tree, whatever is wrong with it."""
    with open_tree(location) as access:
        release = access.read(f"dists/{suite}/Release")
        if release is None:
            raise ConfigError(
                f"{location} has no Debian {suite}",
                f"There is no dists/{suite}/Release in it. Give the address of a Debian archive (it ends in /debian on "
                "most mirrors), or the ISO file of a Debian DVD or netinst CD of that release.",
                SETTING,
            )
        found = dict(_FIELD.findall(release.decode(errors="replace")))
        if found.get("Codename") != suite:
            raise ConfigError(
                f"{location} has Debian {found.get('Codename', 'of an unknown release')}, not {suite}",
                f"image.suite is {suite}: take the tree of that release.",
                SETTING,
            )
        kernel, initrd = _boot_files(access, suite)
        sums = access.read(_SUMS.format(suite=suite)) or b""
        return Tree(
            location=access.location,
            medium=access.medium,
            family="Debian",
            version=found.get("Version", ""),
            variant=suite,
            kernel=kernel,
            initrd=initrd,
            # The archive changes with every point release; the installer of one stays what it is.
            identity=hashlib.sha256(sums or release).hexdigest(),
            checksums=_checksums(sums.decode(errors="replace"), suite),
        )


def _boot_files(access: Access, suite: str) -> tuple[str, str]:
    netboot = _NETBOOT.format(suite=suite)
    for kernel, initrd in ((f"{netboot}/linux", f"{netboot}/initrd.gz"), (_ISO_KERNEL, _ISO_INITRD)):
        if access.has(kernel) and access.has(initrd):
            return kernel, initrd
    raise ConfigError(
        f"the tree {access.location} has no installer",
        f"Neither {netboot} nor install.amd has a kernel and an initrd. Take a whole archive, or an installation ISO.",
        SETTING,
    )


def _checksums(text: str, suite: str) -> dict[str, str]:
    """Path in the tree -> sha256, from SHA256SUMS of the installer's images (`<sum>  ./netboot/…`)."""
    base = _SUMS.format(suite=suite).rpartition("/")[0]
    lines = (line.split() for line in text.splitlines())
    return {f"{base}/{words[1].removeprefix('./')}": f"sha256:{words[0]}" for words in lines if len(words) == 2}
