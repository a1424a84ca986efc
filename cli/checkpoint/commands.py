"""`halab checkpoint`: save, restore, list, remove."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from halab.cli.checkpoint.kept import Kept, Shelf, checked, orphans, snapshot_name, snapshots_of
from halab.cli.ending import unbroken
from halab.cli.lab.state import locked
from halab.cli.watch.site import SiteWatch
from halab.provider.hypervisor.machine.checkpoint import Checkpoints
from halab.provider.run.files import read_or_none, write_private
from halab.provider.run.folder import LabFolder
from halab.provisioners.engine.errors import HalabError

SITE_DEADLINE_S = 60.0


@dataclass(frozen=True)
class Commands:
    """The commands for one lab. `tell` takes a line for a person; `site` is the site's address, empty for none."""

    folder: LabFolder
    machines: Checkpoints
    tell: Callable[[str], None]
    site: str = ""

    def save(self, name: str) -> Kept:
        """Saves the lab as it is; one of the same name goes when the new one is whole.

        HalabError, StateUnusable, OSError: nothing of it stays.
        """
        shelf, began = Shelf(self.folder), time.monotonic()
        before = shelf.get(checked(name))
        with unbroken(), locked(self.folder.state) as state:
            now = datetime.now(UTC)
            saved_at, snapshot = now.strftime("%Y-%m-%dT%H:%M:%SZ"), snapshot_name(name, now)
            self._tell_cost()
            try:
                kept = Kept(name, snapshot, saved_at, tuple(self.machines.save(snapshot)))
                shelf.put(kept, {self.folder.state: _text(state), **self._settings()})
            except BaseException:
                self._take_back(shelf, name, snapshot)
                raise
            if before is not None:
                self.machines.remove(before.snapshot)
        self.tell(f"checkpoint {name}: {len(kept.machines)} machines saved in {time.monotonic() - began:.1f} s")
        return kept

    def restore(self, name: str) -> Kept:
        """Brings the lab back to a checkpoint, and waits until its site answers. HalabError, StateUnusable."""
        shelf, began = Shelf(self.folder), time.monotonic()
        kept = shelf.find(name)
        with unbroken(), locked(self.folder.state) as state:  # in part, it would be no lab at all
            self.machines.restore(kept.snapshot, kept.machines)
            self._put_back(shelf, name, state)
        self.tell(f"checkpoint {name} of {kept.saved_at}: {len(kept.machines)} machines are back")
        if self.site:
            with SiteWatch(self.site) as site:
                site.wait(SITE_DEADLINE_S)
            took_s = time.monotonic() - began
            self.tell(f"{self.site} answers from {site.served_by}, {took_s:.1f} s after the restore began")
        return kept

    def remove(self, name: str) -> None:
        """Removes a checkpoint, and what saves that were killed left: that alone, too, by its name. HalabError."""
        shelf = Shelf(self.folder)
        kept = shelf.get(name)
        with unbroken(), locked(self.folder.state):
            left = orphans(shelf.all(), [*self.machines.snapshots()])
            if kept is None and not any(one.startswith(snapshots_of(name)) for one in left):
                shelf.find(name)  # says which there are
            if kept is not None:
                self.machines.remove(kept.snapshot)
            shelf.drop(name)
            for one in left:
                self.machines.remove(one)
        self.tell(f"checkpoint {name} is removed" if kept else f"what a save of {name} left is removed")

    def list(self) -> list[Kept]:
        """The checkpoints, oldest first."""
        return Shelf(self.folder).all()

    def _put_back(self, shelf: Shelf, name: str, state: BinaryIO | None) -> None:
        _put_back(self.folder.state, _text(state), shelf.text_then(name, self.folder.state))
        now = self._settings().get(self.folder.settings)
        if _put_back(self.folder.settings, now, shelf.text_then(name, self.folder.settings)):
            self.tell(
                "The settings that the lab was deployed with are those of then. Where today's differ, the next "
                "deploy changes it again: halab diff shows what."
            )

    def _take_back(self, shelf: Shelf, name: str, snapshot: str) -> None:
        """Removes the snapshots unless they are kept; that it cannot is told only: another error is under way."""
        try:
            kept = shelf.get(name)
            if kept is None or kept.snapshot != snapshot:
                self.machines.remove(snapshot)
        except (HalabError, OSError) as error:
            self.tell(f"snapshots {snapshot} may stay: {error}. halab checkpoint remove {name} takes them away")

    def _settings(self) -> dict[Path, str]:
        text = read_or_none(self.folder.settings)
        return {} if text is None else {self.folder.settings: text}

    def _tell_cost(self) -> None:
        for directory, needed in self.machines.needed_bytes().items():
            free = self.machines.free_bytes(directory)
            room = "" if free is None else f" of {free >> 20} MiB that are free"
            self.tell(f"the machines' memory takes up to {needed >> 20} MiB{room} in {directory}")


def _text(state: BinaryIO | None) -> str:
    """Read through the handle that holds the lock: closing another one would let it go."""
    if state is None:
        return ""
    state.seek(0)
    return state.read().decode()


def _put_back(file: Path, now: str | None, then: str | None) -> bool:
    """Writes what the file held then; whether that is another text than now."""
    if then is None or then == now:
        return False
    write_private(file, then)
    return True
