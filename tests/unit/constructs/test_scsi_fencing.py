"""Fencing by reservations of the LUN: keys, the device that unfences, and what waits for them."""

from __future__ import annotations

import hashlib

import pytest

from halab.provisioners.engine.limits import MAX_NODES
from halab.provisioners.iscsi.reservation import key_of
from tests.unit.constructs.synthesized import Synthesized, synthesized

NODES = ("node1", "node2", "node3")
SCSI = "halab_stonith.fence_scsi"


@pytest.fixture(scope="module")
def by_storage() -> Synthesized:
    return synthesized(HALAB_FENCING_METHOD="scsi")


def test_nobody_writes_to_the_lun_before_all_have_their_keys(by_storage: Synthesized) -> None:
    assert by_storage.names("halab_stonith") == {"fence_scsi"}
    assert by_storage.names("halab_fencing_endpoint") == by_storage.names("halab_fencing_level") == set()
    for writes in ("halab_clone.locking", "halab_shared_partition.lun_partition", "halab_shared_vg.shared_vg"):
        before = by_storage.before(writes)
        assert {f"halab_scsi_key.{node}_scsi_key" for node in NODES} <= before, writes
        assert {"halab_scsi_reservation.scsi_reservation", SCSI} <= before, writes
        assert {f"halab_scsi_watch.{node}_scsi_watch" for node in NODES} <= before, writes
    assert "halab_clone.locking" in by_storage.before("halab_shared_partition.lun_partition"), "all are unfenced"
    assert [address for address in by_storage.by_address if address in by_storage.before(address)] == []


@pytest.mark.parametrize("levels", ["scsi+redfish", "redfish,scsi", "scsi+wti,sbd", "ipmi+scsi,virsh"])
def test_nodes_have_their_keys_before_another_device_could_be_asked_to_switch_them_on(levels: str) -> None:
    """Without levels yet, Pacemaker asks any one device."""
    lab = synthesized(HALAB_FENCING_LEVELS=levels)
    others = {f"halab_stonith.{name}" for name in lab.names("halab_stonith")} - {SCSI}
    assert others
    for device in others:
        assert SCSI in lab.before(device), device
    assert [address for address in lab.by_address if address in lab.before(address)] == []


def test_each_node_has_a_key_of_its_own_and_watches_it(by_storage: Synthesized) -> None:
    keys = {node: by_storage.by_address[f"halab_scsi_key.{node}_scsi_key"] for node in NODES}
    lun = "${halab_iscsi_target.iscsi_target.lun_device}"
    assert {node: key["key"] for node, key in keys.items()} == {
        node: f"{md5('summit')[:4]}{md5(node)[:4]}".lstrip("0") for node in NODES
    }
    assert {key["device"] for key in keys.values()} == {lun}
    for node in NODES:
        assert f"halab_iscsi_session.{node}_session" in by_storage.before(f"halab_scsi_key.{node}_scsi_key")
        watch = f"halab_scsi_watch.{node}_scsi_watch"
        assert f"halab_scsi_key.{node}_scsi_key" in by_storage.before(watch), "the watch ends before its key goes"
        assert by_storage.by_address[watch]["watchdog_s"] == (
            '${halab_machine.node1.hypervisor_used == "kvm" ? 60 : 120}'
        )
        assert {watch, f"halab_scsi_key.{node}_scsi_key"} <= by_storage.before(f"halab_cluster_node.{node}")


def md5(name: str) -> str:
    return hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()


def test_no_two_nodes_share_a_key() -> None:
    assert len({key_of("summit", f"node{number}") for number in range(1, MAX_NODES + 1)}) == MAX_NODES


def test_one_device_unfences_by_names(by_storage: Synthesized) -> None:
    device = by_storage.by_address[SCSI]
    assert (device["name"], device["agent"], device["node"]) == ("fence-scsi", "fence_scsi", "")
    assert device["meta"]["provides"] == "unfencing"
    assert device["params"] == {
        "devices": "${halab_scsi_reservation.scsi_reservation.device}",
        "key_value": "hash",
        "aptpl": "1",
        "readonly": "1",
        "pcmk_host_check": "none",
        "pcmk_reboot_action": "off",
    }
    more = synthesized(HALAB_FENCING_METHOD="scsi", HALAB_NODE_COUNT="4").by_address[SCSI]
    assert more["params"] == device["params"], "with another definition all nodes would be unfenced anew"


@pytest.mark.parametrize(
    ("levels", "wanted"),
    [
        ("scsi+redfish", [["fence_scsi", "fence_node2"]]),
        ("scsi,redfish", [["fence_scsi"], ["fence_node2"]]),
        ("redfish,scsi", [["fence_node2"], ["fence_scsi"]]),
    ],
)
def test_whatever_its_level_nodes_have_keys_before_anything_runs(levels: str, wanted: list[list[str]]) -> None:
    """Pacemaker stops what runs on nodes when there is a first device that unfences."""
    lab = synthesized(HALAB_FENCING_LEVELS=levels)
    made = [lab.by_address[f"halab_fencing_level.node2_level{n}"]["devices"] for n in range(1, len(wanted) + 1)]
    assert made == [[f"${{halab_stonith.{name}.name}}" for name in level] for level in wanted]
    assert SCSI in lab.before("halab_clone.locking")
    assert lab.by_address[SCSI]["params"]["pcmk_off_timeout"] == lab.by_address[SCSI]["params"]["pcmk_reboot_timeout"]


@pytest.mark.parametrize("levels", ["sbd,scsi", "scsi,watchdog"])
def test_the_watchdog_belongs_to_sbd_where_there_is_one(levels: str) -> None:
    lab = synthesized(HALAB_FENCING_LEVELS=levels)
    for node in NODES:
        assert "watchdog_s" not in lab.by_address[f"halab_scsi_watch.{node}_scsi_watch"]
        assert f"halab_scsi_watch.{node}_scsi_watch" in lab.before(f"halab_sbd.{node}_sbd")


def test_only_a_lab_that_fences_by_reservations_says_so_of_its_lun(by_storage: Synthesized) -> None:
    """What other labs have deployed shows no change."""
    two_levels = synthesized(HALAB_FENCING_LEVELS="redfish,sbd")
    assert by_storage.by_address["halab_iscsi_target.iscsi_target"]["reservations"] is True
    for target in two_levels.json["resource"]["halab_iscsi_target"].values():
        assert "reservations" not in target
