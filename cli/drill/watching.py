"""Looks at the lab while a drill goes on: until it is whole again, or its time is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from halab.cli.drill.declaration import Drill, Limit
from halab.cli.drill.injecting import Injector
from halab.cli.drill.invariants import fenced
from halab.cli.drill.recording import Recorder
from halab.cli.drill.timeline import Timeline
from halab.cli.look.health import LOOK_S
from halab.cli.look.place import Place
from halab.cli.look.report import Report
from halab.cli.look.status import look
from halab.cli.look.taking import Ways

_ANSWER = Limit(5)
"""How long a look waits for a machine that runs. While a drill listens to it, one among many has much to do."""
_MARGIN = 3.0
"""How many times as long as a healthy lab's look the limits leave to each look."""


def slowness(look_s: float, stretch: float) -> float:
    """By how much a lab whose first look took so long is slower than one that the limits are made for; 1 at least."""
    return max(1.0, _MARGIN * look_s / _ANSWER.seconds(stretch))


@dataclass(frozen=True)
class Pace:
    """How fast a lab is. `stretch` multiplies all times of KVM.

    `slowness` multiplies what has to be done in time, not what is done to the lab: a host with other work may be many
    times slower than the one that the limits were measured on, and its lab tells so before anything is broken.
    """

    stretch: float
    slowness: float = 1.0

    def within_s(self, limit: Limit) -> float:
        return limit.seconds(self.stretch) * self.slowness


@dataclass(frozen=True)
class Watch:
    """Of one drill. `must`: who has to be fenced."""

    place: Place
    ways: Ways | None
    recorder: Recorder
    pace: Pace
    must: frozenset[str]
    tell: Callable[[str], None]

    def take_turns(self, drill: Drill, injector: Injector) -> None:
        """The next machine's turn comes when the lab is whole again, and not at all when it was not in time."""
        within_s = self.pace.within_s(drill.expected.whole)
        for name in injector.in_turn(drill):
            end = time.monotonic() + within_s
            while time.monotonic() < end:
                report = self._look()
                if report.healthy and not self._is_away(name):
                    break
                time.sleep(_pause_s(report))
            else:
                return
        self.recorder.add("over")

    def look_on(self, until: float) -> None:
        """Watches until a moment (monotonic), or until all that has to be fenced was and the lab is whole again."""
        last = until - self.pace.within_s(_ANSWER)  # a look that begins later may last longer
        while time.monotonic() < last:
            report = self._look()
            if report.healthy and self.must and self.must <= self._fenced():
                return
            time.sleep(min(_pause_s(report), max(0.0, last - time.monotonic())))
        time.sleep(max(0.0, until - time.monotonic()))

    def heal(self, drill: Drill, injector: Injector) -> None:
        """Watches until the lab is whole, all that has to be fenced was, and nothing more is to be expected."""
        began = self.recorder.events("injection")[0]["t"]
        at_least = began + max(drill.watch.seconds(self.pace.stretch), 0.0)
        over = self.recorder.events("over")
        end = (over[0]["t"] if over else began) + self.pace.within_s(drill.expected.whole)
        since = 0.0
        while True:
            report = self._look()
            injector.again([one.name for one in report.machines if one.answers])
            now = time.time()
            since = (since or report.at) if report.healthy and not injector.pending else 0.0
            if 0 < since <= end and now >= at_least and self.must <= self._fenced():
                self.recorder.add("whole", since)
                self.tell(f"whole again {since - began:.0f} s after the failure")
                return
            if now > end:
                self.tell(f"not whole within {end - began:.0f} s")
                return
            time.sleep(_pause_s(report))

    def _is_away(self, name: str) -> bool:
        """Whether a machine has not booted since it was its turn, by the boots that its journal was heard of."""
        turns = [one for one in self.recorder.events("injection") if one["machine"] == name and one["state"] == "took"]
        heard = [one for one in self.recorder.events("journal") if one["machine"] == name]
        before = {one["boot"] for one in heard if one["t"] <= turns[-1]["t"]}
        return not {one["boot"] for one in heard} - before

    def _look(self) -> Report:
        report = look(self.place, self.pace.within_s(_ANSWER), self.ways)
        faults = [f"{fault.what} {fault.text}" for fault in report.faults]
        states = {one.name: one.cluster for one in report.machines}
        if not (seen := self.recorder.events("look")) or seen[-1]["faults"] != faults:
            self.recorder.add("look", report.at, faults=faults, states=states)
            self.tell(f"  {_short(faults)}")
        return report

    def _fenced(self) -> set[str]:
        return {node for node, _ in fenced(Timeline(self.recorder.so_far("")))}


def _pause_s(report: Report) -> float:
    """As long as the look took: looking may take a busy lab no more than half of its processors."""
    return max(LOOK_S, time.time() - report.at)


def _short(faults: list[str]) -> str:
    """What is wrong in one line of a terminal."""
    heads = list(dict.fromkeys(fault.split(":")[0].split(" (")[0] for fault in faults))
    more = f", and {len(heads) - 3} more" if len(heads) > 3 else ""
    return ", ".join(heads[:3]) + more if heads else "nothing is wrong"
