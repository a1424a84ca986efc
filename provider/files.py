"""Files of the lab on the machine that runs Terraform: below `.halab`, for their owner only."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from halab.provisioners.errors import Conflict


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
    """Make a directory and the files right in it (Terraform's state among them) their owner's only."""
    for file in private_directory(path).iterdir():
        if not file.is_symlink() and stat.S_IMODE(file.stat().st_mode) & 0o077:
            file.chmod(0o700 if file.is_dir() else 0o600)


def write_private(path: Path, content: str, mode: int = 0o600) -> None:
    """Write atomically; nobody else can read it at any moment."""
    private_directory(path.parent)
    descriptor, new = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
        os.chmod(new, mode)
        os.replace(new, path)
    except BaseException:
        Path(new).unlink(missing_ok=True)
        raise


def read_or_none(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None
