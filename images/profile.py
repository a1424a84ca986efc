"""The form of a host profile: packages, units and files of a lab's machines, for every distribution in one table.

`host.py` fills it in. Each image recipe renders the profile in its own language; nothing here runs anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Family = Literal["debian", "el"]
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Names:
    """Names of packages or units that share a purpose, as each distribution family calls them."""

    purpose: str
    debian: tuple[str, ...]
    el: tuple[str, ...]


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
class HostProfile:
    """Everything that makes a plain installation a host of the lab.

    `enabled` and `disabled` units can be changed inside a guest by whoever configures it; `masked` ones serve nothing
    in a virtual machine, and a unit that some release does not have is no error. `silenced` are names below /etc that
    override files of the same name which packages ship. `removed` are paths, `early_modules` the drivers that are
    loaded before systemd starts.
    """

    packages: tuple[Names, ...]
    enabled: tuple[Names, ...]
    disabled: tuple[Names, ...]
    masked: tuple[Names, ...]
    files: tuple[GuestFile, ...]
    silenced: tuple[Names, ...]
    removed: tuple[str, ...]
    early_modules: tuple[str, ...]

    def files_of(self, family: Family) -> tuple[GuestFile, ...]:
        """The files that a family's image gets."""
        return tuple(file for file in self.files if family in file.families)


def names_of(table: tuple[Names, ...], family: Family) -> tuple[str, ...]:
    """All names of a family, in the table's order."""
    return tuple(name for entry in table for name in getattr(entry, family))
