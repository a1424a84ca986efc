"""Restarts that a killed daemon had begun: the machine is off, and its client may never ask for the rest.

Most agents restart a machine by an off and an on. They call it done when it is off, and do not ask again when the
daemon dies between the two. So an off is written down, and the next daemon switches on what nobody else has by then. A
daemon that ends as it should forgets them, and what was off before is none: what was to stay off stays off.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from typing import Final

from halab.provider.fencing.doors.power import Action, Power, PowerFailed
from halab.provider.fencing.power_files import PowerFiles
from halab.provider.run.files import read_or_none, write_private

log = logging.getLogger("halab.power")

RECENT_S: Final = 30.0
"""An off before that was followed by what was to follow, or by nothing."""
_PATIENCE_S: Final = 30.0
"""How long its client may come back and go on by itself: so it sees the machine off until then."""


class Unfinished:
    """Machine -> when it was switched off, on the host's own clock since its start. Safe for threads."""

    def __init__(self, files: PowerFiles) -> None:
        self._file, self._lock = files.unfinished, threading.Lock()
        self._off = self._read()
        self._left = {uuid: at for uuid, at in self._off.items() if 0 <= time.monotonic() - at <= RECENT_S}

    def watch(self, uuid: str, action: Action, was_on: bool, done: bool) -> None:
        """For Power: before an action is carried out, and when it is done."""
        # An off of what is off begins nothing; of what the daemon before has left, its client has come back.
        if not done and action in ("off", "cycle") and (was_on or uuid in self._off):
            self._note(uuid, time.monotonic())
        elif done and action in ("on", "cycle"):
            self._note(uuid, None)

    def forget(self) -> None:
        """The daemon ends as it should."""
        self._file.unlink(missing_ok=True)

    def finish(self, power: Power, patience_s: float = _PATIENCE_S) -> None:
        """Switch on what the daemon before has left off, and nobody has switched on meanwhile."""
        if not self._left:
            return
        names = ", ".join(self._left)
        log.warning("the daemon before was killed right after it had switched off %s", names)
        threading.Event().wait(patience_s)
        for uuid, at in self._left.items():
            if self._off.get(uuid) == at:
                log.warning("%s: nobody has gone on with it: on", uuid)
                try:
                    power.switch(uuid, "on")
                except PowerFailed as failed:
                    log.error("%s stays off: %s", uuid, failed)

    def _note(self, uuid: str, at: float | None) -> None:
        with self._lock:
            others = {other: since for other, since in self._off.items() if other != uuid}
            self._off = others if at is None else {**others, uuid: at}
            try:
                write_private(self._file, json.dumps(self._off) + "\n")
            except OSError as error:  # a full disk is no reason not to fence
                log.error("%s cannot be written: %s", self._file, error)

    def _read(self) -> dict[str, float]:
        try:
            return {str(uuid): float(at) for uuid, at in json.loads(read_or_none(self._file) or "{}").items()}
        except (ValueError, TypeError, AttributeError) as error:
            log.error("%s cannot be read: %s", self._file, error)
            return {}
