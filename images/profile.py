"""The form of a host profile: packages, units and files of a lab's machines, for every distribution in one table.

`host.py` fills it in. Each image recipe renders the profile in its own language; nothing here runs anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from halab.provisioners.engine.errors import ConfigError

Family = Literal["debian", "el"]
Role = Literal["node", "target"]
ROLES: tuple[Role, ...] = ("node", "target")
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Names:
    """Names of packages or units that share a purpose, as each distribution family calls them.

    `addon` names the EL add-on that has the packages, whose repository is off unless somebody enables it.
    """

    purpose: str
    debian: tuple[str, ...]
    el: tuple[str, ...]
    roles: tuple[Role, ...] = ROLES
    addon: Literal["", "HighAvailability", "ResilientStorage"] = ""


@dataclass(frozen=True, slots=True)
class GuestFile:
    """A file of the image. `template` is its name below images/templates, None for an empty file."""

    path: str
    template: str | None
    mode: int = 0o644
    families: tuple[Family, ...] = ("debian", "el")

    def content(self) -> bytes:
        """The file's bytes."""
        return b"" if self.template is None else (TEMPLATES / self.template).read_bytes()


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Time zone (tz database), language (locale) and keyboard."""

    timezone: str
    language: str
    keyboard: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskLayout:
    """One file system on one disk, no swap: a node that swaps is a node that misses its token.

    An assembled image is that file system; an installed one has a partition table and a boot loader besides.
    """

    filesystem: str
    label: str
    assembled_gib: int
    installed_gib: int
    least_installed_gib: int

    def installed_size_gib(self, asked_gib: int) -> int:
        """Size of an installed host's disk; 0 asks for the default. Raises ConfigError if the layout does not fit."""
        size_gib = asked_gib or self.installed_gib
        if size_gib < self.least_installed_gib:
            raise ConfigError(
                f"a disk of {size_gib} GiB is too small",
                f"An installed host takes {self.least_installed_gib} GiB at least, {self.installed_gib} by default.",
                "image.disk_gib",
            )
        return size_gib


@dataclass(frozen=True, slots=True, kw_only=True)
class RootAccess:
    """How root gets in. Only the lab's key opens: it comes from outside at boot, so no image holds one."""

    password: Literal["locked"]
    login: Literal["prohibit-password"]  # sshd's PermitRootLogin


@dataclass(frozen=True, slots=True, kw_only=True)
class HostProfile:
    """Everything that makes a plain installation a host of the lab.

    `enabled` and `disabled` units can be changed inside a guest by whoever configures it; `masked` ones serve nothing
    in a virtual machine, and a unit that some release does not have is no error. `silenced` are names below /etc that
    override files of the same name which packages ship. `removed` are paths, `early_modules` the drivers that are
    loaded before systemd starts, `kernel_modules` those without which a kernel is of no use to the lab.
    """

    region: Region
    disk: DiskLayout
    root: RootAccess
    packages: tuple[Names, ...]
    enabled: tuple[Names, ...]
    disabled: tuple[Names, ...]
    masked: tuple[Names, ...]
    files: tuple[GuestFile, ...]
    silenced: tuple[Names, ...]
    removed: tuple[Names, ...]
    early_modules: tuple[str, ...]
    kernel_modules: tuple[str, ...]

    def files_of(self, family: Family) -> tuple[GuestFile, ...]:
        """The files that a family's image gets."""
        return tuple(file for file in self.files if family in file.families)


def names_of(table: tuple[Names, ...], family: Family, roles: tuple[Role, ...] = ROLES) -> tuple[str, ...]:
    """All names of a family that hosts of any of the roles need, in the table's order."""
    return tuple(name for entry in table if set(entry.roles) & set(roles) for name in getattr(entry, family))
