"""The one power back end of all doors: this lab's domains, switched through libvirt.

A success that is none is the enemy: the cluster would go on while the machine still writes. So a machine counts as
off in two cases only: libvirt says that it is not active, or libvirt has shown it before, now says that there is no
such domain, and none of a name that it had runs. Everything else, an answer that does not come in time among it, raises
PowerFailed; and after each change the machine is looked at again, since the caller is told what is, not what was asked
for.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import libvirt

from halab.provider.fencing.doors.machines import Machines

log = logging.getLogger("halab.power")

ANSWER_S = 30.0  # virDomainDestroy itself gives QEMU up to 15 s
CALLS = 32  # at once; a libvirt that hangs must not collect threads without end

Action = Literal["on", "off", "cycle", "shutdown", "reboot", "nmi"]
T = TypeVar("T")


class PowerFailed(Exception):
    """What was asked is not done, or not known. The text is for logs and for clients."""


@dataclass(frozen=True, slots=True)
class State:
    """A machine's name (its UUID where there is no domain any more), and whether it is on; None: not known."""

    name: str
    on: bool | None

    def word(self, on: str, off: str, unknown: str) -> str:
        """The one of three words that fits."""
        return unknown if self.on is None else on if self.on else off


class Power:
    """Switches the machines of one lab. Each call has a connection of its own, so that libvirtd may come and go."""

    def __init__(
        self,
        uri: str,
        machines: Machines,
        answer_s: float = ANSWER_S,
        calls: int = CALLS,
        watch: Callable[[str, Action, bool, bool], None] = lambda *_: None,
    ) -> None:
        """`watch` is told UUID, action, whether the machine was on, and whether the action is done or to begin."""
        self.machines, self._watch = machines, watch
        self._uri, self._answer_s = uri, answer_s
        self._calls = threading.BoundedSemaphore(calls)
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def is_on(self, uuid: str) -> bool:
        """Whether the machine is on; one that was removed is off. Raises PowerFailed."""
        self._allowed(uuid)
        return self._in_time(f"state of {uuid}", lambda _: self._is_on(uuid))

    def name(self, uuid: str) -> str:
        """The domain's name; the UUID itself when there is no such domain any more. Raises PowerFailed."""
        self._allowed(uuid)
        return self._in_time(f"name of {uuid}", lambda _: self._name(uuid))

    def states(self) -> dict[str, State]:
        """Of all machines, by UUID. Raises PowerFailed when libvirt does not answer at all."""
        return self._in_time("state of all machines", lambda _: {u: self._state(u) for u in self.machines.uuids()})

    def find(self, name: str) -> str | None:
        """The UUID of the machine that `name` (a UUID or a domain's name) means; None: none of ours. PowerFailed."""
        wanted = name.lower()
        if wanted in self.machines:
            return wanted
        return next((uuid for uuid, state in self.states().items() if name == state.name), None)

    def switch(self, uuid: str, action: Action) -> None:
        """Carry `action` out; done, and seen, when it returns. Asked twice it is done once. Raises PowerFailed.

        Of a machine that was removed nothing is switched: it stays off.
        """
        self._allowed(uuid)
        self._in_time(f"{action} of {uuid}", lambda deadline: self._switch(uuid, action, deadline))

    def _allowed(self, uuid: str) -> None:
        if uuid not in self.machines:
            raise PowerFailed(f"{uuid} is no machine of this endpoint")

    def _switch(self, uuid: str, action: Action, deadline: float) -> None:
        lock = self._locks[uuid]
        if not lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise PowerFailed(f"{uuid}: the request before this one is not done yet")
        try:
            with self._domain(uuid) as domain:
                if time.monotonic() >= deadline:
                    # The caller has been told that it failed: nothing may happen to the machine after that.
                    raise PowerFailed(f"{uuid}: libvirt was too late, {action} is not carried out")
                if domain is None:
                    log.warning("%s: %s of a machine that does not exist any more", uuid, action)
                    return
                log.info("%s (%s): %s", domain.name(), uuid, action)
                was_on = bool(domain.isActive())
                self._watch(uuid, action, was_on, False)
                _ACTIONS[action](domain, deadline)
                self._watch(uuid, action, was_on, True)
                wanted = {"on": True, "cycle": True, "off": False}.get(action)
            if wanted is not None and self._is_on(uuid) is not wanted:
                raise PowerFailed(f"{uuid}: libvirt carried {action} out, and the machine is not {_word(wanted)}")
        finally:
            lock.release()

    def _state(self, uuid: str) -> State:
        try:
            with self._domain(uuid) as domain:
                if domain is None:
                    return State(uuid, False)
                try:
                    return State(str(domain.name()), bool(domain.isActive()))
                except libvirt.libvirtError as error:
                    log.error("%s: %s", uuid, error)
        except PowerFailed as failed:
            log.error("%s", failed)
        return State(uuid, None)

    def _is_on(self, uuid: str) -> bool:
        with self._domain(uuid) as domain:
            return domain is not None and bool(domain.isActive())

    def _name(self, uuid: str) -> str:
        with self._domain(uuid) as domain:
            return uuid if domain is None else str(domain.name())

    def _in_time(self, what: str, job: Callable[[float], T]) -> T:
        """What `job`, called with its deadline, gives; PowerFailed when libvirt does not answer until then."""
        if not self._calls.acquire(blocking=False):
            raise PowerFailed(f"{what}: libvirt owes answers to all requests before")
        future: Future[T] = Future()
        deadline = time.monotonic() + self._answer_s

        def run() -> None:
            try:
                future.set_result(job(deadline))
            except BaseException as error:
                future.set_exception(error)
            finally:
                self._calls.release()

        threading.Thread(target=run, daemon=True).start()
        try:
            return future.result(self._answer_s)
        except TimeoutError:
            raise PowerFailed(f"{what}: libvirt did not answer within {self._answer_s:.0f} s") from None
        except libvirt.libvirtError as error:
            raise PowerFailed(f"{what}: libvirt: {error}") from error

    @contextmanager
    def _domain(self, uuid: str) -> Iterator[Any]:
        """The domain; None if it was removed. Raises PowerFailed if libvirt has never shown it."""
        connection = libvirt.open(self._uri)
        try:
            domain = _found(connection.lookupByUUIDString, uuid)
            if domain is None:
                self._refuse_unless_removed(connection, uuid)
            else:
                self.machines.known.note(uuid, str(domain.name()), self.machines.uuids())
            yield domain
        finally:
            connection.close()

    def _refuse_unless_removed(self, connection: Any, uuid: str) -> None:
        names = self.machines.known.names(uuid)
        if not names:
            raise PowerFailed(f"{uuid}: libvirt has never shown such a machine, so it is not known to be off")
        for name in names:
            other = _found(connection.lookupByName, name)
            if other is not None and other.isActive():
                raise PowerFailed(f"{uuid}: it is gone, and another machine of its name, {name}, runs")


def _found(look_up: Callable[[str], Any], what: str) -> Any | None:
    """The domain; None if there is none."""
    try:
        return look_up(what)
    except libvirt.libvirtError as error:
        # Only this code means that the domain is not there; anything else is an error of its own.
        if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
            raise
        return None


def _word(on: bool) -> str:
    return "on" if on else "off"


def _off(domain: Any, _: float = 0.0) -> None:
    """Power off: SIGTERM to QEMU and, if it does not go, SIGKILL; returns when it is gone."""
    _unless_already(domain, domain.destroy, active=False)


def _on(domain: Any, _: float = 0.0) -> None:
    _unless_already(domain, domain.create, active=True)


def _cycle(domain: Any, deadline: float) -> None:
    # Not virDomainReset: a new QEMU process is what a power cycle of a real machine is like.
    _off(domain)
    if time.monotonic() >= deadline:  # the caller has been told that it failed
        raise PowerFailed(f"{domain.name()} is off, too late: it is not switched on")
    _on(domain)


def _unless_already(domain: Any, change: Callable[[], object], *, active: bool) -> None:
    """Call `change`, unless the domain is (or, by somebody else, meanwhile got) where it leads."""
    if bool(domain.isActive()) is active:
        return
    try:
        change()
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_OPERATION_INVALID or bool(domain.isActive()) is not active:
            raise


def _if_active(method: str) -> Callable[[Any, float], None]:
    def act(domain: Any, _: float) -> None:
        if domain.isActive():
            getattr(domain, method)()

    return act


_ACTIONS: dict[Action, Callable[[Any, float], None]] = {
    "on": _on,
    "off": _off,
    "cycle": _cycle,
    "shutdown": _if_active("shutdown"),
    "reboot": _if_active("reboot"),
    "nmi": _if_active("injectNMI"),
}
