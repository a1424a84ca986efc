"""What a change to a guest waits for, as the progress file has it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass
class Waits:
    """Told under the key that the object's start and end have, so that whoever follows sees one operation."""

    progress: Callable[..., Any]
    phase: str
    resource: str
    name: str
    machine: str = ""
    """Its host's name, once it is known; stays empty for what is the cluster's."""

    def __call__(self, detail: str) -> None:
        self.progress("wait", self.phase, self.resource, self.name, self.machine, detail)

    def end(self) -> None:
        """For what has no start of its own."""
        self.progress("done", self.phase, self.resource, self.name, self.machine, "")
