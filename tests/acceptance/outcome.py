"""What a terraform command printed: diagnostics and plans, read from its JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reported:
    """One of terraform's diagnostics. `line` is the source line it points at, stripped; empty if none."""

    severity: str
    summary: str
    detail: str
    address: str
    line: str


@dataclass(frozen=True)
class Outcome:
    """How a command ended. `text` is all it printed."""

    status: int
    text: str
    reported: tuple[Reported, ...]

    @property
    def errors(self) -> list[Reported]:
        """The errors it reported."""
        return [report for report in self.reported if report.severity == "error"]

    @property
    def error(self) -> Reported:
        """The one error it reported."""
        assert len(self.errors) == 1, f"expected one error: {self.errors}\n{self.text}"
        return self.errors[0]


@dataclass(frozen=True)
class Plan:
    """A plan. `document` is `terraform show -json` of it, `text` what a person sees."""

    document: dict[str, Any]
    text: str
    outcome: Outcome

    @property
    def changes(self) -> dict[str, dict[str, Any]]:
        """Address -> change (actions, before, after, after_unknown, replace_paths), without those that do nothing."""
        changes = {entry["address"]: entry["change"] for entry in self.document.get("resource_changes", [])}
        return {address: change for address, change in changes.items() if change["actions"] != ["no-op"]}

    @property
    def actions(self) -> dict[str, list[str]]:
        """Address -> actions, e.g. ["update"], ["delete", "create"]; empty when there is nothing to do."""
        return {address: change["actions"] for address, change in self.changes.items()}


def reports(text: str) -> Iterator[Reported]:
    """The diagnostics in the output of -json: one JSON object a line, or (validate) one over all lines."""
    for document in _documents(text):
        found = [document["diagnostic"]] if "diagnostic" in document else document.get("diagnostics", [])
        for entry in found:
            snippet = entry.get("snippet") or {}
            yield Reported(
                entry["severity"],
                entry["summary"],
                entry.get("detail", ""),
                entry.get("address", ""),
                snippet.get("code", "").strip(),
            )


def _documents(text: str) -> Iterator[dict[str, Any]]:
    try:
        whole = json.loads(text)
    except ValueError:
        for line in text.splitlines():
            if line.startswith("{"):
                yield json.loads(line)
    else:
        if isinstance(whole, dict):
            yield whole
