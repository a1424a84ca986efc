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
    """UUID -> the domain's name, kept beside the configuration. Safe for threads."""

    def __init__(self, files: PowerFiles) -> None:
        self._file, self._lock = files.known, threading.Lock()
        self._names = self._read()

    def name(self, uuid: str) -> str | None:
        """As it was called when libvirt showed it last; None: it never has."""
        return self._names.get(uuid)

    def note(self, uuid: str, name: str, among: Collection[str]) -> None:
        """libvirt shows it. Of those that are not `among` the endpoint's machines any more nothing is kept."""
        if self._names.get(uuid) == name:
            return
        with self._lock:
            self._names = {one: its for one, its in self._names.items() if one in among} | {uuid: name}
            try:
                write_private(self._file, json.dumps(self._names) + "\n")
            except OSError as error:  # a full disk is no reason not to fence
                log.error("%s cannot be written: %s", self._file, error)

    def _read(self) -> dict[str, str]:
        try:
            return {str(uuid): str(name) for uuid, name in json.loads(read_or_none(self._file) or "{}").items()}
        except (ValueError, AttributeError) as error:
            log.error("%s cannot be read: %s", self._file, error)
            return {}
