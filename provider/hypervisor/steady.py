"""What goes on when libvirt's daemon is restarted: a look, or a change that may be made twice, is repeated then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from halab.provider.hypervisor.connection import Connection, is_away
from halab.provider.hypervisor.waiting import Wait
from halab.provisioners.engine.errors import Interrupted

T = TypeVar("T")

# How long its daemon may be away, before scaling. A restart takes seconds; machines run on meanwhile.
AWAY_S = 60.0
_INTERVAL_S = 0.5


def steadily(wait: Wait, action: Callable[[], T]) -> T:
    """What `action` gives; it is repeated while libvirt's daemon is away. It gets its objects from a Connection anew.

    Raises the last error when the daemon stays away, Interrupted.
    """
    end: float | None = None
    while True:
        try:
            return action()
        except Exception as error:
            if not is_away(error):
                raise
            end = wait.clock() + AWAY_S * wait.scale if end is None else end
            if wait.clock() >= end:
                raise
        if wait.stop.wait(_INTERVAL_S):
            raise Interrupted("libvirt's daemon, which has gone away")


class SteadyDomain:
    """A domain whose methods outlive a restart of libvirt's daemon. Only for those that may be called twice."""

    def __init__(self, connection: Connection, domain: Any, wait: Wait) -> None:
        self._connection, self._wait = connection, wait
        self._domain: Any = domain
        self._uuid: str = domain.UUIDString()  # known without a question

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            return steadily(self._wait, lambda: self._call(method, args))

        return call

    def _call(self, method: str, args: tuple[Any, ...]) -> Any:
        if self._domain is None:
            self._domain = self._connection.libvirt.lookupByUUIDString(self._uuid)
        try:
            return getattr(self._domain, method)(*args)
        except Exception as error:
            if is_away(error):
                self._domain = None  # it belongs to the connection that broke
            raise
