"""SBD without a disk: its order, its times, its one device."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.constructs.synthesized import synthesized

NODES = ("node1", "node2", "node3")
WATCHDOG = "halab_stonith.fence_watchdog"
COUNTED = "halab_cluster_property.stonith_watchdog_timeout"


@pytest.mark.parametrize("levels", ["watchdog", "redfish,watchdog"])
def test_nobody_counts_on_a_watchdog_before_all_members_have_sbd(levels: str) -> None:
    """Pacemaker ends on a member without sbd while that property is set."""
    lab = synthesized(HALAB_FENCING_LEVELS=levels)
    for node in NODES:
        sbd, member = f"halab_sbd.{node}_sbd", f"halab_cluster_member.{node}_member"
        assert sbd in lab.before(member), "a node that joins later has it when its cluster starts"
        assert member not in lab.before(sbd)
        assert {sbd, member} <= lab.before(COUNTED)
        assert sbd in lab.before(f"halab_cluster_node.{node}"), "it goes when the node has left"
    assert COUNTED in lab.before(WATCHDOG)
    assert COUNTED not in lab.before("halab_sbd.node1_sbd")
    assert lab.names("halab_sbd_disk") == set()
    assert [address for address in lab.by_address if address in lab.before(address)] == []


def test_pacemaker_knows_a_watchdog_by_its_name_only() -> None:
    lab = synthesized(HALAB_FENCING_LEVELS="redfish,watchdog")
    device = lab.by_address[WATCHDOG]
    assert (device["name"], device["agent"], device["node"]) == ("watchdog", "fence_watchdog", "")
    assert "params" not in device
    assert lab.by_address["halab_fencing_level.node2_level2"]["devices"] == ["${halab_stonith.fence_watchdog.name}"]


@pytest.mark.parametrize(("scale", "watchdog", "counted"), [("1", (15, 30), (38, 75)), ("2", (30, 60), (75, 150))])
def test_a_watchdog_is_waited_for_more_than_twice_as_long(scale: str, watchdog: Any, counted: Any) -> None:
    lab = synthesized(HALAB_FENCING_METHOD="watchdog", HALAB_TIME_SCALE=scale)
    kind = "halab_machine.node1.hypervisor_used"
    sbd = lab.by_address["halab_sbd.node3_sbd"]
    for name, (kvm, emulated) in (("watchdog_s", watchdog), ("wait_s", counted)):
        assert sbd[name] == f'${{{kind} == "kvm" ? {kvm} : {emulated}}}'
    assert lab.by_address[COUNTED]["value"] == f"{sbd['wait_s']}s"
    assert "halab_sbd.node1_sbd.watchdog_s" in lab.by_address[COUNTED]["lifecycle"]["replace_triggered_by"]


def test_with_a_disk_or_without_sbd_has_one_name() -> None:
    """Terraform ends the one before it starts the other."""
    disk, none = (synthesized(HALAB_FENCING_LEVELS=f"redfish,{method}") for method in ("sbd", "watchdog"))
    assert disk.names("halab_sbd") == none.names("halab_sbd") == {f"{node}_sbd" for node in NODES}
    assert "device" in disk.by_address["halab_sbd.node1_sbd"]
    assert not {"device", "lifecycle"} & none.by_address["halab_sbd.node1_sbd"].keys()


def test_a_quorum_device_answers_before_a_watchdog_fires() -> None:
    """sbd trusts no quorum otherwise."""
    for levels in ("redfish,sbd", "redfish,watchdog"):
        lab = synthesized(HALAB_FENCING_LEVELS=levels, HALAB_NODE_COUNT="4")
        options = lab.by_address["halab_cluster.cluster"]["options"]
        assert '"15000" : ""' in options["quorum.device.sync_timeout"]
        assert lab.by_address["halab_cluster.cluster"].get("keeps_quorum") == (True if "watchdog" in levels else None)
