"""A recorded run: JSON lines, each with `kind` and `t` (Unix time of the host, s), in the order in which they came."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from halab.cli.drill.fields import misfit
from halab.provider.run.files import private_directory
from halab.provisioners.engine.errors import UnexpectedOutput

FORMAT = 1
EVENTS = "events.jsonl"
LISTENED = "listened"
"""The kind of the event that stands where the lab was listened to until."""

Event = Mapping[str, Any]


class Recorder:
    """Takes events in from many threads, keeps them, and writes each to the file as it comes."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        private_directory(folder.parent)
        self.folder, self._clock = private_directory(folder), clock
        self._file = (folder / EVENTS).open("a", buffering=1)  # each line at once: whoever is killed has written it
        self._failed: OSError | None = None
        self._lock = threading.Lock()
        self._events: list[Event] = []

    def add(self, kind: str, at: float | None = None, **fields: Any) -> None:
        """An event that is now, or was at `at`. What comes after `close` is dropped: streams end by themselves.

        OSError: it could not be written; `close` says so once more.
        """
        event = {"t": round(self._clock() if at is None else at, 4), "kind": kind, **fields}
        with self._lock:
            if not self._file.closed:
                self._events.append(event)
                try:
                    self._file.write(json.dumps(event, separators=(",", ":")) + "\n")
                except OSError as error:
                    self._failed = self._failed or error
                    raise

    def events(self, kind: str) -> list[Event]:
        """What there is of one kind so far."""
        with self._lock:
            return [event for event in self._events if event["kind"] == kind]

    def so_far(self, name: str) -> Run:
        """The run as far as it has come."""
        with self._lock:
            return Run(name, self._events[0], tuple(self._events))

    def close(self) -> None:
        """OSError: something could not be written, now or before. It is closed all the same."""
        with self._lock:
            try:
                self._file.close()
            except OSError as error:
                self._failed = self._failed or error
        if self._failed is not None:
            raise OSError(self._failed.errno, "the recording has holes", str(self.folder / EVENTS)) from self._failed


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

    @property
    def complete(self) -> bool:
        """Whether it came to an end of its own, if only by an error; else it is under way, or was ended."""
        return bool(self.of("error")) or any(one["when"] == "after" for one in self.of("facts"))


def read(folder: Path) -> Run:
    """The run in a folder. UnexpectedOutput: it is none, it is damaged, or of another version.

    What was ended while it wrote its last line is read without that one.
    """
    file = folder / EVENTS
    try:
        *lines, rest = file.read_text().split("\n")
        events = tuple(_event(line) for line in lines if line)
        events += _ended(rest)
        if not events or events[0]["kind"] != "run" or events[0].get("format") != FORMAT:
            why = [str(event.get("text", "")) for event in events[:1] if event["kind"] == "error"]
            raise ValueError(": ".join(["it does not begin as a run of this version does", *why]))
        for number, event in enumerate(events, 1):
            if wrong := misfit(event):
                raise ValueError(f"event {number}: {wrong}")
    except (OSError, ValueError) as error:
        raise UnexpectedOutput(f"{folder} is not a recorded drill", f"{file}: {error}") from error
    return Run(folder.name, events[0], events)


def _event(line: str) -> Event:
    """ValueError."""
    event = json.loads(line)
    if not isinstance(event, dict) or not isinstance(event.get("kind"), str):
        raise ValueError(f"it is no event: {line[:80]}")
    return event


def _ended(rest: str) -> tuple[Event, ...]:
    """What stands behind the last end of a line: nothing, or an event; half a one is nothing."""
    try:
        json.loads(rest)
    except ValueError:
        return ()
    return (_event(rest),)


def runs(drills: Path) -> Iterator[Path]:
    """Folders of recorded runs below a lab's folder of drills, the oldest first."""
    return iter(sorted(file.parent for file in drills.glob(f"*/{EVENTS}")))
