"""Trees of Debian's installer: a package archive, or the ISO file of a DVD or netinst CD."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence

from halab.images.tree import Tree
from halab.images.tree_access import SETTING, Access, open_tree
from halab.provisioners.engine.errors import ConfigError

NETBOOT = "dists/{suite}/main/installer-amd64/current/images/netboot/debian-installer/amd64"
_SUMS = "dists/{suite}/main/installer-amd64/current/images/SHA256SUMS"
MARK = "halab-tree.json"  # in a tree that `halab tree` has made: {"packages": what it has beside the base system}
_ISO_KERNEL, _ISO_INITRD = "install.amd/vmlinuz", "install.amd/initrd.gz"
_FIELD = re.compile(r"^(Codename|Version): *(\S+)", re.MULTILINE)


def read_debian_tree(location: str, suite: str, packages: Sequence[str] = ()) -> Tree:
    """The tree of a Debian suite at a location. Raises ConfigError for image.tree, whatever is wrong with it.

    `packages`: what is to be installed from it. A tree that was made for less is refused; one that is a whole archive
    is not asked.
    """
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
        _refuse_one_made_for_less(access, packages)
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


def _refuse_one_made_for_less(access: Access, packages: Sequence[str]) -> None:
    mark = access.read(MARK)
    if mark is None:
        return
    try:
        missing = sorted(set(packages) - set(json.loads(mark)["packages"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{MARK} in {access.location} cannot be read", f"{error!r}. {_ANEW}", SETTING) from error
    if missing:
        raise ConfigError(f"the tree {access.location} was made without {', '.join(missing)}", _ANEW, SETTING)


_ANEW = "Run halab tree again: it adds what is missing."


def _boot_files(access: Access, suite: str) -> tuple[str, str]:
    netboot = NETBOOT.format(suite=suite)
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
