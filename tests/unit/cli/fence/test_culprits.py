"""Which device fenced a node, as journals of both Pacemakers tell it."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from halab.cli.fence.culprits import devices, who_fenced
from halab.provisioners.engine.command import Command, Result
from halab.provisioners.engine.errors import ConnectError

BY = "pacemaker-fenced"
OLD = "Operation 'reboot' [2145] targeting node2 using fence-node2 returned 0"
NEW = "Operation 'off' targeting node2 using summit-wti returned 0 | call 2 from stonith_admin.77"
REFUSED = "Operation 'reboot' [2140] targeting node2 using fence-node2 returned 1"
ITSELF = "Self-fencing (reboot) by node2 for stonith_admin.88@node1.1fbc8a5c assumed complete"


def entries(*texts: str | None, by: str = BY) -> str:
    return "\n".join(json.dumps({"MESSAGE": text, "SYSLOG_IDENTIFIER": by}) for text in texts)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (entries(OLD), ["fence-node2"]),
        (entries(REFUSED, NEW), ["summit-wti"]),
        (entries(ITSELF), ["Self-fencing"]),
        (entries(None, OLD.replace("node2 ", "node3 ")), []),
        (entries(OLD, by="sshd"), []),
        ("", []),
    ],
)
def test_who_it_was(text: str, found: list[str]) -> None:
    assert list(devices(text, "node2")) == found


def test_all_nodes_are_asked_and_who_cannot_tell_costs_nothing() -> None:
    """A level of two devices may have been done by two nodes."""
    said: dict[str, Any] = {
        "node1": entries(OLD, OLD),
        "node3": ConnectError("node3 is mute"),
        "node4": entries(NEW),
        "node5": "half a l",
    }

    class Host:
        def __init__(self, name: str) -> None:
            self.name = name

        def ask(self, command: Command) -> Result:
            assert command.argv[-1] == "--since=-37s"
            if isinstance(answer := said[self.name], Exception):
                raise answer
            return Result(command, 0, answer, "")

    guests: Any = SimpleNamespace(host=Host)
    assert who_fenced(guests, list(said), "node2", 31.2) == ("fence-node2", "summit-wti")
    assert who_fenced(guests, [], "node2", 31.2) == ()
