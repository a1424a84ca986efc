"""A trial as a table, and as data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from rich.table import Table

from halab.cli.fence.trial import Row

_NOT_ASKED = "-"


def table(rows: Iterable[Row]) -> Table:
    """For a terminal, or plain lines."""
    shown = Table(box=None, pad_edge=False)
    for column in ("method", "device", "monitor", "list", "fenced", "seen", "member again", "result"):
        shown.add_column(column, overflow="fold")
    for row in rows:
        fired = row.fired
        shown.add_row(
            row.device.method,
            row.device.name,
            _seconds(row.monitor_s),
            _seconds(row.list_s),
            _seconds(fired.took_s if fired else None),
            fired.proof if fired and fired.proof else _NOT_ASKED,
            _seconds(row.back_s),
            row.fault or ("works" if fired else "answers"),
        )
    return shown


def as_data(row: Row) -> dict[str, Any]:
    """Times in seconds; null where it was not asked."""
    return {
        "method": row.device.method,
        "device": row.device.name,
        "agent": row.device.agent,
        "monitor_s": row.monitor_s,
        "list_s": row.list_s,
        "targets": row.targets,
        "fired": asdict(row.fired) if row.fired else None,
        "member_again_s": row.back_s,
        "fault": row.fault,
    }


def _seconds(value: float | None) -> str:
    return _NOT_ASKED if value is None else f"{value:.1f} s"
