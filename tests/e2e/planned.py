"""What `cdktf diff` plans, read from the plan that it leaves beside the stack, as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.e2e.lab import CHECKOUT, TERRAFORM, Lab


@dataclass(frozen=True)
class Planned:
    """Address -> what is to happen to it; what stays as it is is left out."""

    changes: dict[str, dict[str, Any]]

    @property
    def actions(self) -> dict[str, list[str]]:
        return {address: change["actions"] for address, change in self.changes.items()}

    def differing(self, address: str) -> set[str]:
        """The attributes that are not as they should be. A sensitive one is among them, its value is not shown."""
        change = self.changes[address]
        return {name for name, after in change["after"].items() if after != change["before"][name]}


def diff(lab: Lab) -> Planned:
    """Run `npx cdktf diff`, which must succeed."""
    done = lab.run("npx", "cdktf", "diff")
    assert done.returncode == 0, done.stdout
    stack = f"cdktf.out/stacks/{lab.settings.name}"
    shown = lab.run(TERRAFORM, f"-chdir={stack}", "show", "-json", "plan", silent=True)  # it holds secrets
    assert shown.returncode == 0, "terraform show failed"
    plan = json.loads(shown.stdout)
    (CHECKOUT / stack / "plan").unlink()
    changes = {entry["address"]: entry["change"] for entry in plan.get("resource_changes", [])}
    return Planned({address: change for address, change in changes.items() if change["actions"] != ["no-op"]})
