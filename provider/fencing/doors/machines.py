"""Which machines the doors may switch: the configuration's list, looked at anew at each request."""

from __future__ import annotations

import logging

from halab.provider.fencing.power_files import PowerFiles
from halab.provisioners.engine.errors import HalabError

log = logging.getLogger("halab.power")


class Machines:
    """UUIDs, in their order: the first one is plug 1. A list that cannot be read allows nothing."""

    def __init__(self, files: PowerFiles) -> None:
        self._files = files
        self._seen: tuple[tuple[int, int] | None, tuple[str, ...]] = (None, ())

    def uuids(self) -> tuple[str, ...]:
        """All of them."""
        try:
            status = self._files.config.stat()
            version = (status.st_ino, status.st_mtime_ns)  # a replaced file has another inode
            if self._seen[0] != version:
                config = self._files.read_config()
                self._seen = (version, config.machines if config else ())
        except (OSError, HalabError) as error:
            log.error("no machine is allowed: %s", error)
            return ()
        return self._seen[1]

    def __contains__(self, uuid: object) -> bool:
        return uuid in self.uuids()

    def at_plug(self, plug: int) -> str | None:
        """The machine at a plug (1 and up); None when that plug is empty."""
        uuids = self.uuids()
        return uuids[plug - 1] if 1 <= plug <= len(uuids) else None
