"""What libvirt saw of a machine while it was fenced: Pacemaker's word alone is no proof."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

REBOOT, OFF = "reboot", "fence"
"""stonith_admin's names of what is done to a node."""


@dataclass
class Evidence:
    """The events of one machine, in their order. `was_on`: whether it ran when they began."""

    uuid: str
    was_on: bool
    seen: list[str] = field(default_factory=list)
    _news: threading.Condition = field(default_factory=threading.Condition)

    def tell(self, uuid: str, event: str, _why: str) -> None:
        """For Happenings."""
        if uuid == self.uuid:
            with self._news:
                self.seen.append(event)
                self._news.notify_all()

    def proof(self, action: str, patience_s: float) -> str:
        """The events that prove it, in libvirt's words; waits for them. Empty when they do not come."""
        with self._news:
            self._news.wait_for(lambda: self._proof(action), patience_s)
            return self._proof(action)

    def _proof(self, action: str) -> str:
        stopped = "stopped" in self.seen
        if action == OFF:
            return "stopped" if stopped else "" if self.was_on or "started" in self.seen else "was off"
        if REBOOT in self.seen:  # a reset, by its watchdog or by itself: the same run of the machine goes on
            return "reset"
        after = self.seen[self.seen.index("stopped") :] if stopped else [] if self.was_on else self.seen
        if "started" in after:
            return "stopped, started" if stopped else "started"
        return ""
