"""An installation tree: at an http(s) address, in an ISO file, or in a directory. What it is, and the files in it.

A tree of an EL distribution says in its file .treeinfo what it is and where the installer's kernel and initramfs are
(productmd's format). Trees of Debian's installer have no such file: `debian_tree` finds theirs by the archive's layout.
"""

from __future__ import annotations

import configparser
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from halab.images.tree_access import SETTING, Access, open_tree
from halab.provisioners.engine.errors import ConfigError

Medium = Literal["url", "iso", "directory"]
_TREEINFO = (".treeinfo", "treeinfo")  # the second one is what RHEL's content delivery network has


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """What a tree says of itself."""

    location: str  # an address without a slash at its end, or an absolute path
    medium: Medium
    family: str  # as it calls itself: "AlmaLinux", "CentOS Stream", …
    version: str
    variant: str
    kernel: str  # paths in the tree
    initrd: str
    variants: dict[str, str] = field(default_factory=dict)  # name -> path of its repository in the tree
    identity: str  # sha256 of what tells this tree from any other, wherever it stands
    checksums: dict[str, str] = field(default_factory=dict)  # path -> "sha256:…"

    def fetch(self, path: str, target: Path) -> None:
        """Write a file of the tree to `target`, which appears only when it is whole; its checksum is compared."""
        part = target.with_name(f".{target.name}.part")
        try:
            with open_tree(self.location) as access, part.open("wb") as output:
                digest = access.copy(path, output)
            kind, _, wanted = self.checksums.get(path, "").partition(":")
            if kind == "sha256" and wanted != digest:
                raise ConfigError(
                    f"{path} of the tree {self.location} is damaged",
                    f"Its sha256 is {digest}, the tree itself says {wanted}. Fetch it again.",
                    SETTING,
                )
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


def read_tree(location: str) -> Tree:
    """The tree at a location. Raises ConfigError for image.tree, whatever is wrong with it."""
    with open_tree(location) as access:
        text = next((found for name in _TREEINFO if (found := access.read(name)) is not None), None)
        if text is None:
            raise ConfigError(
                f"{location} is no installation tree: it has no file .treeinfo",
                "Give the directory that holds .treeinfo and images/ (on mirrors its name is BaseOS/x86_64/os), "
                "or the DVD as an ISO file.",
                SETTING,
            )
        tree = parse_treeinfo(text, access)
        for name, path in (("kernel", tree.kernel), ("initrd", tree.initrd)):
            if not access.has(path):
                raise ConfigError(
                    f"the tree {location} has no {name}",
                    f".treeinfo names {path}, and it is not there. Take a whole tree, or the DVD's ISO file.",
                    SETTING,
                )
        return tree


def parse_treeinfo(content: bytes, access: Access) -> Tree:
    """The tree that a .treeinfo file describes."""
    info = configparser.ConfigParser(interpolation=None)
    try:
        info.read_string(content.decode())
    except (configparser.Error, UnicodeDecodeError) as error:
        raise ConfigError(f".treeinfo of {access.location} cannot be read", str(error), SETTING) from error
    arch = info.get("tree", "arch", fallback=info.get("general", "arch", fallback=""))
    if arch != "x86_64":
        raise ConfigError(
            f"the tree {access.location} is for {arch or 'an unknown architecture'}",
            "The lab's machines are x86_64: take the tree for x86_64.",
            SETTING,
        )
    images = f"images-{arch}"
    missing = [name for name in ("kernel", "initrd") if not info.has_option(images, name)]
    if missing:
        raise ConfigError(
            f"the tree {access.location} has no {' and no '.join(missing)}",
            f".treeinfo names none in [{images}]: it is a tree of packages alone. Take the one of BaseOS, or the DVD.",
            SETTING,
        )
    variants = [name.removeprefix("variant-") for name in info.sections() if name.startswith("variant-")]
    return Tree(
        location=access.location,
        medium=access.medium,
        family=info.get("release", "name", fallback=info.get("general", "family", fallback="")),
        version=info.get("release", "version", fallback=info.get("general", "version", fallback="")),
        variant=info.get("general", "variant", fallback=variants[0] if variants else ""),
        kernel=info.get(images, "kernel"),
        initrd=info.get(images, "initrd"),
        variants={name: info.get(f"variant-{name}", "repository", fallback=".") for name in variants},
        identity=hashlib.sha256(content).hexdigest(),
        checksums=dict(info.items("checksums")) if info.has_section("checksums") else {},
    )
