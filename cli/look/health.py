"""Waits until a lab is healthy: one that was deployed or restored a moment ago may take its time."""

from __future__ import annotations

import time
from collections.abc import Callable

from halab.cli.look.report import Report
from halab.provisioners.engine.errors import HalabError

LOOK_S = 4.0
"""Between two looks at the whole lab: each takes an emulated node a quarter of a second of its processor."""


def when_healthy(look: Callable[[], Report], deadline_s: float, pause_s: float = LOOK_S) -> Report:
    """The first look at which the lab is healthy, or the last one within the deadline."""
    end = time.monotonic() + deadline_s
    while not (report := look()).healthy and time.monotonic() < end:
        time.sleep(pause_s)
    return report


def refuse_unhealthy(report: Report, what: str) -> None:
    """HalabError: the lab is not healthy, and `what` would be begun on it."""
    if not report.healthy:
        raise HalabError(f"The lab is not healthy: {what} needs one that is", said(report))


def said(report: Report) -> str:
    """What is wrong, in one line."""
    return "; ".join(f"{fault.what} {fault.text}" for fault in report.faults)
