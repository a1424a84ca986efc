"""The lab as cdktf synthesizes it, applied by real terraform: doubles of guests, libvirt's test driver."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from halab.provider.registry import ITEMS, RESOURCES
from tests.acceptance.doubles import EMPTY_HYPERVISOR, DoubledProvider, secrets_of, stack, uncovered, write_stack

if TYPE_CHECKING:
    from tests.acceptance.conftest import Outcome, Terraform

NODE1 = "${halab_machine.node1.id}"


@pytest.fixture
def provider(lab: DoubledProvider) -> DoubledProvider:
    return lab


def write(terraform: Terraform, nodes: int) -> None:
    write_stack(terraform, stack(nodes, terraform.folder), uncovered("summit", NODE1))


def ended(outcome: Outcome) -> list[str]:
    """Addresses of the resources that were done with, in this order."""
    lines = [json.loads(line) for line in outcome.text.splitlines() if line.startswith("{")]
    return [line["hook"]["resource"]["addr"] for line in lines if line["type"] == "apply_complete"]


def test_the_lab_grows_shrinks_and_goes(terraform: Terraform, provider: DoubledProvider) -> None:
    write(terraform, 3)
    log = terraform.folder / "trace.log"
    terraform.environment |= {"TF_LOG": "TRACE", "TF_LOG_PATH": str(log)}
    made = terraform.apply()
    state = terraform.state()
    # No type is left out, but the one whose machines are installed from answer files.
    assert {entry["type"] for entry in state.values()} == {*RESOURCES, *ITEMS} - {"halab_installed_image"}
    assert set(provider.guests.count("set").values()) == {1}
    assert len(provider.guests.things()) == sum(entry["type"] in ITEMS for entry in state.values())
    nothing = terraform.plan()
    assert nothing.actions == {}

    secrets = secrets_of(terraform)
    assert len(secrets) > 8
    for text in (log.read_text(errors="replace"), made.text, nothing.text, nothing.outcome.text):
        assert not [secret for secret in secrets if secret in text]
    for name in ("TF_LOG", "TF_LOG_PATH"):
        del terraform.environment[name]

    _grow(terraform)
    _shrink(terraform)
    _lose_a_node(terraform, provider)

    terraform.destroy()
    assert terraform.state() == {}
    assert provider.hypervisor_holds() == EMPTY_HYPERVISOR
    assert [kind for kind, _ in provider.guests.left()] == []


def members(verb: str) -> dict[str, list[str]]:
    """What happens to the resources of node4 when it comes or goes."""
    own = (
        "ca_certificate.node4_fencing_ca cluster_member.node4_member cluster_node.node4 file.node4_dlm "
        "file.node4_fencing_password "
        "host.node4_host iscsi_acl.node4_acl iscsi_session.node4_session lvm_device.node4_vg lvm_host.node4_lvm "
        "machine.node4 pcsd.node4_pcsd secret.node4_chap site.node4_site ssh_trust.node4_ssh_trust stonith.fence_node4 "
        "volume.node4_disk fencing_level.node4_level1 fencing_level.node4_level2 "
        "iscsi_acl.node4_sbd_acl iscsi_session.node4_sbd_session sbd.node4_sbd"
    )
    return {f"halab_{address}": [verb] for address in own.split()}


def further_vote(verb: str) -> dict[str, list[str]]:
    """What an even number of nodes has: the target's vote, for which each of them asks."""
    asks = [f"halab_quorum_device.node{number}_quorum_device" for number in range(1, 5)]
    return {key: [verb] for key in (*asks, "halab_file.qnetd_options", "halab_service.qnetd")}


def others() -> dict[str, list[str]]:
    """What the others get to know of it: changed in place, none of it is made anew."""
    nodes = [f"halab_{kind}.node{n}_{kind.removeprefix('cluster_')}" for n in (1, 2, 3) for kind in EACH_NODE]
    return {key: ["update"] for key in (*nodes, *EVERYWHERE)}


EACH_NODE = ("cluster_member", "host", "pcsd", "ssh_trust")
EVERYWHERE = (
    "halab_clone.shared_fs",
    "halab_cluster.cluster",
    "halab_fencing_endpoint.fencing_endpoint",
    "halab_gfs2.gfs2",
    "halab_host.target_host",
    "halab_network.network",
    "halab_ssh_config.ssh_config",
    "halab_stonith.fence_sbd",
    "halab_ssh_trust.target_ssh_trust",
)


def _grow(terraform: Terraform) -> None:
    write(terraform, 4)
    assert terraform.plan().actions == members("create") | further_vote("create") | others()
    terraform.apply()
    assert terraform.plan().actions == {}


def _shrink(terraform: Terraform) -> None:
    write(terraform, 3)
    assert terraform.plan().actions == members("delete") | further_vote("delete") | others()
    order = ended(terraform.apply())
    machine = order.index("halab_machine.node4")
    for before in ("cluster_member.node4_member", "iscsi_session.node4_session", "stonith.fence_node4"):
        assert order.index(f"halab_{before}") < machine
    assert order.index("halab_iscsi_session.node4_session") < order.index("halab_iscsi_acl.node4_acl") < machine
    assert terraform.plan().actions == {}


def _lose_a_node(terraform: Terraform, provider: DoubledProvider) -> None:
    """The cluster lives on; what belonged to the machine is planned anew, with the device that fences it."""
    domain = provider.domain("node2")
    del provider.guests.machines[provider.inventory.machine(domain.UUIDString()).host_key]  # with its disk
    domain.destroy()
    domain.undefine()
    actions = terraform.plan().actions
    own = (
        "ca_certificate.node2_fencing_ca cluster_member.node2_member cluster_node.node2 file.node2_dlm "
        "file.node2_fencing_password "
        "host.node2_host iscsi_session.node2_session lvm_device.node2_vg lvm_host.node2_lvm machine.node2 "
        "pcsd.node2_pcsd site.node2_site ssh_trust.node2_ssh_trust iscsi_session.node2_sbd_session sbd.node2_sbd"
    )
    assert {address for address, done in actions.items() if done == ["create"]} == {
        f"halab_{address}" for address in own.split()
    }
    assert {address for address, done in actions.items() if done == ["delete", "create"]} == {
        "halab_iscsi_acl.node2_acl",
        "halab_iscsi_acl.node2_sbd_acl",
        "halab_fencing_level.node2_level1",
        "halab_stonith.fence_node2",
    }
    terraform.apply()
    assert terraform.plan().actions == {}
