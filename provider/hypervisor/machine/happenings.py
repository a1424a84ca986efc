"""What libvirt tells of machines while it happens: switched on, off, reset, stopped and let go on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from types import TracebackType
from typing import Any

from halab.provider.hypervisor.connection import SYSTEM_URI, doing

# libvirt's own words (virDomainEventType), by number.
_EVENTS = ("defined", "undefined", "started", "suspended", "resumed", "stopped", "shutdown", "pmsuspended", "crashed")
_STOPPED = ("shutdown", "destroyed", "crashed", "migrated", "saved", "failed", "from snapshot")

Tell = Callable[[str, str, str], None]
"""Hears UUID, event and, of a stop, its reason; an event is one of libvirt's words, or "reboot"."""


class Happenings:
    """While its block runs, `tell` hears of all machines of a libvirt, in a thread. Raises LibvirtFailed."""

    def __init__(self, tell: Tell, uri: str = SYSTEM_URI) -> None:
        self._tell, self._uri = tell, uri
        self._lock = threading.Lock()
        self._over = False
        self._connection: Any = None
        self._callbacks: list[int] = []

    def __enter__(self) -> Happenings:
        import libvirt

        _run_event_loop()
        with doing("tell what happens to machines"):
            self._connection = libvirt.open(self._uri)
            for event, told in (
                (libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._life),
                (libvirt.VIR_DOMAIN_EVENT_ID_REBOOT, self._reboot),
            ):
                self._callbacks.append(self._connection.domainEventRegisterAny(None, event, told, None))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import libvirt

        with self._lock:
            self._over = True
        with suppress(libvirt.libvirtError):  # a daemon that is away has forgotten them by itself
            for callback in self._callbacks:
                self._connection.domainEventDeregisterAny(callback)
        self._connection.close()

    def alive(self) -> bool:
        """Whether libvirt has been heard without a break: a daemon that was restarted tells nothing any more."""
        with doing("tell whether it is heard"):
            return bool(self._connection.isAlive())

    def _life(self, _connection: Any, domain: Any, event: int, detail: int, _opaque: object) -> None:
        word = _EVENTS[event] if event < len(_EVENTS) else str(event)
        why = _STOPPED[detail] if word == "stopped" and detail < len(_STOPPED) else ""
        self._hear(domain.UUIDString(), word, why)

    def _reboot(self, _connection: Any, domain: Any, _opaque: object) -> None:
        self._hear(domain.UUIDString(), "reboot", "")

    def _hear(self, uuid: str, event: str, why: str) -> None:
        with self._lock:  # the loop goes on after the block: nothing is told once it is over
            if not self._over:
                self._tell(uuid, event, why)


@cache
def _run_event_loop() -> None:
    """Serve libvirt's events in a thread, as long as the process lives.

    From its registration on, libvirt's client answers its daemons' questions whether it is alive in this loop alone:
    were it to end with one block, each later connection of the process would be closed as soon as it stood idle.
    """
    import libvirt

    libvirt.virEventRegisterDefaultImpl()

    def run() -> None:
        while True:
            libvirt.virEventRunDefaultImpl()

    threading.Thread(target=run, name="libvirt events", daemon=True).start()
