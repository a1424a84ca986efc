"""Which machines libvirt has shown once. Only one of them can have been removed; any other may be a wrong UUID."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Collection

from halab.provider.fencing.power_files import PowerFiles
from halab.provider.run.files import read_or_none, write_private

log = logging.getLogger("halab.power")


class Known:
    """UUID -> the names of its domain, kept beside the configuration. Safe for threads."""

    def __init__(self, files: PowerFiles) -> None:
        self._file, self._lock = files.known, threading.Lock()
        self._names = self._read()

    def names(self, uuid: str) -> tuple[str, ...]:
        """All that it was called whenever libvirt has shown it, the last one last; none: it never has."""
        return self._names.get(uuid, ())

    def note(self, uuid: str, name: str, among: Collection[str]) -> None:
        """libvirt shows it. Of those that are not `among` the endpoint's machines any more nothing is kept."""
        if self.names(uuid)[-1:] == (name,):
            return
        with self._lock:
            names = (*(other for other in self.names(uuid) if other != name), name)
            self._names = {one: its for one, its in self._names.items() if one in among} | {uuid: names}
            try:
                write_private(self._file, json.dumps(self._names) + "\n")
            except OSError as error:  # a full disk is no reason not to fence
                log.error("%s cannot be written: %s", self._file, error)

    def _read(self) -> dict[str, tuple[str, ...]]:
        try:
            found = json.loads(read_or_none(self._file) or "{}").items()
            # An earlier version kept one name, the last.
            return {str(u): (its,) if isinstance(its, str) else tuple(map(str, its)) for u, its in found}
        except (ValueError, TypeError, AttributeError) as error:
            log.error("%s cannot be read: %s", self._file, error)
            return {}
