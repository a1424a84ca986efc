"""A change of something in a guest, while it is under way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from halab.provider.protocol import Ctx, State, headline
from halab.provisioners.engine.host import Host

if TYPE_CHECKING:
    from halab.provider.guests.guest import GuestResource


def name_in(state: State, identity: Sequence[str]) -> str:
    """What the object is called beside its machine's name: the last of its identity; a number, and what it counts."""
    *before, last = [state.get(field, "") for field in identity[1:]] or [""]
    return f"{before[-1]} {last}" if before and isinstance(last, int) else str(last)


class Working:
    """Reports start and end of a change to the progress file, and gives the host."""

    def __init__(self, resource: GuestResource, ctx: Ctx, state: State, patient: bool) -> None:
        self._resource, self._ctx, self._state = resource, ctx, state
        self._reach = resource._host_that_answers if patient else resource._host
        self._held: Any = None
        self._name = name_in(state, resource._item.identity)

    def __enter__(self) -> Host:
        host = self._reach(self._ctx, self._state, self._name)
        if self._resource._item.exclusive:
            self._held = host.shared.lock
            self._held.acquire()
        self._machine = host.name if self._resource._item.scope == "machine" else ""
        try:
            self._report("start")
        except BaseException:
            self._let_go()
            raise
        return host

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        self._let_go()
        self._report("done" if error is None else "failed", "" if error is None else headline(error))

    def _let_go(self) -> None:
        if self._held is not None:
            self._held.release()

    def _report(self, event: str, detail: str = "") -> None:
        resource = self._resource
        resource.provider.progress(event, resource._item.phase, resource.type, self._name, self._machine, detail)
