"""What must hold whatever is broken: asked of a recorded run, by what the systems' own tools said. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from halab.cli.drill import lines
from halab.cli.drill.recording import Event
from halab.cli.drill.timeline import Timeline

FENCING = "each fencing has its power-off, and none is without"
_NEAR_S = 30.0
"""Two things that belong together are told of within this time."""
_OUR_STOPS = frozenset({("begun", "cut"), ("undone", "cycle")})


@dataclass(frozen=True, slots=True)
class Check:
    """One invariant. `broken` says what was seen; empty: it holds."""

    name: str
    broken: str = ""

    @property
    def holds(self) -> bool:
        return not self.broken


def checks(timeline: Timeline) -> list[Check]:
    """All invariants of a run that came to its end."""
    after = next((one for one in timeline.run.of("facts") if one["when"] == "after"), None)
    found = [
        Check(FENCING, "; ".join(_fencing(timeline))),
        Check("the floating address was on one machine at most", "; ".join(_addresses(timeline))),
        Check("no resource ran twice", "; ".join(_twice(timeline, after))),
        Check("nobody took the site over before its node was fenced", _too_early(timeline)),
    ]
    if after is None:
        return [*found, Check("the lab could be looked at afterwards", "it could not")]
    return [
        *found,
        Check("every acknowledged write is there, and is read on another node", "; ".join(_writes(timeline, after))),
        Check("the CIB is valid", after["cib"]),
        Check("nothing is failed or blocked", ", ".join(after["blocked"])),
    ]


def fenced(timeline: Timeline) -> list[tuple[str, float]]:
    """(node, host's time) of each fencing that succeeded, by the cluster's own words; each once."""
    found: list[tuple[str, float]] = []
    for line in timeline.found(lines.FENCED, since=timeline.run.began):
        assert line.found is not None
        node, t = line.found.node, line.t
        if not any(node == other and abs(t - then) < _NEAR_S / 2 for other, then in found):
            found.append((node, t))
    return found


def _fencing(timeline: Timeline) -> Iterator[str]:
    run, successes = timeline.run, fenced(timeline)
    stops = [one for one in run.of("power") if one["event"] == "stopped"]
    starts = [one for one in run.of("power") if one["event"] == "started"]
    ours = [one for one in run.of("injection") if (one["state"], one["what"]) in _OUR_STOPS]
    resets = [one for one in run.of("power") if one["event"] == "reboot"]
    for node, t in successes:
        if _device(timeline, node, t) in run.about.get("reset_by", ()):
            if not any(one["machine"] == node and run.began < one["t"] <= t + 1 for one in [*stops, *resets]):
                yield f"{node} counts as fenced, and nothing has reset it"
            continue
        was_off = [one for one in stops if one["machine"] == node and one["t"] <= t + 1]
        came = [one for one in starts if one["machine"] == node and run.began < one["t"] <= t + _NEAR_S]
        if not was_off:
            yield f"{node} counts as fenced, and libvirt has not switched it off"
        elif not came:
            yield f"{node} counts as restarted by its fencing, and libvirt has not switched it on"
    for stop in stops:
        by_us = any(one["machine"] == stop["machine"] and abs(one["t"] - stop["t"]) < _NEAR_S / 2 for one in ours)
        known = any(
            node == stop["machine"] and _asked(timeline, successes, node, t) - _NEAR_S < stop["t"] < t + _NEAR_S
            for node, t in successes
        )
        if stop["why"] == "destroyed" and not by_us and not known:
            yield f"{stop['machine']} was switched off, and no fencing of the cluster's tells of it"


def _asked(timeline: Timeline, successes: list[tuple[str, float]], node: str, t: float) -> float:
    """When the fencing that succeeded at `t` was first asked for: one through a slow endpoint takes minutes."""
    before = max((then for other, then in successes if other == node and then < t), default=timeline.run.began)
    asked = timeline.found(lines.DECIDED, lines.REQUESTED, node=node, since=before)
    return min((line.t for line in asked if line.t < t), default=t)


def _device(timeline: Timeline, node: str, t: float) -> str:
    """The device by which a node was fenced until `t`; empty: nobody named it."""
    used = [line.found.resource for line in timeline.found(lines.EXECUTED, node=node) if line.found and line.t <= t + 1]
    return used[-1] if used else ""


def _addresses(timeline: Timeline) -> Iterator[str]:
    """A node holds the address from when it says so until it says otherwise, is switched off, or is not heard again."""
    held: dict[str, list[tuple[float, float]]] = {}
    last: dict[str, float] = {}
    events = [one for one in timeline.run.events if one["kind"] in ("address", "power")]
    for one in events:
        node = one.get("node") or one["machine"]
        if (one["kind"] == "power" and one["event"] in ("stopped", "reboot")) or not one.get("held", True):
            last.pop(node, None)
        elif one.get("held"):
            begun = last.setdefault(node, one["t"])
            spans = held.setdefault(node, [])
            if spans and spans[-1][0] == begun:
                spans[-1] = (begun, one["t"])
            else:
                spans.append((begun, one["t"]))
    nodes = sorted(held)
    for number, node in enumerate(nodes):
        for other in nodes[number + 1 :]:
            for start, end in held[node]:
                for begun, until in held[other]:
                    if min(end, until) > max(start, begun):
                        yield f"{node} and {other} had it both for {min(end, until) - max(start, begun):.1f} s"


def _twice(timeline: Timeline, after: Event | None) -> Iterator[str]:
    yield from ((f"{one} runs on several nodes") for one in (after["twice"] if after else ()))
    for line in timeline.found(lines.TWICE, since=timeline.run.began):
        yield f"{line.machine}: {line.text}"


def _too_early(timeline: Timeline) -> str:
    """Where the node that serves has to be fenced: another one's answer that came before."""
    run = timeline.run
    before = [one["node"] for one in run.of("site") if one["node"] and one["t"] < run.began]
    server = before[-1] if before else ""
    if server not in run.about["must_be_fenced"]:
        return ""
    done = min((t for node, t in fenced(timeline) if node == server), default=run.ended)
    others = [one for one in run.of("site") if one["node"] not in ("", server) and run.began < one["t"] < done - 1]
    return f"{others[0]['node']} answered {done - others[0]['t']:.1f} s before {server} was fenced" if others else ""


def _writes(timeline: Timeline, after: Event) -> Iterator[str]:
    acknowledged: dict[str, list[int]] = {}
    for one in timeline.run.of("write"):
        acknowledged.setdefault(one["node"], []).append(one["number"])
    for node, file in after["files"].items():
        if file["error"]:
            yield f"{file['reader']} cannot read what {node} wrote: {file['error']}"
            continue
        there = [range(first, last + 1) for first, last in file["numbers"]]
        missing = [number for number in acknowledged.get(node, ()) if not any(number in some for some in there)]
        if missing:
            yield f"{len(missing)} writes of {node} are gone, the first is number {missing[0]}"
