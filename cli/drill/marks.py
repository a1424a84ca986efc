"""Which lines are shown as marks: those that tell a run's story, each kind once where it is repeated. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from halab.cli.drill import lines
from halab.cli.drill.timeline import Line, Timeline

_AGAIN_S = 2.0
_WORDS = {
    lines.LINK: "the link to a node is down",
    lines.DETECTED: "Corosync misses the token",
    lines.MEMBERSHIP: "a new membership is formed",
    lines.LOST: "a node counts as lost",
    lines.MEMBER: "a node is a member again",
    lines.QUORUM_LOST: "this part has no quorum",
    lines.QUORUM: "this part has quorum",
    lines.DECIDED: "the cluster decides to fence",
    lines.REQUESTED: "fencing is asked for",
    lines.FENCED: "fencing has succeeded",
    lines.UNFENCED: "fencing has failed",
    lines.REPLAY: "GFS2 wants the dead node's journal",
    lines.REPLAYED: "GFS2 has replayed the journal",
    lines.WITHDRAWN: "GFS2 withdraws",
    lines.STARTING: "a resource is started",
    lines.STARTED: "a resource has started",
    lines.FAILED: "an operation has failed",
    lines.STARVED: "Corosync did not get the processor",
    lines.ISCSI: "the iSCSI session is broken",
    lines.ISCSI_BACK: "the iSCSI session is back",
    lines.HUNG: "a daemon does not answer",
    lines.RESPAWNED: "a daemon is started again",
    lines.DLM_WAITS: "DLM waits for fencing",
    lines.TROUBLE: "a node hears of its own fencing",
    lines.TWICE: "a resource runs twice",
    lines.BOOTED: "the kernel starts",
    lines.PANICKED: "the kernel panics",
}
_ONCE = frozenset({lines.LINK, lines.DETECTED, lines.LOST, lines.DECIDED, lines.REQUESTED, lines.FENCED, lines.MEMBER})
"""Each node, or each daemon, says these: the first one tells it."""
_NOT_SHOWN = frozenset({lines.SYNCED, lines.ELECTED, lines.EXECUTED, lines.STARTING, lines.MEMBERSHIP, lines.QUORUM})


@dataclass(frozen=True, slots=True)
class Mark:
    """A line that is shown. `number`: by which picture and list name it, from 1; `words`: what it means."""

    number: int
    line: Line
    words: str


def marks(timeline: Timeline) -> list[Mark]:
    """The lines that are shown, from the failure on, in their order."""
    shown: list[Line] = []
    for line in timeline.lines:
        found = line.found
        if found is None or line.t < timeline.run.began - 1 or found.event in _NOT_SHOWN:
            continue
        if not any(_same(line, other) for other in shown):
            shown.append(line)
    return [Mark(number, line, _words(line)) for number, line in enumerate(shown, 1)]


def _same(line: Line, other: Line) -> bool:
    assert line.found is not None
    assert other.found is not None
    if line.found.event != other.found.event:
        return False
    if line.found.event in _ONCE:
        return line.found.node == other.found.node and line.t - other.t < 15 * _AGAIN_S
    return line.machine == other.machine and line.t - other.t < _AGAIN_S


def _words(line: Line) -> str:
    assert line.found is not None
    what = ": ".join(text for text in (line.found.node, line.found.resource) if text)
    return f"{_WORDS[line.found.event]}{f' ({what})' if what else ''}"
