"""A recorded run: JSON lines, each with `kind` and `t` (Unix time of the host, s), in the order in which they came."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from halab.provider.run.files import private_directory
from halab.provisioners.engine.errors import UnexpectedOutput

FORMAT = 1
EVENTS = "events.jsonl"

Event = Mapping[str, Any]


class Recorder:
    """Takes events in from many threads, keeps them, and writes each to the file as it comes."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        private_directory(folder.parent)
        self.folder, self._clock = private_directory(folder), clock
        self._file = (folder / EVENTS).open("a")
        self._lock = threading.Lock()
        self._events: list[Event] = []

    def add(self, kind: str, at: float | None = None, **fields: Any) -> None:
        """An event that is now, or was at `at`. What comes after `close` is dropped: streams end by themselves."""
        event = {"t": round(self._clock() if at is None else at, 4), "kind": kind, **fields}
        with self._lock:
            if not self._file.closed:
                self._events.append(event)
                self._file.write(json.dumps(event, separators=(",", ":")) + "\n")

    def events(self, kind: str) -> list[Event]:
        """What there is of one kind so far."""
        with self._lock:
            return [event for event in self._events if event["kind"] == kind]

    def so_far(self, name: str) -> Run:
        """The run as far as it has come."""
        with self._lock:
            return Run(name, self._events[0], tuple(self._events))

    def close(self) -> None:
        with self._lock:
            self._file.close()


@dataclass(frozen=True)
class Run:
    """A run as it was recorded. Nothing is looked at any more: the same run gives the same report."""

    name: str
    about: Event
    events: tuple[Event, ...]
    _kinds: dict[str, list[Event]] = field(default_factory=dict)

    def of(self, kind: str) -> list[Event]:
        """The events of one kind, in the order in which they were recorded."""
        if not self._kinds:
            for event in self.events:
                self._kinds.setdefault(event["kind"], []).append(event)
        return self._kinds.get(kind, [])

    @property
    def nodes(self) -> list[str]:
        return [one["name"] for one in self.about["machines"] if one["member"]]

    @property
    def machines(self) -> list[str]:
        return [one["name"] for one in self.about["machines"]]

    @property
    def began(self) -> float:
        """When the failure was put in; without one, when the run began. Unix time, s."""
        took = [one["t"] for one in self.of("injection") if one["state"] == "begun"]
        return float(min(took, default=self.about["t"]))

    @property
    def ended(self) -> float:
        return float(self.events[-1]["t"])


def read(folder: Path) -> Run:
    """The run in a folder. UnexpectedOutput: it is none, or of another version."""
    file = folder / EVENTS
    try:
        lines = file.read_text().splitlines()
        events = tuple(json.loads(line) for line in lines if line)
        about = events[0]
        if about["kind"] != "run" or about["format"] != FORMAT:
            raise ValueError("it does not begin as a run of this version does")
    except (OSError, ValueError, LookupError) as error:
        raise UnexpectedOutput(f"{folder} is not a recorded drill", f"{file}: {error}") from error
    return Run(folder.name, about, events)


def runs(drills: Path) -> Iterator[Path]:
    """Folders of recorded runs below a lab's folder of drills, the oldest first."""
    return iter(sorted(file.parent for file in drills.glob(f"*/{EVENTS}")))
