"""Files of the lab on the machine that runs Terraform: below `.halab`, for their owner only."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from halab.provisioners.engine.errors import Conflict


def private_directory(path: Path) -> Path:
    """Make `path` (mode 0700) if it is not there; refuse one that belongs to another user."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_uid != os.geteuid():
        raise Conflict(f"{path} belongs to another user", "Run as that user, or choose another directory.", "directory")
    return path


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
    new = unfinished(path)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)


def remove_private(path: Path) -> None:
    """Remove what `write_private` has written, or had begun to write."""
    for file in (unfinished(path), path):
        file.unlink(missing_ok=True)


def unfinished(path: Path) -> Path:
    """What a `write_private` that was killed has left."""
    return path.with_name(f".{path.name}.new")


def read_or_none(path: Path, errors: str = "strict") -> str | None:
    """None when there is none. `errors`: what becomes of bytes that are no text, as in `open`; ValueError by itself."""
    try:
        return path.read_text(errors=errors)
    except FileNotFoundError:
        return None
