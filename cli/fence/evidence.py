"""What libvirt saw of a machine while it was fenced: Pacemaker's word alone is no proof."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

REBOOT, OFF = "reboot", "fence"
"""stonith_admin's names of what is done to a node."""
_STOPPED, _STARTED = "stopped", "started"
_POWER = (_STOPPED, _STARTED, REBOOT)  # libvirt's events after which it is known whether a machine has power


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
        """The events that prove it, in libvirt's words; waits for them. Empty when they do not come.

        The last one counts: a machine that was started again was not left off, one that was stopped has not restarted.
        """
        with self._news:
            self._news.wait_for(lambda: self._proof(action), patience_s)
            return self._proof(action)

    def _proof(self, action: str) -> str:
        power = [event for event in self.seen if event in _POWER]
        last = power[-1] if power else ""
        if action == OFF:
            return last if last == _STOPPED else "" if last or self.was_on else "was off"
        if last == _STOPPED:  # whatever was before: it is off
            return ""
        if REBOOT in power:  # a reset, by its watchdog or by itself: the same run of the machine goes on
            return "reset"
        if _STOPPED in power:
            return f"{_STOPPED}, {_STARTED}"
        return "" if self.was_on else last
