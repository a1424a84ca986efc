"""What is kept of a checkpoint in the lab's folder: which snapshots it is, Terraform's state and the settings then."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from halab.provider.hypervisor.machine.checkpoint import PREFIX, Machine
from halab.provider.run.files import private_directory, write_private
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
        """Keeps it, with the texts that files of the lab's folder have now; takes the place of one of the same name."""
        private_directory(self._path)
        new, place = self._path / f".{kept.name}.new", self._path / kept.name
        shutil.rmtree(new, ignore_errors=True)
        for file, text in files.items():
            write_private(new / file.name, text)
        write_private(new / RECORD, json.dumps(asdict(kept), indent=2) + "\n")
        self.drop(kept.name)
        new.rename(place)

    def drop(self, name: str) -> None:
        """Forgets it; its snapshots are the caller's."""
        if (self._path / checked(name)).exists():
            shutil.rmtree(self._path / name)

    def text_then(self, name: str, file: Path) -> str | None:
        """What `file` of the lab's folder held then; None if it was not there."""
        then = self._path / checked(name) / file.name
        return then.read_text() if then.exists() else None


def checked(name: str) -> str:
    """`name`, if it can name a checkpoint. ConfigError."""
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot name a checkpoint", "Use up to 31 of a-z, 0-9, - and _, a letter or digit first."
        )
    return name


def snapshot_name(name: str, saved_at: str) -> str:
    """What the snapshots of a checkpoint are called: a second one of the same name gets others."""
    return f"{PREFIX}{name}-{re.sub(r'[^0-9TZ]', '', saved_at)}"


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
