"""The progress file: the plugin protocol has no channel for it, so whoever wants to follow a deploy reads this.

One JSON object a line: {"t", "event", "phase", "resource", "name", "machine", "detail", "elapsed_s"}; `event` is
start, wait, done or failed; `elapsed_s` counts from the object's own start.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)


class Progress:
    """Appends to the file; a line goes out in one write, so that parallel processes never mix.

    It is for whoever watches: a full disk costs lines, and no change fails by it. `redact` takes out what is secret.
    """

    def __init__(self, path: Path, redact: Callable[[str], str]) -> None:
        self._path, self._redact, self._guard = path, redact, threading.Lock()
        self._torn = False
        self._started: dict[tuple[str, str, str], float] = {}

    def __call__(self, event: str, phase: str, resource: str, name: str, machine: str, detail: str = "") -> None:
        now = time.time()
        key = (resource, name, machine)
        with self._guard:
            if event == "start":
                self._started[key] = now
            started = self._started.get(key, now)
        line = {
            "t": round(now, 3),
            "event": event,
            "phase": phase,
            "resource": resource,
            "name": name,
            "machine": machine,
            "detail": self._redact(detail),
            "elapsed_s": round(now - started, 1),
        }
        try:
            self._append(json.dumps(line) + "\n")
        except OSError as error:
            log.warning("%s: %s", self._path, error)

    def _append(self, line: str) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        # What follows a line of which only a part found room begins a line of its own.
        text = f"\n{line}".encode() if self._torn else line.encode()
        try:
            self._torn = os.write(descriptor, text) < len(text)
        finally:
            os.close(descriptor)
