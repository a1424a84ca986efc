"""The hypervisor's verdict on a machine: one value, for whoever wants to know whether it can be asked."""

from __future__ import annotations

import enum


class Presence(enum.Enum):
    """GONE only if libvirt itself says that there is no such domain; PAUSED: it stands still until it is resumed.

    Whether one that runs answers, only a question to it tells. UNKNOWN is for those who show a lab whose libvirt does
    not answer; an Inventory raises then.
    """

    GONE = "gone"
    OFF = "off"
    PAUSED = "paused"
    RUNNING = "running"
    UNKNOWN = "unknown"

    @property
    def on(self) -> bool:
        """Whether it has power: what is in it goes on, or stands still."""
        return self in (Presence.PAUSED, Presence.RUNNING)

    @property
    def may_answer(self) -> bool:
        """Whether it is worth asking."""
        return self in (Presence.RUNNING, Presence.UNKNOWN)
