"""What Terraform says with `-json`: one JSON object a line, each with a "type"."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Action = Literal["create", "read", "update", "replace", "delete", "noop"]
_ACTIONS: Mapping[str, Action] = {
    "create": "create", "read": "read", "update": "update", "replace": "replace", "delete": "delete"
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """An error or a warning, and the resource that it is about; `address` is empty when it is about none."""

    severity: str
    summary: str
    detail: str = ""
    address: str = ""

    @property
    def is_error(self) -> bool:
        return self.severity == "error"

    def lines(self) -> list[str]:
        """As Terraform shows it: headline, resource, what is known about it."""
        lines = [f"{self.severity.capitalize()}: {self.summary}"]
        if self.address:
            lines += ["", f"  with {self.address},"]
        if self.detail:
            lines += ["", *self.detail.splitlines()]
        return lines


@dataclass(frozen=True, slots=True)
class Change:
    """What a plan does to one resource."""

    address: str
    type: str
    action: Action
    unfinished: bool = False
    """It was never made to its end: there is nothing in it yet."""

    @property
    def name(self) -> str:
        return self.address.rpartition(".")[2]

    @property
    def takes_away(self) -> bool:
        """Whether what is there now goes, with all that is in it."""
        return self.action in ("replace", "delete") and not self.unfinished


def parse(line: str) -> dict[str, Any] | None:
    """The event in a line; None: it is no event (a log that the user asked Terraform for)."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "type" in event else None


def diagnostic(event: Mapping[str, Any]) -> Diagnostic | None:
    """The diagnostic in an event of that type."""
    if event["type"] != "diagnostic":
        return None
    told = event["diagnostic"]
    return Diagnostic(told["severity"], told["summary"], told.get("detail", ""), told.get("address", ""))


def change(event: Mapping[str, Any]) -> Change | None:
    """The change in an event that tells one that is planned. A resource that only changes its address is no change."""
    if event["type"] != "planned_change":
        return None
    resource, action = event["change"]["resource"], event["change"]["action"]
    if action not in _ACTIONS:
        return None
    tainted = event["change"].get("reason") == "tainted"
    return Change(resource["addr"], resource["resource_type"], _ACTIONS[action], unfinished=tainted)


def text(event: Mapping[str, Any]) -> str:
    """An event for the log, which people read."""
    told = diagnostic(event)
    words = event.get("@message", event["type"]) if told is None else "\n    ".join(told.lines())
    return f"{str(event.get('@timestamp', ''))[11:19]} {words}".strip()
