"""The log of a machine's serial console, as it grows."""

from __future__ import annotations

from halab.cli.console.refusing import Refused
from halab.cli.look.deployed import deployed
from halab.cli.look.place import Place
from halab.provider.hypervisor.connection import Connection, doing
from halab.provider.hypervisor.machine.console import CONTROL, Console

_FIRST_BYTES = 128 * 1024


class SerialLog:
    """Of one machine of the lab. Refused: the lab has none of that name; StateUnusable, HalabError."""

    def __init__(self, place: Place, name: str) -> None:
        machine = deployed(place.state).machine(name)
        if machine is None:
            raise Refused("The lab has no machine of that name.")
        self._name, self._first = name, True
        self._log = Console(Connection(place.uri), machine.console_log)
        with doing(f"look for the console log of {name}"):
            if not self._log.exists():
                raise Refused(f"{name} has no console log: it was never switched on.")

    def news(self) -> str:
        """What has come since the last call; at first the end of what is there. HalabError."""
        with doing(f"read the console log of {self._name}"):
            said = self._log.news()
        if self._first:
            said, self._first = said[-_FIRST_BYTES:], False
        return plain(said.decode(errors="replace"))


def plain(text: str) -> str:
    """Without what only a terminal understands."""
    return CONTROL.sub("", text.replace("\r\n", "\n"))
