"""Thins a recorded drill for tests/data/drills: few enough lines for git, and the same verdict.

python -m halab.cli.developer.golden_drill .halab/summit/drills/RUN tests/data/drills/debian-12-crash
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from halab.cli.drill import lines
from halab.cli.drill.recording import EVENTS, Event, Run, read
from halab.cli.drill.verdict import Verdict, as_data, judge

KEPT_OF_ANSWERS, KEPT_OF_LINES = 4, 20
"""Each fourth answer and write that is like the one before; of what means nothing each twentieth line."""
# Of what no pattern knows, these say in which state a machine is.
_OF_STATES = ("Starting Pacemaker", "Secure Shell")


def thinned(run: Run) -> Run:
    """The run with fewer events. ValueError: its verdict would be another one."""
    events = (run.events[0], *_kept(run.events[1:-1]), run.events[-1])
    less = Run(run.name, run.about, tuple(events))
    if (was := _of_weight(judge(run))) != (now := _of_weight(judge(less))):
        raise ValueError(f"thinning changes the verdict: {was}, then {now}")
    return less


def _of_weight(verdict: Verdict) -> dict[str, object]:
    """All but by how much a request more or less moves a time, and the numbers of lines."""
    data = as_data(verdict)
    data["phases"] = [phase["name"] for phase in data["phases"]]
    return {name: value for name, value in data.items() if name not in ("away_s", "floor_s")}


def _kept(events: Sequence[Event]) -> Iterator[Event]:
    numbers: dict[tuple[str, str], int] = {}
    served = object()
    for at, one in enumerate(events):
        key = (one["kind"], str(one.get("machine", one.get("node", ""))))
        numbers[key] = number = numbers.get(key, -1) + 1
        if one["kind"] == "site":
            edge = one["node"] != served or _next_of_site(events, at) != one["node"]
            served = one["node"]
            if edge or number % KEPT_OF_ANSWERS == 0:
                yield one
        elif one["kind"] in ("journal", "console"):
            by = one.get("by", lines.CONSOLE)
            tells = lines.meaning(by, one["text"]) or any(word in one["text"] for word in _OF_STATES)
            if tells or number % KEPT_OF_LINES == 0:
                yield one
        elif one["kind"] != "write" or number % KEPT_OF_ANSWERS == 0:
            yield one


def _next_of_site(events: Sequence[Event], at: int) -> str:
    return next((str(one["node"]) for one in events[at + 1 :] if one["kind"] == "site"), "")


def main(arguments: Sequence[str]) -> None:
    """Reads the run in the first folder, writes it to the second, which is made."""
    parser = argparse.ArgumentParser(prog="python -m halab.cli.developer.golden_drill", description=__doc__)
    parser.add_argument("recorded", type=Path, help="folder of a run")
    parser.add_argument("golden", type=Path, help="new folder")
    given = parser.parse_args(arguments)
    golden: Path = given.golden
    run = thinned(read(given.recorded))
    golden.mkdir(parents=True)
    text = "".join(json.dumps(event, separators=(",", ":")) + "\n" for event in run.events)
    (golden / EVENTS).write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
