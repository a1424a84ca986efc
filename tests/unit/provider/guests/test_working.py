"""How an object is called while it is changed."""

from __future__ import annotations

import pytest

from halab.provider.guests.working import name_in


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        (("machine",), ""),
        (("machine", "path"), "/etc/motd"),
        (("cluster", "vg", "name"), "lv_web"),
        (("cluster", "node", "level"), "node1 2"),
        (("cluster", "unknown"), ""),
    ],
)
def test_its_name(identity: tuple[str, ...], name: str) -> None:
    state = {"cluster": "summit", "machine": "u", "path": "/etc/motd", "vg": "vg", "name": "lv_web", "node": "node1"}
    assert name_in({**state, "level": 2}, identity) == name
