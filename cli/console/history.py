"""What happened and why: decisions, failures and fencing in one list. Each node is asked by itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from halab.cli.console.contract_history import Happened, Heard, History
from halab.cli.console.decisions import Decision, Input, by_hand, decided, newest
from halab.cli.drill.guests import Guests
from halab.cli.look.report import MachineReport, Report
from halab.cli.look.snapshot import Snapshot
from halab.cli.look.views import View, views
from halab.provisioners.engine.errors import HalabError
from halab.provisioners.engine.host import Host
from halab.provisioners.pacemaker.status import FencingEvent, moment

LAST = 20
"""Decisions that are told; an emulated node needs some tenths of a second for each, once."""
_MOST = 60
"""Things that are told in all."""


class Chronicle:
    """What the nodes have told of their decisions. An input never changes: each is calculated once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._heard: dict[str, Heard] = {}
        self._inputs: dict[str, list[Input]] = {}
        self._decisions: dict[Input, Decision] = {}

    def look(self, report: Report, connect: Callable[[], Guests]) -> None:
        """Begins to ask all members that answer and are not being asked; waits for none. `connect` may raise."""
        members = {one.name: one for one in report.machines if one.role == "member"}
        with self._lock:
            for gone in self._heard.keys() - members.keys():
                self._inputs.pop(gone, None)
                del self._heard[gone]
            before = {name: self._heard.get(name, Heard(name, None, False, "")) for name in members}
            free = [name for name, heard in before.items() if not heard.asking]
            for name in free:
                there = members[name].answers
                self._heard[name] = replace(before[name], asking=there, fault="" if there else _silence(members[name]))
        self._begin([name for name in free if members[name].answers], connect)

    def told(self, snapshot: Snapshot | None) -> History:
        """What is known now, the newest first."""
        seen = next(iter(views(snapshot)), None) if snapshot is not None else None
        with self._lock:
            heard = tuple(self._heard[name] for name in sorted(self._heard))
            decisions = [_decision(one, self._decisions.get(one)) for one in self._newest()]
        entries = [*decisions, *(_of_cluster(seen) if seen else ())]
        entries.sort(key=lambda one: one.at or 0.0, reverse=True)
        return History(
            time.time(), tuple(entries[:_MOST]), heard, seen.by if seen else "", seen.at if seen else None, LAST
        )

    def _begin(self, names: list[str], connect: Callable[[], Guests]) -> None:
        try:
            ways = {name: connect() for name in names}
        except BaseException:
            for name in names:
                self._note(name, asking=False)
            raise
        for name, guests in ways.items():
            threading.Thread(target=self._ask, args=(name, guests), name=f"history of {name}", daemon=True).start()

    def _ask(self, name: str, guests: Guests) -> None:
        ended: dict[str, object] = {"fault": "asking it came to no end"}
        try:
            self._hear(name, guests.host(name))
            ended = {"at": time.time(), "fault": ""}
        except HalabError as error:
            ended = {"fault": error.detail or error.summary}
        finally:
            self._note(name, asking=False, **ended)
            guests.forget()

    def _hear(self, name: str, host: Host) -> None:
        inputs = newest(host, name, LAST)
        with self._lock:
            if name not in self._heard:
                return  # it has left the cluster meanwhile
            self._inputs[name] = inputs
            kept = set(self._newest())
            self._decisions = {one: said for one, said in self._decisions.items() if one in kept}
        for one in filter(self._missing, inputs):
            decision = decided(host, one)
            with self._lock:
                self._decisions[one] = decision

    def _note(self, name: str, **changes: object) -> None:
        with self._lock:
            if name in self._heard:
                self._heard[name] = replace(self._heard[name], **changes)  # type: ignore[arg-type]

    def _missing(self, one: Input) -> bool:
        with self._lock:
            return one in self._newest() and one not in self._decisions

    def _newest(self) -> list[Input]:
        """Of all nodes together. The lock is held."""
        found = sorted((one for inputs in self._inputs.values() for one in inputs), key=lambda one: one.at)
        return found[: -LAST - 1 : -1]


def _silence(machine: MachineReport) -> str:
    return "it does not answer" if machine.power == "running" else f"its power is {machine.power}"


def _decision(one: Input, said: Decision | None) -> Happened:
    result, told = "not read yet", tuple[str, ...]()
    if said is not None:
        counted = {0: "nothing to do", 1: "one action"}.get(len(said.actions), f"{len(said.actions)} actions")
        result, told = ("it cannot be told", (said.fault,)) if said.fault else (counted, said.actions)
    title = f"{one.node} decided: {result}"
    return Happened(one.at, "decision", one.node, title, told, one.path, str(by_hand(one)))


def _of_cluster(seen: View) -> Iterator[Happened]:
    """What the cluster itself remembers."""
    for failure in seen.status.failures:
        yield Happened(moment(failure.at), "failure", failure.node, str(failure), (), "", "")
    for event in seen.status.fencing:
        at = moment(event.completed) if event.completed else seen.at  # it is under way
        yield Happened(at, "fencing", event.target, *_fencing(event), "", "")


def _fencing(event: FencingEvent) -> tuple[str, tuple[str, ...]]:
    client = event.client.rpartition(".")[0] or event.client
    asked = f"{client} on {event.origin} asked for it" if client else f"{event.origin} asked for it"
    done = f"{event.delegate} carried it out" if event.delegate else ""
    title = f"{event.action} of {event.target}: {event.status or 'unknown'}"
    return title, tuple(text for text in (asked, done, event.reason) if text)
