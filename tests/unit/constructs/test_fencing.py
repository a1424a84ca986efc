"""The ways to fence, and the levels in which they are tried."""

from __future__ import annotations

from typing import Any

import pytest

from halab.constructs.fencing_methods import METHODS
from halab.constructs.fencing_settings import METHODS as NAMES
from halab.constructs.fencing_settings import Fencing
from halab.provider.fencing.doors.names import DEFAULT_PORTS
from tests.unit.constructs.synthesized import Synthesized, synthesized

NODES = ("node1", "node2", "node3")
SBD, WATCHDOG = "halab_stonith.fence_sbd", "halab_stonith.fence_watchdog"


@pytest.fixture
def two_levels() -> Synthesized:
    return synthesized(HALAB_FENCING_LEVELS="redfish,sbd")


def test_each_method_that_the_settings_know_has_devices() -> None:
    assert set(NAMES) == set(METHODS)


@pytest.mark.parametrize("method", ["redfish", "sbd", "watchdog"])
def test_a_single_method_takes_no_levels_and_services_wait_for_it(method: str) -> None:
    lab = synthesized(HALAB_FENCING_METHOD=method)
    assert lab.names("halab_fencing_level") == set()
    devices = {f"halab_stonith.{name}" for name in lab.names("halab_stonith")}
    shared = {"sbd": {SBD}, "watchdog": {WATCHDOG}}
    assert devices == shared.get(method, {f"halab_stonith.fence_{node}" for node in NODES})
    assert devices <= lab.before("halab_clone.shared_fs")


@pytest.mark.parametrize("method", sorted(METHODS))
def test_devices_start_after_the_fencing_try_again_and_stay_when_a_node_comes_back(method: str) -> None:
    lab = synthesized(HALAB_FENCING_METHOD=method)
    metas = [device["meta"] for device in lab.json["resource"]["halab_stonith"].values()]
    assert metas
    for meta in metas:
        assert {name: meta[name] for name in ("requires", "resource-stickiness")} == {
            "requires": "fencing",
            "resource-stickiness": "1",
        }
        assert int(meta["failure-timeout"].removesuffix("s")) >= 60


def test_a_level_names_the_devices_of_its_node(two_levels: Synthesized) -> None:
    levels = [
        two_levels.by_address[f"halab_fencing_level.{name}"] for name in sorted(two_levels.names("halab_fencing_level"))
    ]
    assert [(one["node"], one["level"], one["devices"]) for one in levels] == [
        (node, level, [f"${{halab_stonith.{device}.name}}"])
        for node in NODES
        for level, device in ((1, f"fence_{node}"), (2, "fence_sbd"))
    ]


def test_methods_of_one_level_succeed_together() -> None:
    lab = synthesized(HALAB_FENCING_LEVELS="redfish+sbd")
    assert lab.names("halab_fencing_level") == {f"{node}_level1" for node in NODES}
    devices = lab.by_address["halab_fencing_level.node2_level1"]["devices"]
    assert devices == ["${halab_stonith.fence_node2.name}", "${halab_stonith.fence_sbd.name}"]


def test_a_device_that_is_made_anew_takes_its_levels_along(two_levels: Synthesized) -> None:
    """Its removal takes it out of them."""
    for level, device in ((1, "fence_node1"), (2, "fence_sbd")):
        lifecycle = two_levels.by_address[f"halab_fencing_level.node1_level{level}"]["lifecycle"]
        assert f"halab_stonith.{device}.id" in lifecycle["replace_triggered_by"]


def test_no_service_waits_for_a_second_level(two_levels: Synthesized) -> None:
    before = two_levels.before("halab_group.site")
    assert SBD not in before
    assert not [address for address in before if address.startswith("halab_fencing_level.")]


def test_a_node_is_told_by_the_disk_only_when_it_listens(two_levels: Synthesized) -> None:
    """A message to a node without sbd would count as its death."""
    assert {f"halab_sbd.{node}_sbd" for node in NODES} <= two_levels.before(SBD)
    for node in NODES:
        before = two_levels.before(f"halab_sbd.{node}_sbd")
        assert {f"halab_iscsi_session.{node}_sbd_session", f"halab_cluster_member.{node}_member"} <= before
        assert "halab_sbd_disk.sbd_header" in before
        # It goes when the node has left.
        assert f"halab_sbd.{node}_sbd" in two_levels.before(f"halab_cluster_node.{node}")


def test_the_disk_is_there_before_sbd_is_wanted() -> None:
    """Another list of disks would make another target."""
    disks = [
        synthesized(HALAB_FENCING_LEVELS=levels).by_address["halab_machine.target"]["disks"]
        for levels in ("redfish", "redfish,sbd")
    ]
    assert disks[0] == disks[1]
    assert "${halab_volume.sbd_disk.path}" in disks[0]


def test_the_disk_is_a_target_of_its_own_with_the_nodes_own_passwords(two_levels: Synthesized) -> None:
    targets = two_levels.json["resource"]["halab_iscsi_target"]
    assert len({target["backstore"] for target in targets.values()}) == len(targets) == 2
    for node in NODES:
        passwords = {
            two_levels.by_address[f"halab_iscsi_acl.{node}{name}_acl"]["chap_password"] for name in ("", "_sbd")
        }
        assert passwords == {f"${{halab_secret.{node}_chap.value}}"}
    open_to_all = synthesized(HALAB_FENCING_LEVELS="redfish,sbd", HALAB_ISCSI_DEMO_MODE="true")
    assert open_to_all.names("halab_iscsi_acl") == set()
    assert len(open_to_all.names("halab_iscsi_session")) == 6


@pytest.mark.parametrize(("scale", "watchdog", "msgwait"), [("1", (15, 30), (30, 60)), ("1.5", (23, 45), (45, 90))])
def test_times_follow_the_hypervisor(scale: str, watchdog: Any, msgwait: Any) -> None:
    header = synthesized(HALAB_FENCING_LEVELS="redfish,sbd", HALAB_TIME_SCALE=scale).by_address[
        "halab_sbd_disk.sbd_header"
    ]
    kind = "halab_machine.node1.hypervisor_used"
    for name, (kvm, emulated) in (("watchdog_s", watchdog), ("msgwait_s", msgwait)):
        assert header[name] == f'${{{kind} == "kvm" ? {kvm} : {emulated}}}'
    device = synthesized(HALAB_FENCING_LEVELS="redfish,sbd", HALAB_TIME_SCALE=scale).by_address[SBD]
    waits = "halab_sbd_disk.sbd_header.msgwait_s"
    assert device["params"]["pcmk_reboot_timeout"] == f'${{{waits} + ({kind} == "kvm" ? 60 : 180)}}s'


def test_nothing_waits_for_itself(two_levels: Synthesized) -> None:
    assert [address for address in two_levels.by_address if address in two_levels.before(address)] == []


@pytest.mark.parametrize("method", ["wti", "virsh", "xvm"])
def test_a_door_has_one_device_that_knows_each_nodes_plug(method: str) -> None:
    lab = synthesized(HALAB_FENCING_METHOD=method)
    device = lab.by_address[f"halab_stonith.fence_{method}"]
    assert (device["name"], device["node"]) == (f"summit-{method}", "")
    plugs = dict(pair.split(":", 1) for pair in device["params"]["pcmk_host_map"].split(";"))
    machines = {node: f"halab_machine.{node}" for node in NODES}
    endpoint = "halab_fencing_endpoint.fencing_endpoint"
    wanted = {node: f"${{{endpoint}.plugs[{machine}.id]}}" for node, machine in machines.items()}
    assert plugs == (wanted if method == "wti" else {node: f"${{{machine}.id}}" for node, machine in machines.items()})
    assert lab.by_address[endpoint]["doors"].keys() == {method}
    assert f"halab_stonith.fence_{method}" in lab.before("halab_clone.shared_fs")
    for node in NODES:
        assert f"halab_cluster_member.{node}_member" in lab.before(f"halab_stonith.fence_{method}")


def test_the_power_switch_is_as_in_the_talk() -> None:
    lab = synthesized(HALAB_FENCING_METHOD="wti", HALAB_NODE_COUNT="2", HALAB_SITE_STORAGE="local")
    params = lab.by_address["halab_stonith.fence_wti"]["params"]
    assert (params["power_wait"], params["delay"]) == ("5", "5")
    delay = 'halab_machine.node1.hypervisor_used == "kvm" ? "5s" : "15s"'
    assert lab.by_address["halab_stonith.fence_wti"]["delay"] == f"node1:${{{delay}}}"
    assert params["disable_timeout"] == "0", "Pacemaker would have the agent wait for ever"
    assert not {"password", "passwd", "username", "login"} & params.keys(), "a password only, and not in the CIB"
    script = lab.by_address["halab_file.node1_wti_fencing_wti"]
    assert script["mode"] == "0700"
    assert "secrets.wti" in script["sensitive_content"]


def test_each_node_has_a_bmc() -> None:
    lab = synthesized(HALAB_FENCING_METHOD="ipmi")
    for node in NODES:
        device = lab.by_address[f"halab_stonith.fence_ipmi_{node}"]
        plug = f"halab_fencing_endpoint.fencing_endpoint.plugs[halab_machine.{node}.id]"
        assert device["params"]["ipport"] == f"${{{plug} + 6230}}"
        assert device["node"] == node
        assert device["locations"] == [{"node": node, "score": "-INFINITY"}]
        assert (device["params"]["lanplus"], device["params"]["cipher"]) == ("1", "17")


def test_fence_xvm_is_called_back() -> None:
    for method, opened in (("xvm", True), ("redfish", False)):
        ports = synthesized(HALAB_FENCING_METHOD=method).by_address["halab_host.node2_host"]["firewall_open"]
        assert ("tcp/1229" in ports) is opened


def test_nodes_know_the_key_of_the_host_that_fence_virsh_asks() -> None:
    lab = synthesized(HALAB_FENCING_METHOD="virsh", HALAB_FENCING_VIRSH_PORT="2200")
    known = lab.by_address["halab_file.node3_virsh_fencing_known_hosts"]
    assert (
        known["content"]
        == "[${halab_network.network.gateway}]:2200 ${halab_fencing_endpoint.fencing_endpoint.ssh_host_key}\n"
    )
    assert lab.by_address["halab_file.node3_virsh_fencing_virsh"]["mode"] == "0600"


def test_all_methods_share_one_endpoint() -> None:
    lab = synthesized(HALAB_FENCING_LEVELS="wti,ipmi+virsh,xvm,redfish,sbd")
    assert lab.names("halab_fencing_endpoint") == {"fencing_endpoint"}
    doors = {"wti": 2323, "ipmi": 6230, "virsh": 2222, "xvm": 1229}
    assert lab.by_address["halab_fencing_endpoint.fencing_endpoint"]["doors"] == doors
    assert [address for address in lab.by_address if address in lab.before(address)] == []


def test_settings_know_the_doors_own_ports() -> None:
    fencing = Fencing()
    own = {"wti": fencing.wti_port, "ipmi": fencing.ipmi_port, "virsh": fencing.virsh_port, "xvm": fencing.xvm_port}
    assert own.items() <= DEFAULT_PORTS.items()


def test_what_the_endpoint_listens_on() -> None:
    assert Fencing(method="sbd").endpoint_ports == {}
    assert Fencing(method="ipmi").endpoint_ports == {
        "fencing.port": ("tcp", range(8000, 8001)),
        "fencing.ipmi_port": ("udp", range(6231, 6247)),
    }
