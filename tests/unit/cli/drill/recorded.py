"""Runs that were recorded on real labs, thinned, and changed in one point."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from halab.cli.drill.recording import Event, Run, read

DATA = Path(__file__).resolve().parents[3] / "data/drills"
RUNS = sorted(folder.name for folder in DATA.iterdir() if folder.is_dir())


def recorded(name: str = "debian-13-crash") -> Run:
    return read(DATA / name)


def changed(run: Run, change: Callable[[Event], Event | None]) -> Run:
    """The run with each event as `change` gives it back; None leaves it out."""
    events = tuple(event for one in run.events if (event := change(one)) is not None)
    return Run(run.name, events[0], events)
