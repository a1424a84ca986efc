"""What must hold whatever is broken: asked of a recorded run, by what the systems' own tools said. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from halab.cli.drill import lines
from halab.cli.drill.power import Power, fenced
from halab.cli.drill.recording import Event
from halab.cli.drill.timeline import Timeline

__all__ = ["FENCING", "RESETS", "Check", "checks", "fenced"]

FENCING = "each fencing has its power-off, and none is without"
RESETS = "no machine was reset, and no kernel panicked, but by the drill or a fencing"


@dataclass(frozen=True, slots=True)
class Check:
    """One invariant. `broken` says what was seen; empty: it holds, if it could be looked at."""

    name: str
    broken: str = ""
    found: str = ""
    """What was seen of it that the drill has to find: no fault of the lab's."""
    unseen: str = ""
    """Why nobody could look at it; empty: it was looked at."""

    @property
    def holds(self) -> bool:
        return not (self.broken or self.found or self.unseen)


def checks(timeline: Timeline) -> list[Check]:
    """All invariants of a run that came to its end."""
    after = next((one for one in timeline.run.of("facts") if one["when"] == "after"), None)
    found = [
        _fencing(timeline),
        Check(RESETS, "; ".join(Power(timeline).unknown_resets())),
        _address(timeline),
        Check("no resource ran twice", "; ".join(_twice(timeline, after))),
        _moved(timeline),
    ]
    if after is None:
        return [*found, Check("the lab could be looked at afterwards", "it could not")]
    return [
        *found,
        _written(timeline, after),
        Check("the CIB is valid", after["cib"]),
        Check("nothing is failed or blocked", ", ".join(after["blocked"])),
    ]


def _fencing(timeline: Timeline) -> Check:
    """Where a lie about it has to be found: only about who has to be fenced."""
    about, power = timeline.run.about, Power(timeline)
    lied = about["must_be_fenced"] if about.get("finds") == FENCING else ()
    wrong = list(power.false_fencings())
    found = [text for node, text in wrong if node in lied]
    broken = [text for node, text in wrong if node not in lied]
    return Check(FENCING, "; ".join([*broken, *power.unknown_stops()]), "; ".join(found))


def _address(timeline: Timeline) -> Check:
    held = any(one["held"] for one in timeline.run.of("address"))
    unseen = "" if held else "no node ever said that it has the address"
    return Check("the floating address was on one machine at most", "; ".join(_addresses(timeline)), unseen=unseen)


def _moved(timeline: Timeline) -> Check:
    unseen = "" if timeline.run.of("site") else "nobody asked a site"
    return Check("nobody took the site over before its node was fenced", _too_early(timeline), unseen=unseen)


def _written(timeline: Timeline, after: Event) -> Check:
    unseen = "" if timeline.run.of("write") else "nobody wrote"
    broken = "; ".join(_writes(timeline, after))
    return Check("every acknowledged write is there, and is read on another node", broken, unseen=unseen)


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
    for node in acknowledged.keys() - after["files"].keys():
        yield f"nobody has read what {node} wrote"
    for node, file in after["files"].items():
        if file["error"]:
            yield f"{file['reader']} cannot read what {node} wrote: {file['error']}"
            continue
        there = [range(first, last + 1) for first, last in file["numbers"]]
        missing = [number for number in acknowledged.get(node, ()) if not any(number in some for some in there)]
        if missing:
            yield f"{len(missing)} writes of {node} are gone, the first is number {missing[0]}"
