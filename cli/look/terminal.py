"""Where a screen is drawn: a terminal as wide as it is, or plain lines of a fixed width."""

from __future__ import annotations

import os

from rich.console import Console

_PLAIN_WIDTH = 120


def console() -> Console:
    """Standard output. NO_COLOR, TERM=dumb and COLUMNS are respected; without a terminal there are no codes."""
    out = Console(highlight=False)
    if not out.is_terminal and not os.environ.get("COLUMNS"):
        return Console(highlight=False, width=_PLAIN_WIDTH)
    return out
