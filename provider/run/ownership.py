"""Whose a lab's folder is: its mark (`lab.json`) names the lab and the place where it was last used.

A folder that was moved with its checkout goes on. A copy of one whose original is still there is refused: both would
command the same machines, and a destroy in the copy would remove the original's lab. A folder that holds something
else, or another lab, is refused too.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from halab.provider.run.files import close_file, private_directory, read_or_none, write_private
from halab.provider.run.folder import LabFolder
from halab.provisioners.engine.errors import Conflict

_PRIVATE_KEY = "-----BEGIN OPENSSH PRIVATE KEY-----"


@dataclass(frozen=True, slots=True)
class Mark:
    """What `lab.json` says. `path`: where the folder stood; `id`: the same in a copy, another one in another lab."""

    lab: str
    path: str
    id: str

    @classmethod
    def read(cls, folder: LabFolder) -> Mark | None:
        """None when there is none. Raises Conflict when it cannot be read as one, OSError when it cannot be read."""
        try:
            if (text := read_or_none(folder.mark)) is None:
                return None
            return cls(**{name: str(value) for name, value in json.loads(text).items()})
        except (ValueError, TypeError, AttributeError) as error:
            raise Conflict(
                f"{folder.mark} does not say whose folder this is", f"{error}. Restore it, or remove it.", "directory"
            ) from error


@contextlib.contextmanager
def claimed(folder: LabFolder, lab: str) -> Iterator[Path | None]:
    """Make the folder, or see that it is this lab's. Gives the place that it was moved from, None if it was not moved.

    When the block ends well, the mark says where it stands now. One process at a time. Raises Conflict.
    """
    private_directory(folder.path)
    with alone(folder.path):
        mark = Mark.read(folder)
        if mark is None:
            _refuse_foreign(folder)
        elif mark.lab != lab:
            raise Conflict(
                f"{folder.path} is the folder of the lab {mark.lab!r}",
                f"Give the lab {lab!r} a directory of its own.",
                "directory",
            )
        former = _moved_from(folder, mark) if mark else None
        yield former
        if mark is None or former is not None:
            now = Mark(lab, str(folder.path), mark.id if mark else str(uuid.uuid4()))
            write_private(folder.mark, json.dumps(asdict(now), indent=1) + "\n")
    close(folder)


def close(folder: LabFolder) -> None:
    """Make what halab has written there its owner's only, the folder too if nothing else is in it."""
    if not _others(folder):
        close_file(folder.path)
    for path in own_files(folder):
        with contextlib.suppress(FileNotFoundError):  # half-written ones come and go
            if not path.is_symlink():
                close_file(path)


def own_files(folder: LabFolder) -> Iterator[Path]:
    """All that halab, or Terraform for it, has written into the folder, as far as it is there."""
    for path in folder.path.iterdir():
        if _is_own(folder, path):
            yield path
            if path.is_dir() and not path.is_symlink():
                yield from path.rglob("*")


def private_keys(folder: LabFolder) -> list[Path]:
    """The lab's SSH keys: files in the folder that hold one, under whatever name."""
    there = folder.path.iterdir() if folder.path.is_dir() else ()
    return sorted(path for path in there if path.is_file() and path.suffix != ".new" and _holds_key(path))


def _others(folder: LabFolder) -> list[str]:
    """Names of what is there and not halab's."""
    return sorted(path.name for path in folder.path.iterdir() if not _is_own(folder, path))


def _is_own(folder: LabFolder, path: Path) -> bool:
    names = {file.name for file in folder.files}
    name = path.name.removeprefix(".").removesuffix(".new") if path.name.endswith(".new") else path.name
    state = path.name.removeprefix(".").startswith(folder.state.name)  # its backup, its lock, a torn one
    return name in names or state or folder.is_of_a_machine(path) or (path.is_file() and _holds_key(path))


def _holds_key(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_PRIVATE_KEY)) == _PRIVATE_KEY.encode()
    except (FileNotFoundError, PermissionError):
        return False


def _refuse_foreign(folder: LabFolder) -> None:
    """A folder without a mark is new, or one of a lab that was made before there were marks."""
    others = _others(folder)
    if others and not folder.changes_lock.exists():  # which whoever changed a lab has left
        raise Conflict(
            f"{folder.path} is no folder of a lab",
            f"It holds {', '.join(others[:5])}{' and more' if len(others) > 5 else ''}. Name a directory of the lab's "
            "own, which need not be there yet.",
            "directory",
        )


def _moved_from(folder: LabFolder, mark: Mark) -> Path | None:
    former = LabFolder(Path(mark.path))
    if former.path == folder.path:
        return None
    try:
        if folder.path.samefile(former.path):
            return None
        there = Mark.read(former)
    except (FileNotFoundError, NotADirectoryError):
        return former.path
    except OSError as error:
        raise Conflict(
            f"it cannot be told whether the lab {mark.lab!r} is still in {former.path}",
            f"{error}. Run as a user who may look there; if that folder was moved here, remove {folder.mark}.",
            "directory",
        ) from error
    if there is None or there.id != mark.id:
        return former.path
    raise Conflict(
        f"the lab {mark.lab!r} belongs to {former.path}",
        f"{folder.path} is a copy of that folder. Run the command there. A lab of its own here takes another name "
        f"and another network. To give up the original for this copy, remove {former.mark}.",
        "directory",
    )


@contextlib.contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Others wait: what is done meanwhile takes seconds at most."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
