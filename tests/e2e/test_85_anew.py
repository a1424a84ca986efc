"""A setting that makes all machines anew, on the deployed lab: one deploy, and the lab is whole again."""

from __future__ import annotations

import pytest

from tests.e2e.lab import Lab, hypervisor
from tests.e2e.planned import diff

pytestmark = pytest.mark.long


def whole(lab: Lab) -> None:
    assert diff(lab).actions == {}
    assert lab.online() == set(lab.nodes)
    lab.until("GFS2 everywhere", lab.all_mounted)
    lab.until("the site", lab.served_by)
    for node in lab.nodes:
        assert lab.runs_on(f"fence-{node}"), node
    assert [e.attrib for e in lab.status().iterfind("fence_history/fence_event")] == []
    with hypervisor() as connection:
        assert len(connection.listAllDomains()) == len(lab.nodes) + 1
        assert len(connection.listAllNetworks()) == 1


def test_a_lab_moves_to_another_network_and_back(lab: Lab, environment: dict[str, str]) -> None:
    for there in (Lab({**environment, "HALAB_NETWORK_CIDR": "192.168.79.0/24"}), lab):
        there.reconnect()
        there.deploy()
        whole(there)
