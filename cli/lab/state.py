"""The lab's Terraform state as it lies in .halab: what it names, and whether somebody is changing it."""

import fcntl
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

FORMAT = 4  # of every Terraform since 0.12
T = TypeVar("T")


class StateUnusable(Exception):
    """The state cannot be read, or is in use; the text says why and what to do."""


@dataclass(frozen=True)
class Instance:
    """One resource's type and attributes."""

    type: str
    attributes: Mapping[str, Any]


def instances(file: Path) -> list[Instance]:
    """All managed resources in a state file; none when there is no file. StateUnusable."""
    return _read(
        file,
        lambda state: [
            Instance(resource["type"], instance["attributes"])
            for resource in state["resources"]
            for instance in resource["instances"]
            if resource["mode"] == "managed"
        ],
        [],
    )


def outputs(file: Path) -> dict[str, Any]:
    """The stack's outputs by name, secret ones left out; none when there is no file. StateUnusable."""
    return _read(
        file,
        lambda state: {name: one["value"] for name, one in state["outputs"].items() if not one.get("sensitive")},
        {},
    )


def _read(file: Path, pick: Callable[[Any], T], empty: T) -> T:
    try:
        text = file.read_text(errors="replace")  # what is no text is no JSON
    except FileNotFoundError:
        return empty
    if not text:
        return empty
    try:
        state = json.loads(text)
        if state["version"] != FORMAT:
            raise StateUnusable(f"{file} has format {state['version']}, and {FORMAT} is known here: update halab")
        return pick(state)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StateUnusable(f"{file} cannot be read as a state ({error!r}): restore it from its backup") from error


@contextmanager
def locked(file: Path) -> Iterator[BinaryIO | None]:
    """Holds Terraform's own lock of a state file. StateUnusable: a command is under way.

    Gives the open file, None when there is none. To close another handle of it would let the lock go.
    """
    try:
        handle = file.open("r+b")
    except FileNotFoundError:  # Terraform makes it before it does anything else
        yield None
        return
    with handle:
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            raise StateUnusable("a deploy, diff or destroy of this lab is under way: wait for its end") from None
        yield handle
