"""What is kept of a checkpoint in the lab's folder: which snapshots it is, Terraform's state and the settings then."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from halab.provider.hypervisor.machine.checkpoint import PREFIX, Machine
from halab.provider.run.files import private_directory, read_or_none, remove_private, write_private
from halab.provider.run.folder import LabFolder
from halab.provisioners.engine.errors import ConfigError

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,30}")
RECORD = "checkpoint.json"


@dataclass(frozen=True)
class Kept:
    """One checkpoint. `saved_at` is UTC as 2026-11-27T08:30:00Z; `snapshot` the name of the machines' snapshots."""

    name: str
    snapshot: str
    saved_at: str
    machines: tuple[Machine, ...]


class Shelf:
    """The checkpoints of one lab, a folder each."""

    def __init__(self, folder: LabFolder) -> None:
        self._path = folder.checkpoints

    def all(self) -> list[Kept]:
        """By the time at which they were saved. Raises ConfigError for one that cannot be read."""
        records = self._path.glob(f"[!.]*/{RECORD}")
        return sorted((read_record(record) for record in records), key=lambda kept: kept.saved_at)

    def find(self, name: str) -> Kept:
        """The checkpoint of that name. Raises ConfigError with the names that there are."""
        kept = self.get(name)
        if kept is None:
            names = ", ".join(kept.name for kept in self.all()) or "none"
            raise ConfigError(
                f"there is no checkpoint {name!r}", f"There are: {names}. Save one: halab checkpoint save."
            )
        return kept

    def get(self, name: str) -> Kept | None:
        """The checkpoint of that name; None if there is none."""
        record = self._path / checked(name) / RECORD
        return read_record(record) if record.exists() else None

    def put(self, kept: Kept, files: Mapping[Path, str]) -> None:
        """Keeps it, with the texts that files of the lab's folder have now; takes the place of one of the same name.

        The record is what counts: it names the folder of the texts, and is replaced at once. OSError.
        """
        private_directory(self._path)
        place = private_directory(self._path / kept.name)
        texts = private_directory(place / kept.snapshot)
        try:
            for file, text in files.items():
                write_private(texts / file.name, text)
            write_private(place / RECORD, json.dumps(asdict(kept), indent=2) + "\n")
        except OSError:
            shutil.rmtree(texts, ignore_errors=True)  # they hold secrets; the next put takes away what stays
            raise
        for path in place.iterdir():
            if path not in (texts, place / RECORD):
                _remove(path)

    def drop(self, name: str) -> None:
        """Forgets it, the record first; its snapshots are the caller's."""
        place = self._path / checked(name)
        if place.exists():
            remove_private(place / RECORD)
            shutil.rmtree(place)

    def text_then(self, name: str, file: Path) -> str | None:
        """What `file` of the lab's folder held then; None if it was not there."""
        place = self._path / checked(name)
        texts = place / self.find(name).snapshot
        return read_or_none((texts if texts.exists() else place) / file.name)  # of earlier versions: beside the record


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def checked(name: str) -> str:
    """`name`, if it can name a checkpoint. ConfigError."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot name a checkpoint", "Use up to 31 of a-z, 0-9, - and _, a letter or digit first."
        )
    return name


def snapshots_of(name: str) -> str:
    """How the names of a checkpoint's snapshots begin."""
    return f"{PREFIX}{name}-"


def snapshot_name(name: str, now: datetime) -> str:
    """What the snapshots of a checkpoint are called: a second one of the same name gets others."""
    return f"{snapshots_of(name)}{now:%Y%m%dT%H%M%S%fZ}"


def orphans(kept: Sequence[Kept], snapshots: Sequence[str]) -> list[str]:
    """Snapshots of ours that no checkpoint names: of a save that was killed."""
    return sorted(set(snapshots) - {one.snapshot for one in kept})


def read_record(record: Path) -> Kept:
    """The checkpoint that a record describes. ConfigError."""
    try:
        values = json.loads(record.read_text())
        machines = tuple(Machine(**machine) for machine in values.pop("machines"))
        return Kept(**values, machines=machines)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"the checkpoint in {record.parent} cannot be read ({error!r})", f"Remove the folder {record.parent}."
        ) from error
