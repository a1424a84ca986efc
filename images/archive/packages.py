"""Package lists of a Debian archive, and what an installation takes from them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from halab.provisioners.engine.errors import UnexpectedOutput

_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]*")
_WANTED_PRIORITIES = ("required", "important", "standard")
# What steps of the installer ask for, whatever is answered: they stop where a listed part is not served.
_OF_THE_PARTITIONER = ("partman-auto-lvm", "partman-auto-crypto")
_OF_DISKS_AND_CLOCK = ("mmc-modules", "rtc-modules")
_FILE_SYSTEMS = "ext2 ext3 ext4 xfs jfs msdos vfat ntfs minix hfs hfsplus qnx4 ufs btrfs fuse"  # os-prober's
_ASKED_FOR = (*_OF_THE_PARTITIONER, *_OF_DISKS_AND_CLOCK, *(f"{name}-modules" for name in _FILE_SYSTEMS.split()))
# What debootstrap makes a base system of.
_BASE_PRIORITIES = ("required", "important")


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One stanza of a list. `path` is below the archive's root, `depends` and `provides` are names alone."""

    name: str
    version: str
    architecture: str
    priority: str
    path: str
    size_bytes: int
    sha256: str
    depends: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    kernel: str = ""  # an installer's package for this kernel only

    @property
    def file(self) -> str:
        """The name that `apt-get download` gives it."""
        suffix = self.path.rpartition(".")[2]
        return f"{self.name}_{self.version.replace(':', '%3a')}_{self.architecture}.{suffix}"


def read_packages(text: str) -> list[Package]:
    """All packages of a list. Raises UnexpectedOutput when a stanza lacks what every package has."""
    try:
        return [_package(fields) for fields in stanzas(text)]
    except (KeyError, ValueError) as error:
        raise UnexpectedOutput(
            "the archive's package list cannot be read", f"A stanza has no valid {error}."
        ) from error


def stanzas(text: str) -> Iterator[dict[str, str]]:
    """The stanzas of a control file, without the continuation lines of their fields."""
    for block in re.split(r"\n\s*\n", text):
        lines = (line.partition(":") for line in block.splitlines() if line and not line[0].isspace())
        if fields := {name: value.strip() for name, colon, value in lines if colon}:
            yield fields


def base_system(packages: Iterable[Package]) -> list[str]:
    """Names of what debootstrap installs, without the dependencies that follow."""
    return [package.name for package in packages if package.priority in _BASE_PRIORITIES]


def installer_parts(packages: Iterable[Package], there: Mapping[str, str], kernel: str) -> list[Package]:
    """What anna, which loads the installer's parts, takes from the list of them.

    These are the parts of priority standard and above and those that a step asks for, with all they need, that suit the
    running kernel and are not in the initrd already (`there`: name -> version). Where several provide what is needed,
    each of them comes along.
    """
    suiting = {package.name: package for package in packages if package.kernel in ("", kernel)}
    providers: dict[str, list[str]] = {}
    for package in suiting.values():
        for name in package.provides:
            providers.setdefault(name, []).append(package.name)
    chosen: dict[str, Package] = {}
    wanted = [package.name for package in suiting.values() if package.priority in _WANTED_PRIORITIES]
    wanted += _ASKED_FOR
    while wanted:
        name = wanted.pop()
        if name in chosen:
            continue
        if name not in suiting:
            wanted += [provider for provider in providers.get(name, ()) if provider not in chosen]
            continue
        chosen[name] = suiting[name]
        wanted += suiting[name].depends
    return [package for package in chosen.values() if there.get(package.name) != package.version]


def _package(fields: Mapping[str, str]) -> Package:
    return Package(
        name=fields["Package"],
        version=fields["Version"],
        architecture=fields["Architecture"],
        priority=fields.get("Priority", ""),
        path=_below_root(fields["Filename"]),
        size_bytes=int(fields["Size"]),
        sha256=fields["SHA256"],
        depends=_names(fields.get("Pre-Depends", "")) + _names(fields.get("Depends", "")),
        provides=_names(fields.get("Provides", "")),
        kernel=fields.get("Kernel-Version", ""),
    )


def _below_root(path: str) -> str:
    parts = path.removeprefix("./").split("/")
    if path.startswith("/") or not set(parts).isdisjoint(("", ".", "..")):
        raise ValueError(f"Filename: {path}")
    return "/".join(parts)


def _names(relation: str) -> tuple[str, ...]:
    words = (word.strip() for word in re.split(r"[,|]", relation))
    return tuple(found.group(0) for word in words if (found := _NAME.match(word)))
