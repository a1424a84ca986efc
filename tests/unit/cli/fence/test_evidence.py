"""What libvirt saw of a machine, and what it proves."""

from __future__ import annotations

import pytest

from halab.cli.fence.evidence import OFF, REBOOT, Evidence

UUID = "6695eb01-f6a4-8304-79aa-97f2502e193f"


@pytest.mark.parametrize(
    ("action", "was_on", "events", "proof"),
    [
        (REBOOT, True, ["stopped", "started"], "stopped, started"),
        (REBOOT, True, ["started"], ""),  # it ran all the time: somebody else's news
        (REBOOT, True, ["stopped"], ""),
        (REBOOT, True, ["started", "stopped"], ""),
        (REBOOT, True, ["reboot"], "reset"),
        (REBOOT, True, ["stopped", "started", "stopped"], ""),  # it is off in the end
        (REBOOT, True, ["stopped", "started", "stopped", "started"], "stopped, started"),
        (REBOOT, True, ["reboot", "stopped"], ""),
        (REBOOT, True, ["reboot", "stopped", "started"], "reset"),
        (REBOOT, True, ["stopped", "started", "resumed"], "stopped, started"),
        (REBOOT, False, [], ""),
        (REBOOT, False, ["started"], "started"),
        (OFF, True, ["stopped"], "stopped"),
        (OFF, True, ["shutdown", "stopped"], "stopped"),
        (OFF, True, ["stopped", "started"], ""),  # and on again, by whom ever
        (OFF, True, ["stopped", "started", "stopped"], "stopped"),
        (OFF, True, ["started"], ""),
        (OFF, True, ["reboot"], ""),
        (OFF, False, [], "was off"),
        (OFF, False, ["started"], ""),  # somebody has switched it on meanwhile
        (OFF, False, ["reboot"], ""),  # what is reset runs
        (OFF, False, ["started", "stopped"], "stopped"),
    ],
)
def test_events(action: str, was_on: bool, events: list[str], proof: str) -> None:
    evidence = Evidence(UUID, was_on)
    for event in events:
        evidence.tell("another", "stopped", "")
        evidence.tell(UUID, event, "")
    assert evidence.proof(action, 0.0) == proof
