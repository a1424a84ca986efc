"""Puts a failure in, proves that it took effect, and takes it out again."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from halab.cli.drill.declaration import HALF, TWIN, Drill, Guest, Injection, Power
from halab.cli.drill.guests import Guests
from halab.cli.drill.recording import Recorder
from halab.cli.ending import unbroken
from halab.provider.hypervisor.machine.handling import Hands
from halab.provider.hypervisor.machine.presence import Presence
from halab.provisioners.engine.command import Command, cmd
from halab.provisioners.engine.errors import ConnectError, HalabError, TimedOut
from halab.provisioners.engine.host import Host

_POLL_S = 0.5
_KILL_S = 5.0
_SPARE_S = 15.0
"""From the moment at which the host takes a failure out until the guest does it by itself."""
_UNDO_UNIT = "halab-drill-undo"
_PROOF = {"cut": Presence.OFF, "suspend": Presence.PAUSED}
_UNDONE_BY = {"cut": "start", "suspend": "resume"}
_CYCLE = "cycle"

_NOBODY = {
    HALF: "It takes an even number of nodes, four or more: HALAB_NODE_COUNT=4 halab deploy.",
    TWIN: "It takes a lab of two nodes.",
}
"""Roles that not every lab has."""


class NoEffect(HalabError):
    """What should have been broken was not: the drill says nothing about the lab."""


@dataclass(frozen=True)
class Injector:
    """For one lab. `roles`: names of the machines of each role, as it was when the drill began."""

    guests: Guests
    hands: Hands
    recorder: Recorder
    roles: dict[str, list[str]]
    endpoint: tuple[str, int]
    patience_s: float
    """How long a failure may take to show."""
    liar_port: int = 0
    """Of a fencing endpoint that lies; 0: there is none."""
    pending: list[tuple[Guest, str]] = field(default_factory=list)
    """What is to be undone in guests that could not be asked: their own timer does it, or `again`."""

    def put_in(self, drill: Drill, undo_after_s: float | None) -> None:
        """All injections, one after the other; then each is proven. NoEffect, HalabError."""
        where = [(injection, name) for injection in drill.injections for name in self._names(injection)]
        for injection, name in where:
            self._begin(injection, name, undo_after_s)
        for injection, name in where:
            self._end(injection, name)

    def in_turn(self, drill: Drill) -> Iterator[str]:
        """Puts it into one machine after the other; gives each one's name once it is proven. NoEffect, HalabError."""
        for injection in drill.injections:
            for name in self._names(injection):
                self._begin(injection, name, None)
                self._end(injection, name)
                yield name

    def _begin(self, injection: Injection, name: str, undo_after_s: float | None) -> None:
        self._tell(injection, name, "begun")
        if isinstance(injection, Power):
            getattr(self.hands, injection.action)(self.guests.machine(name).uuid)
        else:
            self._run(injection, name, undo_after_s)

    def _end(self, injection: Injection, name: str) -> None:
        self._prove(injection, name)
        self._tell(injection, name, "took")

    def take_out(self, drill: Drill) -> None:
        """Undo what can be undone; where a guest is mute, its own timer does it, or `again`.

        All the rest is undone though one fails: a machine that stands still has no timer. HalabError: the first one's.
        """
        failed: list[HalabError] = []
        with unbroken():
            for injection in reversed(drill.injections):
                for name in self._names(injection):
                    try:
                        how = self._undo(injection, name)
                    except HalabError as error:
                        failed.append(error)
                        continue
                    if how:
                        self._tell(injection, name, "undone", how)
        if failed:
            raise failed[0]

    def again(self, answering: Collection[str]) -> None:
        """Undoes in guests that answer now what could not be undone before. A reboot ends a timer. HalabError."""
        waiting, self.pending[:] = [*self.pending], []
        for injection, name in waiting:
            if name not in answering:
                self.pending.append((injection, name))
            elif self._undo(injection, name):
                self._tell(injection, name, "undone", injection.word)

    def _names(self, injection: Injection) -> list[str]:
        names = self.roles[injection.role]
        if not names:
            raise NoEffect(
                f"Nobody is the {injection.role} machine now", _NOBODY.get(injection.role, "See halab status.")
            )
        return names

    def _undo(self, injection: Injection, name: str) -> str:
        """What the recording calls it; empty: it was not undone from here."""
        uuid = self.guests.machine(name).uuid
        if isinstance(injection, Power):
            if injection.cycled:
                self.hands.cut(uuid)
                self.hands.start(uuid)
                return _CYCLE
            if injection.action in _UNDONE_BY:
                getattr(self.hands, _UNDONE_BY[injection.action])(uuid)
                return injection.action
            return ""
        if not injection.undo:
            return ""
        # The timer goes last: as long as it is not undone, the guest is to do it, whatever becomes of this connection.
        stop = f"\nsystemctl stop {_UNDO_UNIT}.timer 2>/dev/null || :"
        try:
            self.guests.host(name).ask(self._script(f"({injection.undo}\n){stop}", injection.role, name))
        except (ConnectError, TimedOut):
            self.pending.append((injection, name))
            return ""
        return injection.word

    def _run(self, injection: Guest, name: str, undo_after_s: float | None) -> None:
        host = self.guests.host(name)
        if injection.undo and undo_after_s is not None:
            timer = ("systemd-run", "--quiet", "--collect", f"--unit={_UNDO_UNIT}")
            after = f"--on-active={undo_after_s + _SPARE_S:.0f}"
            undo = self._script(injection.undo, injection.role, name)
            words = (word.replace("$", "$$") for word in undo.argv)  # systemd has variables of its own
            host.ask(cmd(*timer, after, "--timer-property=AccuracySec=1s", *words))
        if injection.kills:
            host.ask(cmd("true"))  # the connection is there: making it is no part of the crash
            with contextlib.suppress(ConnectError, TimedOut):
                host.attempt(self._script(injection.do, injection.role, name, _KILL_S))
        else:
            host.ask(self._script(injection.do, injection.role, name))

    def _script(self, text: str, role: str, name: str, timeout_s: float = 60.0) -> Command:
        own = self.guests.machine(name).address
        others = ",".join(node.address for node in self.guests.nodes if node.address != own)
        target = ",".join(machine.address for machine in self.guests.lab.machines if not machine.cluster)
        lab, (endpoint, port) = self.guests.place.lab, self.endpoint
        apart = ",".join(node.address for node in self.guests.nodes if node.name not in self.roles[role])
        words = (own, others, target, lab, endpoint, port, apart, self.liar_port)
        return cmd("sh", "-euc", text, "halab", *words, timeout_s=timeout_s)

    def _prove(self, injection: Injection, name: str) -> None:
        uuid = self.guests.machine(name).uuid
        if isinstance(injection, Power):
            if injection.action == "reset":
                self._until(f"a restart of {name}", lambda: self._rebooted(name))
            elif (state := self.hands.state(uuid)) is not _PROOF[injection.action]:
                raise NoEffect(f"{name} is {state.value} after a {injection.action}")
        elif injection.kills:
            self._until(f"{injection.shown!r} on the console of {name}", lambda: self._shown(injection.shown, name))
        elif injection.took:
            host, question = self.guests.host(name), self._script(injection.took, injection.role, name)
            self._until(f"effect on {name} (`{injection.took}`)", lambda: _holds(host, question))

    def _rebooted(self, name: str) -> bool:
        return any(one["machine"] == name and one["event"] == "reboot" for one in self.recorder.events("power"))

    def _shown(self, text: str, name: str) -> bool:
        return any(one["machine"] == name and text in one["text"] for one in self.recorder.events("console"))

    def _until(self, what: str, seen: Callable[[], bool]) -> None:
        end = time.monotonic() + self.patience_s
        while not seen():
            if time.monotonic() > end:
                raise NoEffect(f"no {what} within {self.patience_s:.0f} s")
            time.sleep(_POLL_S)

    def _tell(self, injection: Injection, name: str, state: str, what: str = "") -> None:
        what = what or _what(injection)
        self.recorder.add("injection", machine=name, role=injection.role, what=what, state=state)


def _holds(host: Host, question: Command) -> bool:
    """A machine that is too busy for an answer is asked again."""
    try:
        return host.attempt(question).rc == 0
    except (ConnectError, TimedOut):
        return False


def _what(injection: Injection) -> str:
    if isinstance(injection, Power):
        return injection.action
    return injection.word
