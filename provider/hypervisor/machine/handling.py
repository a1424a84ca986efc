"""What a person's hand does to the machines of a lab: power cut, reset, standing still. For breaking it on purpose.

Only machines that bear the lab's mark are touched.
"""

from __future__ import annotations

from typing import Any

from halab.provider.hypervisor.connection import Connection, doing, is_code
from halab.provider.hypervisor.inventory import presence_of, read_mark
from halab.provider.hypervisor.machine.paused import pause_of
from halab.provider.hypervisor.machine.presence import Presence
from halab.provisioners.engine.errors import Conflict


class Hands:
    """Hands on the machines of one lab, by their UUID. All raise LibvirtFailed, and Conflict for others' machines."""

    def __init__(self, connection: Connection, lab: str) -> None:
        self._connection, self._lab = connection, lab

    def cut(self, uuid: str) -> None:
        """Switches it off at once, as by a pulled plug, if it is on: it may have been fenced meanwhile."""
        with doing("cut a machine's power"):
            domain = self._own(uuid)
            try:
                domain.destroy()
            except Exception as error:
                if not is_code(error, "VIR_ERR_OPERATION_INVALID") or domain.isActive():
                    raise

    def start(self, uuid: str) -> None:
        """Switches it on, if it is off."""
        with doing("switch a machine on"):
            domain = self._own(uuid)
            if not domain.isActive():
                domain.create()

    def reset(self, uuid: str) -> None:
        """Resets it: its memory is lost, and it boots at once."""
        with doing("reset a machine"):
            self._own(uuid).reset(0)

    def suspend(self, uuid: str) -> None:
        """Has it stand still."""
        with doing("have a machine stand still"):
            self._own(uuid).suspend()

    def resume(self, uuid: str) -> None:
        """Lets it go on, if it stands still."""
        with doing("let a machine go on"):
            domain = self._own(uuid)
            if self.state(uuid) is Presence.PAUSED:
                domain.resume()

    def state(self, uuid: str) -> Presence:
        """Off, paused or running."""
        with doing("ask for a machine's state"):
            domain = self._own(uuid)
            return presence_of(domain, pause_of(domain))

    def _own(self, uuid: str) -> Any:
        domain = self._connection.domain_by_uuid(uuid)
        mark = None if domain is None else read_mark(domain)
        if mark is None or mark.lab != self._lab:
            raise Conflict(f"{uuid} is no machine of the lab {self._lab!r}", "It is left alone.")
        return domain
