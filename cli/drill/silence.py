"""Whether a run was heard to its end: who falls silent while it goes on has seen nothing, and proves nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from halab.cli.drill.recording import LISTENED, Event, Run

_HEARD = ("site", "write", "unwritten", "address", "journal", "console", "clock", "power", "look")
SITE_S = 10.0
"""A request ends within 3 s, and the next one comes as long after it as it took; a busy host may double that."""
WRITER_S = 45.0
"""A broken connection to a node is noticed within 9 s and is there again 5 s later; an emulated node that has just
booted takes many times as long to begin a program. A lab that is slow has as much longer."""


def silences(run: Run) -> Iterator[str]:
    """Who was not heard until the end, though something was there to be heard."""
    end, slowness = _end(run), run.about.get("slowness", 1.0)
    if run.about["site"]:
        asked = run.of("site")
        if not asked:
            yield "the site was never asked: whether it was away is not known"
        elif (silent_s := end - asked[-1]["t"] - asked[-1]["took"] - asked[-1]["took"]) > SITE_S * slowness:
            yield f"the site was not asked any more in the last {silent_s:.0f} s"
    told = [one for kind in ("address", "write", "unwritten") for one in run.of(kind)]
    if told and run.of("whole"):  # else a node may be away until the end
        yield from (why for node in run.nodes if (why := _silent(node, told, end, WRITER_S * slowness)))


def _silent(node: str, told: list[Event], end: float, limit_s: float) -> str:
    last = max((float(one["t"]) for one in told if one["node"] == node), default=None)
    if last is None:
        return f"the writer of {node} was never heard"
    return f"the writer of {node} was silent in the last {end - last:.0f} s" if end - last > limit_s else ""


def _end(run: Run) -> float:
    """Until when the lab was listened to; an earlier version's recording does not say it."""
    listened = [float(one["t"]) for one in run.of(LISTENED)]
    return listened[0] if listened else max((float(one["t"]) for kind in _HEARD for one in run.of(kind)), default=0.0)
