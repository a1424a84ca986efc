"""Where the time went: the phases of a failover, each with the line or the answer that ended it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from halab.cli.drill import lines
from halab.cli.drill.timeline import Timeline

NAMES = ("detected", "membership", "fencing", "journal", "resources", "rejoined", "settled")


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase from `start` to `end`, in seconds after the failure; `line`: number of the line that ended it, or 0."""

    name: str
    start: float
    end: float
    line: int = 0

    @property
    def seconds(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which nobody had an answer of the site: from the last answer to the next. Seconds after the failure.

    `by`: who answered then; empty: nobody did until the end.
    """

    start: float
    end: float
    by: str

    @property
    def seconds(self) -> float:
        return self.end - self.start


def gaps(timeline: Timeline) -> list[Gap]:
    """The times without an answer of the site in which at least one request failed."""
    run, found = timeline.run, list[Gap]()
    last, failed = None, False
    for one in run.of("site"):
        answered = one["t"] + one["took"]
        if not one["node"]:
            failed = True
            continue
        if failed:
            start = last if last is not None else run.of("site")[0]["t"]
            found.append(Gap(start - run.began, answered - run.began, one["node"]))
        last, failed = answered, False
    if failed:
        start = last if last is not None else run.of("site")[0]["t"]
        found.append(Gap(start - run.began, run.ended - run.began, ""))
    return found


def away_s(timeline: Timeline) -> float:
    """The longest time without an answer, s; 0: none failed."""
    return max((gap.seconds for gap in gaps(timeline)), default=0.0)


def floor_s(timeline: Timeline) -> float | None:
    """What Corosync's own arithmetic asks for before a membership can change: token and consensus."""
    token, consensus = timeline.run.about.get("token_ms"), timeline.run.about.get("consensus_ms")
    return None if not token or not consensus else (token + consensus) / 1000


def phases(timeline: Timeline) -> list[Phase]:
    """Those that there were, one after the other from the failure on."""
    began, ended, found = timeline.run.began, 0.0, list[Phase]()
    for name, at, line in _ends(timeline):
        if at is not None and at - began > ended:
            found.append(Phase(name, ended, at - began, line))
            ended = at - began
    return found


def most(found: Sequence[Phase]) -> Phase | None:
    """The one that took longest of those before the service was back; of all, if it was never away."""
    before = [phase for phase in found if phase.name not in NAMES[-2:]]
    return max(before or found, key=lambda phase: phase.seconds, default=None)


def _ends(timeline: Timeline) -> list[tuple[str, float | None, int]]:
    since = timeline.run.began
    service = [gap for gap in gaps(timeline) if gap.by and gap.end > 0]
    back = since + service[-1].end if service else None
    until = back or timeline.run.ended
    first = [line for line in timeline.found(lines.DETECTED, lines.FAILED, since=since) if line.t <= until]
    formed = [line for line in timeline.found(lines.LOST, since=since) if line.t <= until]
    fenced = [line for line in timeline.found(lines.FENCED, since=since) if line.t <= until]
    # A node that comes back looks at its own journal, too, as it mounts.
    back_again = {line.found.node for line in formed if line.found}
    replayed = [
        line
        for line in timeline.found(lines.REPLAYED, since=since)
        if line.t <= until and line.machine not in back_again
    ]
    whole = timeline.run.of("whole")
    return [
        ("detected", first[0].t if first else None, first[0].number if first else 0),
        ("membership", formed[0].t if formed else None, formed[0].number if formed else 0),
        ("fencing", fenced[0].t if fenced else None, fenced[0].number if fenced else 0),
        ("journal", replayed[-1].t if replayed else None, replayed[-1].number if replayed else 0),
        ("resources", back, 0),
        ("rejoined" if formed else "settled", whole[0]["t"] if whole else None, 0),
    ]
