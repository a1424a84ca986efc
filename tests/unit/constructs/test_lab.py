"""The lab as cdktf synthesizes it: what is in it, and what waits for what."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.constructs.synthesized import Synthesized, synthesized

LOCAL = {"HALAB_SITE_STORAGE": "local", "HALAB_FENCING_METHOD": "none"}


@pytest.fixture
def lab() -> Synthesized:
    """The default lab."""
    return synthesized()


def _nodes(count: int) -> list[str]:
    return [f"node{number}" for number in range(1, count + 1)]


# --- what is in it ---


@pytest.mark.parametrize("count", [1, 2, 3, 16])
def test_each_node_has_its_share(count: int) -> None:
    lab, nodes = synthesized(HALAB_NODE_COUNT=str(count)), _nodes(count)
    assert lab.names("halab_machine") == {*nodes, "target"}
    assert lab.names("halab_stonith") == {*(f"fence_{node}" for node in nodes), "fence_sbd"}
    per_node = {
        "halab_cluster_member": ["member"],
        "halab_fencing_level": ["level1", "level2"],
        "halab_iscsi_acl": ["acl", "sbd_acl"],
        "halab_iscsi_session": ["session", "sbd_session"],
        "halab_lvm_host": ["lvm"],
        "halab_pcsd": ["pcsd"],
        "halab_sbd": ["sbd"],
        "halab_site": ["site"],
    }
    for type_name, suffixes in per_node.items():
        assert lab.names(type_name) == {f"{node}_{suffix}" for node in nodes for suffix in suffixes}, type_name
    members = lab.by_address["halab_cluster.cluster"]["members"]
    assert [(m["name"], m["node_id"]) for m in members] == [(node, i) for i, node in enumerate(nodes, 1)]
    assert lab.names("halab_cluster_node") == {*nodes}
    gfs2 = lab.by_address["halab_gfs2.gfs2"]
    assert (gfs2["journals"], gfs2["spare_journals"]) == (count, 1)
    assert lab.by_address["halab_clone.shared_fs"]["meta"]["clone-max"] == str(count)
    endpoint = lab.by_address["halab_fencing_endpoint.fencing_endpoint"]
    assert endpoint["machines"] == [f"${{halab_machine.{node}.id}}" for node in nodes], "nodes only, not the target"


_MADE_LAST = {  # they wait for the site
    *("halab_pcsd.node3_pcsd", "halab_ssh_trust.node3_ssh_trust"),
    *("halab_fencing_level.node3_level1", "halab_fencing_level.node3_level2"),
}


def test_a_node_leaves_before_what_it_needs_for_that_goes(lab: Synthesized) -> None:
    """Terraform destroys in the opposite order."""
    of_node3 = {
        *("halab_cluster_member.node3_member", "halab_stonith.fence_node3", "halab_iscsi_session.node3_session"),
        *("halab_lvm_host.node3_lvm", "halab_lvm_device.node3_vg", "halab_site.node3_site", "halab_host.node3_host"),
        *("halab_file.node3_fencing_password", "halab_ca_certificate.node3_fencing_ca", "halab_iscsi_acl.node3_acl"),
        *("halab_machine.node3", "halab_volume.node3_disk"),
    }
    assert of_node3 <= lab.before("halab_cluster_node.node3")
    # When all nodes go, the volume goes before them, since it takes a node to remove it.
    on_the_volume = {address for address in lab.by_address if "halab_cluster_node.node3" in lab.before(address)}
    assert "halab_logical_volume.logical_volume" in on_the_volume
    assert not {address for address in on_the_volume if "node3" in address} - _MADE_LAST
    # An added node mounts only when its journal is there.
    assert "halab_gfs2.gfs2" in lab.before("halab_clone.shared_fs")


def test_addresses_are_reserved_and_unique() -> None:
    hosts = synthesized(HALAB_NODE_COUNT="16").by_address["halab_network.network"]["hosts"]
    for field in ("name", "mac", "address"):
        assert len({host[field] for host in hosts}) == 17, field
    assert "192.168.77.50" not in {host["address"] for host in hosts}, "the floating address is nobody's own"


def test_a_device_is_watched_by_another_node_unless_there_is_none(lab: Synthesized) -> None:
    away = lab.by_address["halab_stonith.fence_node1"]["locations"]
    assert away == [{"node": "node1", "score": "-INFINITY"}]
    alone = synthesized(HALAB_NODE_COUNT="1").by_address["halab_stonith.fence_node1"]
    assert not alone.get("locations")


def test_properties_follow_the_storage(lab: Synthesized) -> None:
    def value(lab: Synthesized, name: str) -> str:
        return str(lab.by_address[f"halab_cluster_property.{name}"]["value"])

    local = synthesized(**LOCAL)
    assert (value(lab, "stonith_enabled"), value(lab, "no_quorum_policy")) == ("true", "freeze")
    assert (value(local, "stonith_enabled"), value(local, "no_quorum_policy")) == ("false", "stop")


def test_local_pages_without_fencing_and_lock_manager() -> None:
    lab = synthesized(**LOCAL)
    for gone in ("stonith", "fencing_endpoint", "ca_certificate", "clone", "shared_vg", "logical_volume", "gfs2"):
        assert lab.names(f"halab_{gone}") == set(), gone
    assert {f["content"] for f in lab.json["resource"]["halab_file"].values()} == {"node1\n", "node2\n", "node3\n"}
    assert lab.names("halab_iscsi_session") == {f"{node}_session" for node in _nodes(3)}, (
        "the LUN is there all the same"
    )
    assert "fencing_endpoint" not in lab.json["output"]
    site = lab.by_address["halab_group.site"]
    assert not site.get("after")
    assert not site.get("colocations")


def test_demo_mode_has_neither_acls_nor_passwords() -> None:
    lab = synthesized(HALAB_ISCSI_DEMO_MODE="true")
    assert lab.by_address["halab_iscsi_target.iscsi_target"]["demo_mode"] is True
    assert lab.names("halab_iscsi_acl") == set()
    assert not [name for name in lab.names("halab_secret") if "chap" in name]
    assert not any(
        "chap_user" in s or "chap_password" in s for s in lab.json["resource"]["halab_iscsi_session"].values()
    )


def test_initiators_and_passwords_are_each_nodes_own(lab: Synthesized) -> None:
    acls = lab.json["resource"]["halab_iscsi_acl"].values()
    for field in ("initiator_iqn", "chap_password"):
        assert len({acl[field] for acl in acls}) == 3, field
    for node in _nodes(3):
        acl, session = (
            lab.by_address[f"halab_iscsi_acl.{node}_acl"],
            lab.by_address[f"halab_iscsi_session.{node}_session"],
        )
        assert (acl["initiator_iqn"], acl["chap_password"]) == (session["initiator_iqn"], session["chap_password"])


def test_no_password_stands_in_the_cib_or_in_the_synthesized_json(lab: Synthesized) -> None:
    for device in lab.json["resource"]["halab_stonith"].values():
        assert not {"password", "passwd", "ssl_insecure"} & set(device["params"])
        if device["agent"] == "fence_redfish":
            assert device["params"]["systems_uri"].endswith(".id}"), "one system: else the agent shoots the last"
    for address, resource in lab.by_address.items():
        for name, value in resource.items():
            if "password" in name or name == "sensitive_content":
                assert "${halab_secret." in value, f"{address}: {name} is a reference"


def test_outputs(lab: Synthesized) -> None:
    outputs = lab.json["output"]
    assert outputs["site_url"]["value"] == "http://192.168.77.50/"
    assert outputs["nodes"]["value"] == {"node1": "192.168.77.11", "node2": "192.168.77.12", "node3": "192.168.77.13"}
    assert outputs["hacluster_password"]["sensitive"] is True
    assert [name for name, output in outputs.items() if output.get("sensitive")] == ["hacluster_password"]


# --- what waits for what ---


def _per_node() -> Iterator[tuple[str, str]]:
    for node in _nodes(3):
        yield node, f"halab_cluster_member.{node}_member"
        yield node, f"halab_iscsi_session.{node}_session"
        yield node, f"halab_iscsi_acl.{node}_acl"
        yield node, f"halab_stonith.fence_{node}"


@pytest.mark.parametrize(("node", "address"), [*_per_node()])
def test_what_makes_a_node_a_member_hangs_on_its_machines_uuid(lab: Synthesized, node: str, address: str) -> None:
    """Terraform destroys what was removed before it updates what depended on it: a node leaves by these deletes."""
    values = lab.by_address[address].values()
    assert f"${{halab_machine.{node}.id}}" in values


LOCKING, MOUNT, SITE = "halab_clone.locking", "halab_clone.shared_fs", "halab_group.site"


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        ("halab_iscsi_target.iscsi_target", ["halab_partition.target_partition"]),
        ("halab_iscsi_session.node1_session", ["halab_iscsi_acl.node1_acl"]),
        (
            "halab_shared_partition.lun_partition",
            ["halab_cluster_member.node1_member", *(f"halab_iscsi_session.{node}_session" for node in _nodes(3))],
        ),
        ("halab_cluster_member.node1_member", ["halab_machine.node1", "halab_cluster.cluster"]),
        ("halab_host.node1_host", ["halab_cluster_member.node1_member"]),
        ("halab_cluster_property.stonith_enabled", [f"halab_cluster_member.{node}_member" for node in _nodes(2)]),
        (
            "halab_stonith.fence_node1",
            [
                "halab_fencing_endpoint.fencing_endpoint",
                "halab_cluster_property.stonith_enabled",
                *(f"halab_cluster_member.{node}_member" for node in ("node2", "node3")),
                *(f"halab_ca_certificate.{node}_fencing_ca" for node in ("node2", "node3")),
                *(f"halab_file.{node}_fencing_password" for node in ("node2", "node3")),
            ],
        ),
        (
            LOCKING,
            [
                "halab_cluster_property.stonith_enabled",  # controld refuses to run without it
                "halab_cluster_property.no_quorum_policy",
                *(f"halab_lvm_host.{node}_lvm" for node in _nodes(3)),
            ],
        ),
        ("halab_shared_vg.shared_vg", [LOCKING, "halab_shared_partition.lun_partition"]),
        ("halab_lvm_device.node2_vg", ["halab_shared_vg.shared_vg", "halab_machine.node2"]),
        ("halab_logical_volume.logical_volume", [f"halab_lvm_device.{node}_vg" for node in _nodes(3)]),
        ("halab_gfs2.gfs2", ["halab_logical_volume.logical_volume"]),
        (MOUNT, ["halab_gfs2.gfs2", LOCKING, *(f"halab_stonith.fence_{node}" for node in _nodes(3))]),
        ("halab_cluster_file.page", [MOUNT]),
        (SITE, [MOUNT, *(f"halab_site.{node}_site" for node in _nodes(3))]),
        # On a slow machine the start of pcsd would delay all of the above.
        ("halab_pcsd.node1_pcsd", [SITE]),
        ("halab_ssh_trust.node1_ssh_trust", [SITE]),
    ],
)
def test_order(lab: Synthesized, later: str, earlier: list[str]) -> None:
    assert set(earlier) <= lab.before(later)


def test_a_node_gets_its_device_while_it_still_joins(lab: Synthesized) -> None:
    assert not lab.before("halab_stonith.fence_node3") & {
        *("halab_cluster_member.node3_member", "halab_file.node3_fencing_password"),
        *("halab_ca_certificate.node3_fencing_ca", "halab_iscsi_session.node3_session"),
    }


@pytest.mark.parametrize("address", ["halab_host.node3_host", "halab_site.node3_site"])
def test_an_added_node_is_set_up_while_it_still_joins(lab: Synthesized, address: str) -> None:
    members = {f"halab_cluster_member.{node}_member" for node in _nodes(3)}
    assert members & lab.before(address) == members - {"halab_cluster_member.node3_member"}, "a majority"


def test_nothing_waits_for_itself(lab: Synthesized) -> None:
    assert [address for address in lab.by_address if address in lab.before(address)] == []


def test_machines_boot_side_by_side(lab: Synthesized) -> None:
    assert not [name for name in lab.before("halab_machine.node1") if name.startswith("halab_machine.")]


def test_site_and_mount_carry_their_constraints_from_the_first_moment(lab: Synthesized) -> None:
    for address, first in [(MOUNT, "summit-locking-clone"), (SITE, "summit-gfs0-clone")]:
        resource = lab.by_address[address]
        assert resource["after"] == [{"resource": first}]
        assert resource["colocations"] == [{"with_resource": first, "score": "INFINITY"}]
    monitors = {
        primitive["name"]: operation.get("on_fail")
        for clone in (LOCKING, MOUNT)
        for primitive in lab.by_address[clone]["primitives"]
        for operation in primitive["operations"]
        if operation["name"] == "monitor"
    }
    assert monitors == {
        "summit-dlm": "fence",
        "summit-lvmlockd": "fence",
        "summit-lv-web": None,
        "summit-gfs0": "fence",
    }


def test_machines_start_with_the_host_unless_a_setting_says_no() -> None:
    for variables, wanted in (({}, True), ({"HALAB_AUTOSTART": "false"}, False)):
        lab = synthesized(**variables)
        assert {lab.by_address[f"halab_machine.{name}"]["autostart"] for name in ("node1", "target")} == {wanted}
