"""Files of the lab on the machine that runs Terraform: below `.halab`, for their owner only."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from halab.provisioners.engine.errors import Conflict


def private_directory(path: Path) -> Path:
    """Make `path` (mode 0700), or repair its mode; refuse one that belongs to somebody else."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = path.stat()
    if status.st_uid != os.geteuid():
        raise Conflict(f"{path} belongs to another user", "Run as that user, or choose another directory.", "directory")
    if stat.S_IMODE(status.st_mode) & 0o077:
        path.chmod(0o700)
    return path


def close_directory(path: Path) -> None:
    """Make a directory and all that is in it (Terraform's state among it) its owner's only."""
    for file in private_directory(path).rglob("*"):
        if not file.is_symlink():
            with suppress(FileNotFoundError):  # half-written ones come and go
                close_file(file)


def close_file(path: Path) -> None:
    """Take away what others may do with a file or directory, if they may anything."""
    mode = path.stat().st_mode
    if stat.S_IMODE(mode) & 0o077:
        path.chmod(0o700 if stat.S_ISDIR(mode) else 0o600)


def write_private(path: Path, content: str) -> None:
    """Write atomically, mode 0600; nobody else can read it at any moment.

    What a killed run leaves beside it has a fixed name: the next write takes it over, and `remove_private` removes it.
    """
    private_directory(path.parent)
    new = _unfinished(path)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)


def remove_private(path: Path) -> None:
    """Remove what `write_private` has written, or had begun to write."""
    for file in (_unfinished(path), path):
        file.unlink(missing_ok=True)


def _unfinished(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")


def read_or_none(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None
