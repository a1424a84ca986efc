"""What libvirt tells of machines while it happens: switched on, off, reset, stopped and let go on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from halab.provider.hypervisor.connection import SYSTEM_URI, doing

_WAKE_MS = 250
# libvirt's own words (virDomainEventType), by number.
_EVENTS = ("defined", "undefined", "started", "suspended", "resumed", "stopped", "shutdown", "pmsuspended", "crashed")
_STOPPED = ("shutdown", "destroyed", "crashed", "migrated", "saved", "failed", "from snapshot")

Tell = Callable[[str, str, str], None]
"""Hears UUID, event and, of a stop, its reason; an event is one of libvirt's words, or "reboot"."""


class Happenings:
    """While its block runs, `tell` hears of all machines of a libvirt, in a thread. Raises LibvirtFailed."""

    def __init__(self, tell: Tell, uri: str = SYSTEM_URI) -> None:
        self._tell, self._uri = tell, uri
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="libvirt events", daemon=True)
        self._connection: Any = None

    def __enter__(self) -> Happenings:
        import libvirt

        libvirt.virEventRegisterDefaultImpl()
        with doing("tell what happens to machines"):
            self._connection = libvirt.open(self._uri)
            self._connection.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._life, None)
            self._connection.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_REBOOT, self._reboot, None)
        libvirt.virEventAddTimeout(_WAKE_MS, lambda *_: None, None)  # so that the loop sees that it should end
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        import libvirt

        while not self._stop.is_set():
            libvirt.virEventRunDefaultImpl()

    def _life(self, _connection: Any, domain: Any, event: int, detail: int, _opaque: object) -> None:
        word = _EVENTS[event] if event < len(_EVENTS) else str(event)
        why = _STOPPED[detail] if word == "stopped" and detail < len(_STOPPED) else ""
        self._tell(domain.UUIDString(), word, why)

    def _reboot(self, _connection: Any, domain: Any, _opaque: object) -> None:
        self._tell(domain.UUIDString(), "reboot", "")
