"""Looks into an installed disk without booting it: an image that machines share must have no identity of its own.

Only ext file systems can be read here (with debugfs, and without root). On an XFS root it is the installation's own
last script that sealed the disk, and said so in the export's last member; docs/design/009-installed-image.md.
"""

from __future__ import annotations

import re
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

from halab.provisioners.engine.errors import HalabError

_SECTOR_BYTES = 512
_EXT_MAGIC_OFFSET, _EXT_MAGIC = 1024 + 56, b"\x53\xef"
_GPT_PROTECTIVE = 0xEE
_HOST_KEY = re.compile(r"ssh_host_\w+_key")
_UNINITIALIZED = ("", "uninitialized")  # machine-id(5): what a first boot replaces


class NotSealed(HalabError):
    """The disk would give all machines the same identity."""


def check_seal(disk: Path) -> bool:
    """Check a raw disk. Raises NotSealed; False: it has no root file system that can be looked into."""
    looked = False
    for start in file_systems(disk):
        device = f"{disk}?offset={start}"
        if (names := _names(device, "/etc")) is None or "passwd" not in names:
            continue  # no root file system
        looked = True
        keys = sorted(name for name in _names(device, "/etc/ssh") or () if _HOST_KEY.fullmatch(name))
        if keys:
            raise NotSealed("the installed disk has SSH host keys", f"{', '.join(keys)} in /etc/ssh. {_REMEDY}")
        for path in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
            if _content(device, path).strip() not in _UNINITIALIZED:
                raise NotSealed("the installed disk has a machine-id", f"{path} is not empty. {_REMEDY}")
    return looked


_REMEDY = "The answer file's last script has to remove it: all machines that start from the image would share it."


def file_systems(disk: Path) -> Iterator[int]:
    """Offsets in bytes of ext file systems on a raw disk: on the whole of it, and on its partitions."""
    with disk.open("rb") as file:
        for start in (0, *partitions(file.read(_SECTOR_BYTES * 34))):
            file.seek(start + _EXT_MAGIC_OFFSET)
            if file.read(2) == _EXT_MAGIC:
                yield start


def partitions(head: bytes) -> list[int]:
    """Offsets in bytes of the partitions that the first 34 sectors of a disk name: GPT, or an MBR's primary ones."""
    if head[510:512] != b"\x55\xaa":
        return []
    entries = [struct.unpack_from("<4xB3xII", head, 446 + 16 * index) for index in range(4)]
    if any(kind == _GPT_PROTECTIVE for kind, _, _ in entries) and head[512:520] == b"EFI PART":
        table, count, size = struct.unpack_from("<QII", head, 512 + 72)
        found = [struct.unpack_from("<16s16xQ", head, table * _SECTOR_BYTES + index * size) for index in range(count)]
        return [first * _SECTOR_BYTES for kind, first in found if any(kind)]
    return [first * _SECTOR_BYTES for kind, first, length in entries if kind and length]


def _names(device: str, directory: str) -> set[str] | None:
    """The names in a directory; None if there is none."""
    listing = _debugfs(device, f"ls -p {directory}")
    # /INODE/MODE/UID/GID/NAME/SIZE/ each
    return {line.split("/")[5] for line in listing.splitlines() if line.count("/") >= 7} or None


def _content(device: str, path: str) -> str:
    """A file's content; empty if there is none."""
    return _debugfs(device, f"cat {path}")


def _debugfs(device: str, request: str) -> str:
    """What debugfs prints. A name that is not there is a message on its stderr, and no exit status."""
    try:
        done = subprocess.run(
            ["debugfs", "-R", request, device],
            env={"LC_ALL": "C", "PATH": "/usr/sbin:/sbin:/usr/bin:/bin", "DEBUGFS_PAGER": "cat"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=60,
        )
    except FileNotFoundError as error:
        raise HalabError("debugfs: not installed", "Install the package e2fsprogs: make prepare.") from error
    except subprocess.SubprocessError as error:
        raise HalabError("debugfs cannot read the installed disk", str(error)) from error
    return done.stdout.decode(errors="replace")
