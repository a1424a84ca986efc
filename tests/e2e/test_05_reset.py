"""What a deploy has written is on the disks when it ends."""

from __future__ import annotations

from functools import partial

import pytest

from tests.e2e.lab import Lab, hypervisor
from tests.e2e.planned import diff

pytestmark = pytest.mark.long


def test_all_machines_are_reset_right_after_the_deploy(lab: Lab) -> None:
    with hypervisor() as connection:
        boots = {name: lab.boot_id(name) for name in [*lab.nodes, "target"]}
        for name in boots:
            connection.lookupByName(f"{lab.settings.name}-{name}").reset(0)
    lab.reconnect()
    for name, boot in boots.items():
        lab.until(f"another boot of {name}", partial(_has_booted_since, lab, name, boot), deadline_s=600)
    lab.until("health", lab.says_healthy, deadline_s=900)
    assert diff(lab).actions == {}, "nothing of it was lost"


def _has_booted_since(lab: Lab, name: str, boot: str | None) -> bool:
    return lab.boot_id(name) not in (None, boot)
