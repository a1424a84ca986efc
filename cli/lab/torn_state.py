"""A state that was cut short is put back: Terraform writes it in place, and its disk may be full.

Terraform leaves the state as it was before the run beside it (`.backup`), and tries to leave the one that it could not
write in the stack's folder. What was made since is taken over by the next deploy, by the lab's mark.
"""

import json
import os
from pathlib import Path
from typing import BinaryIO

from halab.cli.lab.state import StateUnusable, locked
from halab.provider.run.files import write_private

ERRORED = "errored.tfstate"


def mend(file: Path, stack: Path) -> str | None:
    """Put the state `file` back if it cannot be read; `stack` is the folder that Terraform works in.

    Gives what was done, in words. None: nothing was to be done, or a command is under way that writes it just now.
    StateUnusable: it cannot be read at all, or there is no room for it.
    """
    try:
        with locked(file) as handle:
            return None if handle is None else _mend(file, handle, stack / ERRORED)
    except StateUnusable:
        return None
    except OSError as error:
        raise StateUnusable(
            f"{file} cannot be read, or put back where it was cut short: {error}. Make room, then run again"
        ) from error


def _mend(file: Path, handle: BinaryIO, errored: Path) -> str | None:
    there = handle.read()
    if _is_whole(there):
        return None
    others = [other for other in (errored, file.with_name(f"{file.name}.backup")) if other.exists()]
    texts = ((other.name, other.read_bytes()) for other in others)
    found = next((pair for pair in texts if _is_whole(pair[1])), None)
    if found is None and not there:
        return None  # Terraform makes an empty file before the first state
    torn = file.with_name(f"{file.name}.torn")
    write_private(torn, there.decode(errors="replace"))
    name, text = found or ("", b"")
    _write_in_place(handle.fileno(), text)
    errored.unlink(missing_ok=True)
    source = f"put back from {name}" if name else "begun anew, since there is no other"
    return (
        f"{file.name} was cut short, on a full disk most likely. It is {source}; what was left of it is kept in "
        f"{torn.name}. The next deploy takes over what was made since."
    )


def _is_whole(text: bytes) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _write_in_place(descriptor: int, text: bytes) -> None:
    """Terraform's lock is that of the file itself: another one in its place would have none."""
    if os.pwrite(descriptor, text, 0) < len(text):
        raise OSError("no room is left")
    os.ftruncate(descriptor, len(text))
    os.fsync(descriptor)
