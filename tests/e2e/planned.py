"""What `halab diff` plans. `npx cdktf diff` takes longer: test_10_deployed.py sees that it works, too."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.e2e.lab import HALAB, Lab


@dataclass(frozen=True)
class Planned:
    """Address -> what is to happen to it, as `halab diff --json` tells it; what stays as it is is left out."""

    changes: dict[str, dict[str, Any]]

    @property
    def actions(self) -> dict[str, list[str]]:
        return {address: change["actions"] for address, change in self.changes.items()}

    def differing(self, address: str) -> set[str]:
        """The attributes that are not as they should be."""
        return set(self.changes[address]["attributes"])


def diff(lab: Lab) -> Planned:
    """Run `halab diff`, which must succeed."""
    done = lab.run(str(HALAB), "diff", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return Planned({change["address"]: change for change in json.loads(done.stdout)["changes"]})
