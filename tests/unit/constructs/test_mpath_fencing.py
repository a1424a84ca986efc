"""Fencing by reservations of a LUN with two paths: second portal, sessions, the disk of both, keys, the device."""

from __future__ import annotations

import pytest

from halab.provisioners.engine.limits import MAX_NODES
from halab.provisioners.iscsi.multipath import PERSIST
from halab.provisioners.iscsi.reservation import key_of
from tests.unit.constructs.synthesized import Synthesized, synthesized

NODES = ("node1", "node2", "node3")
MPATH = "halab_stonith.fence_mpath"
LUN = "${halab_iscsi_target.iscsi_target.lun_device}"


@pytest.fixture(scope="module")
def by_paths() -> Synthesized:
    return synthesized(HALAB_FENCING_METHOD="mpath")


def test_the_target_has_a_second_portal_and_lets_it_in(by_paths: Synthesized) -> None:
    target = by_paths.by_address["halab_iscsi_target.iscsi_target"]
    assert (target["further_ports"], target["reservations"]) == ([3261], True)
    assert "tcp/3261" in by_paths.by_address["halab_host.target_host"]["firewall_open"]
    scsi = synthesized(HALAB_FENCING_METHOD="scsi")
    assert "further_ports" not in scsi.by_address["halab_iscsi_target.iscsi_target"], "what is deployed stays"
    assert "tcp/3261" not in scsi.by_address["halab_host.target_host"]["firewall_open"]
    assert scsi.names("halab_multipath") == set()


@pytest.mark.parametrize("node", NODES)
def test_a_node_has_two_sessions_and_one_disk_before_anything_is_on_the_lun(by_paths: Synthesized, node: str) -> None:
    first, second = (f"halab_iscsi_session.{node}_{name}" for name in ("session", "second_session"))
    for same in ("machine", "portal", "initiator_iqn", "target_iqn", "chap_user", "chap_password"):
        assert by_paths.by_address[second][same] == f"${{{first}.{same}}}"
    assert ("port" in by_paths.by_address[first], by_paths.by_address[second]["port"]) == (False, 3261)
    disk = by_paths.by_address[f"halab_multipath.{node}_multipath"]
    assert (disk["device"], disk["key"]) == (LUN, key_of("summit", node))
    before = by_paths.before(f"halab_multipath.{node}_multipath")
    assert {first, second} <= before
    for uses in (
        f"halab_scsi_key.{node}_scsi_key",
        "halab_shared_partition.lun_partition",
        f"halab_cluster_node.{node}",
    ):
        assert f"halab_multipath.{node}_multipath" in by_paths.before(uses), uses


def test_the_device_knows_each_node_by_its_key(by_paths: Synthesized) -> None:
    device = by_paths.by_address[MPATH]
    assert (device["name"], device["agent"], device["node"]) == ("fence-mpath", "fence_mpath", "")
    assert device["meta"]["provides"] == "unfencing"
    assert device["params"] == {
        "devices": "${halab_scsi_reservation.scsi_reservation.device}",
        "mpathpersist_path": PERSIST,
        "pcmk_host_map": ";".join(f"node{n}:{key_of('summit', f'node{n}')}" for n in range(1, MAX_NODES + 1)),
        "pcmk_reboot_action": "off",
    }
    more = synthesized(HALAB_FENCING_METHOD="mpath", HALAB_NODE_COUNT="4").by_address[MPATH]
    assert more["params"] == device["params"], "with another definition all nodes would be unfenced anew"
    assert [address for address in by_paths.by_address if address in by_paths.before(address)] == []


@pytest.mark.parametrize("levels", ["mpath+redfish,sbd", "redfish,mpath"])
def test_nodes_have_their_keys_before_another_device_could_be_asked_to_switch_them_on(levels: str) -> None:
    lab = synthesized(HALAB_FENCING_LEVELS=levels)
    for name in lab.names("halab_stonith") - {"fence_mpath"}:
        assert MPATH in lab.before(f"halab_stonith.{name}")
    assert MPATH in lab.before("halab_clone.locking")
    assert "halab_clone.locking" in lab.before("halab_shared_partition.lun_partition")
