"""Which machines the doors may switch: the configuration's list, looked at anew at each request."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from itertools import count

from halab.provider.fencing.doors.known import Known
from halab.provider.fencing.power_files import PowerFiles
from halab.provisioners.engine.errors import HalabError

log = logging.getLogger("halab.power")


def assigned(machines: Iterable[str], before: Mapping[str, int]) -> dict[str, int]:
    """Each machine's plug. One that had a plug keeps it; the others get the lowest free ones, in their order.

    So a machine that goes leaves its plug empty, and no other machine is switched in its place.
    """
    machines = tuple(machines)
    plugs = {uuid: before[uuid] for uuid in machines if uuid in before}
    free = (number for number in count(1) if number not in set(plugs.values()))
    return {uuid: plugs[uuid] if uuid in plugs else next(free) for uuid in machines}


class Machines:
    """UUIDs and their plugs. A list that cannot be read allows nothing."""

    def __init__(self, files: PowerFiles) -> None:
        self._files, self.known = files, Known(files)
        self._seen: tuple[tuple[int, int] | None, dict[str, int]] = (None, {})

    def uuids(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(self._now())

    def plugs(self) -> dict[int, str]:
        """Each plug's machine."""
        return {plug: uuid for uuid, plug in self._now().items()}

    def at_plug(self, plug: int) -> str | None:
        """The machine at a plug (1 and up); None when that plug is empty."""
        return self.plugs().get(plug)

    def __contains__(self, uuid: object) -> bool:
        return uuid in self._now()

    def _now(self) -> dict[str, int]:
        try:
            status = self._files.config.stat()
            version = (status.st_ino, status.st_mtime_ns)  # a replaced file has another inode
            if self._seen[0] != version:
                config = self._files.read_config()
                self._seen = (version, assigned(config.machines, config.plugs) if config else {})
        except (OSError, HalabError) as error:
            log.error("no machine is allowed: %s", error)
            return {}
        return self._seen[1]
