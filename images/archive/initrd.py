"""What Debian's installer brings in its initrd: its kernel's version, and the parts that need no fetching."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from halab.images.archive.packages import stanzas
from halab.provisioners.engine.errors import UnexpectedOutput

_MAGIC, _HEADER_BYTES, _ALIGNMENT_BYTES = b"070701", 110, 4
_SIZE, _NAME_SIZE = 6, 11  # fields of a newc header
_STATUS, _MODULES = "var/lib/dpkg/status", "lib/modules/"


@dataclass(frozen=True, slots=True)
class Initrd:
    """`parts`: name -> version."""

    kernel: str
    parts: dict[str, str]


def read_initrd(path: Path) -> Initrd:
    """Raises UnexpectedOutput if it is no initrd of Debian's installer."""
    kernels: set[str] = set()
    parts: dict[str, str] = {}
    try:
        for name, content in _members(gzip.decompress(path.read_bytes())):
            below = name.removeprefix("usr/")
            if below.startswith(_MODULES) and len(below) > len(_MODULES):
                kernels.add(below.removeprefix(_MODULES).split("/")[0])
            if name == _STATUS:
                parts = {one["Package"]: one["Version"] for one in stanzas(content.decode()) if "Version" in one}
    except (OSError, EOFError, ValueError, KeyError) as error:
        raise UnexpectedOutput(f"{path.name} cannot be read", f"{error}. Is it an installer's initrd?") from error
    if len(kernels) != 1 or not parts:
        raise UnexpectedOutput(
            f"{path.name} is no initrd of Debian's installer",
            f"It has modules of {len(kernels)} kernels and {len(parts)} parts of the installer.",
        )
    return Initrd(kernels.pop(), parts)


def _members(archive: bytes) -> Iterator[tuple[str, bytes]]:
    position = 0
    while True:
        header = archive[position : position + _HEADER_BYTES]
        if len(header) < _HEADER_BYTES or not header.startswith(_MAGIC):
            raise ValueError("it is no newc archive")
        fields = [int(header[6 + 8 * i : 14 + 8 * i], 16) for i in range(13)]
        name_at = position + _HEADER_BYTES
        name = archive[name_at : name_at + fields[_NAME_SIZE] - 1].decode()
        if name == "TRAILER!!!":
            return
        content_at = _aligned(name_at + fields[_NAME_SIZE])
        position = _aligned(content_at + fields[_SIZE])
        yield name.removeprefix("./"), archive[content_at : content_at + fields[_SIZE]]


def _aligned(position: int) -> int:
    return -(-position // _ALIGNMENT_BYTES) * _ALIGNMENT_BYTES
