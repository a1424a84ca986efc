"""Reads the progress file that the provider appends to: one JSON object a line, times in seconds."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast, get_args

Event = Literal["start", "wait", "done", "failed"]


@dataclass(frozen=True)
class Record:
    """One line: what happened to one resource at time `t` (Unix time, s). `elapsed_s` counts from its start."""

    t: float
    event: Event
    phase: str
    resource: str
    name: str
    machine: str = ""
    detail: str = ""
    elapsed_s: float = 0.0

    @property
    def operation(self) -> tuple[str, str, str]:
        """Tells operations apart: only one is under way for a resource."""
        return self.resource, self.name, self.machine


def parse(line: str) -> Record:
    """The record in a line. ValueError: the line is no JSON object or lacks a field."""
    data = json.loads(line)
    if not isinstance(data, dict) or data.get("event") not in get_args(Event):
        raise ValueError(f"not a progress record: {line!r}")
    try:
        return Record(
            t=float(data["t"]),
            event=cast(Event, data["event"]),
            phase=str(data["phase"]),
            resource=str(data["resource"]),
            name=str(data["name"]),
            machine=str(data.get("machine") or ""),
            detail=str(data.get("detail") or ""),
            elapsed_s=float(data.get("elapsed_s") or 0.0),
        )
    except KeyError as error:
        raise ValueError(f"progress record without {error}: {line!r}") from error


class Follower:
    """Gives the records that were added to a file since the last call; a half-written line waits for its end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0
        self._rest = b""

    def new_records(self) -> Iterator[Record]:
        """Reads on; the file may come into being later. A line that is no record is skipped: it is only a display."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                chunk = file.read()
        except FileNotFoundError:
            return
        self._offset += len(chunk)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            try:
                yield parse(line.decode())
            except ValueError:
                continue


@dataclass(frozen=True)
class PhaseTime:
    """One row of the table at the end."""

    phase: str
    started_s: float
    """First start, counted from the beginning of the run."""
    duration_s: float
    """First start to last end."""
    resources: int
    failed: int


@dataclass
class Timeline:
    """What is under way, and since when each phase has been."""

    began: float
    active: dict[tuple[str, str, str], Record] = field(default_factory=dict)
    """The newest record of each operation under way."""
    records: list[Record] = field(default_factory=list)

    def add(self, record: Record) -> None:
        """Takes in the next record."""
        self.records.append(record)
        if record.event in ("start", "wait"):
            self.active[record.operation] = record
        else:
            self.active.pop(record.operation, None)

    def phases(self) -> list[PhaseTime]:
        """Rows in the order in which the phases started."""
        grouped: dict[str, list[Record]] = {}
        for record in self.records:
            grouped.setdefault(record.phase, []).append(record)
        rows = [self._row(phase, records) for phase, records in grouped.items()]
        return sorted(rows, key=lambda row: row.started_s)

    def _row(self, phase: str, records: list[Record]) -> PhaseTime:
        first = min(record.t for record in records)
        ends = [record.t for record in records if record.event in ("done", "failed")]
        last = max(ends or [record.t for record in records])
        return PhaseTime(
            phase=phase,
            started_s=first - self.began,
            duration_s=last - first,
            resources=len({record.operation for record in records}),
            failed=len({record.operation for record in records if record.event == "failed"}),
        )


def about(record: Record) -> str:
    """Which resource, for people: `node1 drbd`."""
    name = record.name if record.name != record.machine else ""
    kind = record.resource.removeprefix("halab_")
    if not name and kind != record.phase:  # several kinds in one phase: say which
        name = kind
    return " ".join(part for part in (record.machine, name) if part)


def outcome(record: Record) -> str:
    """What is known of it, for people: `done after 3.1 s`."""
    text = {"start": "started", "wait": "waiting", "done": "done", "failed": "FAILED"}[record.event]
    if record.event in ("done", "failed"):
        return f"{text} after {record.elapsed_s:.1f} s" + (f": {record.detail}" if record.detail else "")
    return record.detail or text


def describe(record: Record) -> str:
    """What a record is about, for people: `machine   node1: waiting for ssh`."""
    return f"{record.phase:<9} {about(record)}: {outcome(record)}"


def table(rows: Iterable[PhaseTime], total_s: float) -> list[str]:
    """The table of phases, one text a line."""
    lines = [f"{'phase':<12} {'began at':>9} {'took':>9}  resources"]
    for row in rows:
        failed = f" ({row.failed} failed)" if row.failed else ""
        lines.append(f"{row.phase:<12} {row.started_s:>7.1f} s {row.duration_s:>7.1f} s  {row.resources}{failed}")
    lines.append(f"{'all':<12} {0.0:>7.1f} s {total_s:>7.1f} s")
    return lines
