"""Spans of time, for people."""

from __future__ import annotations


def age(seconds: float) -> str:
    """A span of time in the one or two units that matter: 42 s, 12 min, 3 h 5 min, 2 d 4 h."""
    whole = max(0, round(seconds))
    if whole < 100:
        return f"{whole} s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if minutes < 100:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60} min" if hours < 48 else f"{days} d {hours % 24} h"
