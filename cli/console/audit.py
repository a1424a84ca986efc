"""What was done from the console: one JSON object a line, in the lab's folder."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path


def note(file: Path, event: str, **what: object) -> None:
    """One line more; the file is for its owner only. OSError: then nothing may be done either."""
    line = json.dumps({"at": round(time.time(), 3), "event": event, **what}) + "\n"
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "a") as out:
        out.write(line)
