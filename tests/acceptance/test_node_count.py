"""Nodes come and go in the right order, one is made anew while the others stay, and too few are refused at plan."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING

import pytest

from halab.provisioners.engine.command import Command, Result
from tests.acceptance.doubles import DoubledProvider, stack, write_stack
from tests.acceptance.guests import Guest

if TYPE_CHECKING:
    from tests.acceptance.conftest import Outcome, Terraform

Deployed = tuple["Terraform", DoubledProvider]


@pytest.fixture
def provider(lab: DoubledProvider) -> DoubledProvider:
    return lab


def write(terraform: Terraform, nodes: int) -> None:
    write_stack(terraform, stack(nodes, terraform.folder))


class Order:
    """When each resource was begun and done with, in one run of terraform."""

    def __init__(self, outcome: Outcome) -> None:
        self.began: dict[str, int] = {}
        self.ended: dict[str, int] = {}
        lines = [json.loads(line) for line in outcome.text.splitlines() if line.startswith("{")]
        for number, line in enumerate(lines):
            seen = {"apply_start": self.began, "apply_complete": self.ended}.get(line["type"])
            if seen is not None:
                hook = line["hook"]
                seen[f"{hook['action']} {hook['resource']['addr']}"] = number

    def check(self, *addresses: str) -> None:
        """Each of them was done with before the next one was begun."""
        for first, then in itertools.pairwise(addresses):
            assert self.ended[first] < self.began[then], f"{then} began before the end of {first}"


def test_nodes_come_and_go_in_order(terraform: Terraform, provider: DoubledProvider) -> None:
    write(terraform, 3)
    terraform.apply()

    write(terraform, 4)
    grown = Order(terraform.apply())
    # The journal is there before the new node is allowed to mount, and its initiator is known before it logs in.
    grown.check("create halab_cluster_member.node4_member", "update halab_gfs2.gfs2", "update halab_clone.shared_fs")
    grown.check("create halab_iscsi_acl.node4_acl", "create halab_iscsi_session.node4_session")
    grown.check("update halab_network.network", "create halab_machine.node4")
    assert terraform.plan().actions == {}

    write(terraform, 3)
    shrunk = Order(terraform.apply())
    left = "delete halab_cluster_node.node4"
    # Device and membership have no order between them: who has left is fenced by nobody.
    for gone in ("stonith.fence_node4", "cluster_member.node4_member"):
        shrunk.check(left, f"delete halab_{gone}")
    shrunk.check(left, "delete halab_iscsi_session.node4_session", "delete halab_iscsi_acl.node4_acl")
    for needed in ("lvm_host.node4_lvm", "lvm_device.node4_vg", "site.node4_site", "host.node4_host"):
        shrunk.check(left, f"delete halab_{needed}", "delete halab_machine.node4")
    machine = "delete halab_machine.node4"
    for gone in ("stonith.fence_node4", "cluster_member.node4_member", "iscsi_acl.node4_acl"):
        shrunk.check(f"delete halab_{gone}", machine)
    # The others are told when the node has left: before, they would fence it.
    for node in ("node1", "node2", "node3"):
        shrunk.check("delete halab_cluster_member.node4_member", f"update halab_cluster_member.{node}_member")
    # Fewer copies may run when there are fewer nodes: before, the cluster might stop the one that serves the site.
    shrunk.check("delete halab_cluster_member.node4_member", "update halab_clone.shared_fs")
    for after in ("network.network", "fencing_endpoint.fencing_endpoint"):
        shrunk.check(machine, f"update halab_{after}")
    assert terraform.plan().actions == {}

    _too_small(terraform)
    _made_anew(terraform, provider)
    _removed_although_mute(terraform, provider)


def _too_small(terraform: Terraform) -> None:
    write(terraform, 1)
    error = terraform.fails("plan").error
    assert error.summary == "The cluster summit cannot shrink that far in one step"
    assert "1 of 3 nodes are no quorum: 2 are needed" in error.detail
    assert "node_count 3 -> 2 -> 1" in error.detail
    assert error.address == "halab_cluster.cluster"
    write(terraform, 3)


def _made_anew(terraform: Terraform, provider: DoubledProvider) -> None:
    """It leaves and returns under its name; the others are told its new host key and stay as they are."""
    provider.guests.done.clear()
    order = Order(terraform.apply("-replace=halab_machine.node2"))
    left = "delete halab_cluster_node.node2"
    for gone in ("stonith.fence_node2", "cluster_member.node2_member"):
        order.check(left, f"delete halab_{gone}")
    order.check(left, "delete halab_iscsi_session.node2_session", "delete halab_iscsi_acl.node2_acl")
    order.check("delete halab_machine.node2", "create halab_machine.node2", "create halab_cluster_member.node2_member")
    order.check("create halab_cluster_member.node2_member", "create halab_cluster_node.node2")
    machines = {name: terraform.resource(f"halab_machine.{name}")["id"] for name in ("node1", "node3", "target")}
    of_others = {kind for _, kind, id in provider.guests.done for uuid in machines.values() if id.startswith(uuid)}
    assert of_others == {"halab_ssh_trust", "halab_iscsi_acl"}
    assert terraform.plan().actions == {}


def _removed_although_mute(terraform: Terraform, provider: DoubledProvider) -> None:
    """Nobody can ask it to leave: another member has it fenced, while its device is still there."""
    asked: list[str] = []

    def answer(guest: Guest, command: Command) -> Result | None:
        if command.argv[0] == "crm_mon":
            online = "false" if asked else "true"
            node = f'<node name="node3" id="3" online="{online}" pending="false" unclean="false"/>'
            xml = f"<r><summary><cluster_options/></summary><nodes>{node}</nodes><status code='0'/></r>"
            return Result(command, 0, xml, "")
        if command.argv[0] == "stonith_admin":
            devices = [id for kind, id in provider.guests.clusters["summit"] if kind == "halab_stonith"]
            asked.append(f"{guest.name}: {command}, with {' '.join(sorted(devices))}")
            return Result(command, 0, "", "")
        return None

    provider.guests.answer, provider.guests.mute = answer, {"node3"}
    write(terraform, 2)
    outcome = terraform.apply()
    devices = "summit:fence-node1 summit:fence-node2 summit:fence-node3 summit:fence-sbd"
    assert asked == [f"node2: stonith_admin --fence node3 --timeout 300, with {devices}"]
    warned = {report.summary for report in outcome.reported if report.severity == "warning"}
    assert not any("halab_cluster_node" in summary for summary in warned)
    assert any("halab_cluster_member" in summary and "was left as it is" in summary for summary in warned)
    assert "halab_machine.node3" not in terraform.state()
    provider.guests.mute = set()
    assert terraform.plan().actions == {}
