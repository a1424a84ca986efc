"""All that happened in a run on the host's time: lines with their meaning, each machine's states. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from halab.cli.drill import lines
from halab.cli.drill.lines import Found
from halab.cli.drill.recording import Event, Run


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a journal. `t`: the host's time, s; `number`: its place among all lines, by time, from 1."""

    number: int
    t: float
    machine: str
    by: str
    text: str
    found: Found | None


@dataclass(frozen=True, slots=True)
class Span:
    """A machine's state from `start` to `end` (host's time, s). `line`: the number of the line it begins with, or 0."""

    start: float
    end: float
    state: str
    line: int = 0


@dataclass(frozen=True)
class Timeline:
    """A run in its order."""

    run: Run

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """All lines of all journals and consoles by the host's time."""
        said = [
            (t, one["machine"], one["by"], one["text"])
            for t, one in zip(_host_times(self.run), self.run.of("journal"), strict=True)
        ]
        said += [(one["t"], one["machine"], lines.CONSOLE, one["text"]) for one in self.run.of("console")]
        said.sort(key=lambda line: line[0])
        return tuple(Line(number, *line, lines.meaning(*line[2:])) for number, line in enumerate(said, 1))

    def found(self, *events: str, node: str = "", since: float = 0.0) -> list[Line]:
        """Lines with one of these meanings, about `node` if it is given."""
        return [
            line
            for line in self.lines
            if line.found and line.found.event in events and line.t >= since and (not node or line.found.node == node)
        ]

    def states(self, machine: str) -> list[Span]:
        """A machine's states one after the other: member, crashed, lost, off, paused, booting, joining; or up."""
        member = machine in self.run.nodes
        start, ended = float(self.run.about["t"]), self.run.ended
        home = "member" if member else "up"
        state, since, line, spans = home, start, 0, list[Span]()
        for t, new, number in sorted(self._changes(machine, member)):
            if new == "resumed":  # libvirt says so of each machine that it starts, too
                new = home if state == "paused" else state
            if (
                new != state
                and not (new == "lost" and state in _WORSE)
                and not (new == "joining" and state == "member")
            ):
                spans.append(Span(since, t, state, line))
                state, since, line = new, t, number
        return [*spans, Span(since, ended, state, line)]

    def _changes(self, machine: str, member: bool) -> Iterator[tuple[float, str, int]]:
        words = {
            "stopped": "off",
            "started": "booting",
            "reboot": "booting",
            "suspended": "paused",
            "resumed": "resumed",
        }
        for event in self.run.of("power"):
            if event["machine"] == machine and event["event"] in words:
                yield event["t"], words[event["event"]], 0
        for event in self.run.of("injection"):
            if event["machine"] == machine and event["what"] == "crash" and event["state"] == "begun":
                yield event["t"], "crashed", 0
        yield from ((one["t"], "member", 0) for one in self.run.of("look") if member and _is_whole(one, machine))
        about = {lines.LOST: "lost"}
        for line in self.lines:
            if line.machine == machine:
                if state := _own_state(line, member):
                    yield line.t, state, line.number
            elif line.found and line.found.node == machine and line.found.event in about:
                yield line.t, about[line.found.event], line.number


_WORSE = frozenset({"off", "booting", "joining"})
"""States of a node that others may still call lost."""


def _is_whole(look: Event, machine: str) -> bool:
    """Whether the cluster had the machine online, and nothing was missing on it."""
    return look["states"].get(machine) == "online" and not any(machine in fault for fault in look["faults"])


def _own_state(line: Line, member: bool) -> str:
    """What a machine says of itself; empty: nothing."""
    if line.by == "pacemakerd" and "Starting Pacemaker" in line.text:
        return "joining"
    return "up" if not member and line.text.startswith("Started") and "Secure Shell" in line.text else ""


def _host_times(run: Run) -> Iterable[float]:
    """Of each journal event. By its boot's clock as it was measured before or, at first, after; not later than it came.

    A boot whose clock was never measured, since it died too early, is placed by the arrival of its lines.
    """
    clocks: dict[tuple[str, str], list[Event]] = {}
    for one in run.of("clock"):
        clocks.setdefault((one["machine"], one["boot"]), []).append(one)
    for event in run.of("journal"):
        measured = clocks.get((event["machine"], event["boot"]))
        if not measured:
            yield event["t"]
            continue
        before = [one for one in measured if one["t"] - one["offset"] <= event["up"]]
        chosen = before[-1] if before else measured[0]
        yield min(event["t"], event["up"] + chosen["offset"])
