"""A new lab whose first level takes a node's key and cuts its power, and a node more: all get their keys."""

from __future__ import annotations

import pytest

from tests.e2e.lab import HALAB, Lab, deployed
from tests.e2e.planned import diff

_BOTH = {
    "HALAB_NAME": "both",
    "HALAB_NETWORK_CIDR": "192.168.81.0/24",
    "HALAB_FENCING_METHOD": "",
    "HALAB_FENCING_LEVELS": "scsi+redfish",
}


@pytest.mark.long
def test_who_is_new_is_unfenced_by_the_device_that_gives_keys(environment: dict[str, str]) -> None:
    with deployed({**environment, **_BOTH, "HALAB_NODE_COUNT": "2"}) as lab:
        _unfenced(lab)
        more = Lab({**environment, **_BOTH, "HALAB_NODE_COUNT": "3"})
        more.deploy()
        _unfenced(more)


def _unfenced(lab: Lab) -> None:
    lab.until("health", lab.says_healthy)
    for node in lab.nodes:
        assert lab.ask(node, "cat", "/run/cluster.key").strip(), f"fence_scsi has not run on {node}"
    assert diff(lab).actions == {}


@pytest.mark.long
@pytest.mark.parametrize("before", [{"HALAB_FENCING_METHOD": "redfish"}, {"HALAB_FENCING_METHOD": ""}])
def test_over_from_a_power_switch_to_keys(environment: dict[str, str], before: dict[str, str]) -> None:
    """Pacemaker would have nodes without levels unfenced by their power switch."""
    place = {"HALAB_NAME": "over", "HALAB_NETWORK_CIDR": "192.168.83.0/24", "HALAB_FENCING_LEVELS": ""}
    both = Lab({**environment, **place, "HALAB_FENCING_METHOD": "", "HALAB_FENCING_LEVELS": "scsi+redfish"})
    with deployed({**environment, **place, **before}) as lab:
        boots = {node: lab.boot_id(node) for node in lab.nodes}
        if before["HALAB_FENCING_METHOD"]:
            refused = both.run(str(HALAB), "deploy", "--yes")
            assert refused.returncode != 0
            assert "fence-node1, fence-node2, fence-node3 stays" in refused.stdout + refused.stderr
        keys = Lab({**environment, **place, "HALAB_FENCING_METHOD": "scsi"})
        keys.deploy()
        _unfenced(keys)
        both.deploy()
        _unfenced(both)
        assert {node: both.boot_id(node) for node in both.nodes} == boots, "no machine restarts"
