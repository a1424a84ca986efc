"""SBD without a disk comes, goes and changes in the order in which Pacemaker survives it on every member."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.acceptance.doubles import DoubledProvider, stack, write_stack
from tests.acceptance.test_node_count import Order

if TYPE_CHECKING:
    from tests.acceptance.conftest import Terraform

COUNTED = "halab_cluster_property.stonith_watchdog_timeout"
DEVICE = "halab_stonith.fence_watchdog"
ONE_BY_ONE = "-parallelism=1"


@pytest.fixture
def provider(lab: DoubledProvider) -> DoubledProvider:
    return lab


def write(terraform: Terraform, levels: str, nodes: int = 3, scale: float = 1.0) -> None:
    write_stack(terraform, stack(nodes, terraform.folder, fencing={"levels": levels.split(",")}, time_scale=scale))


def sbd(node: int) -> str:
    return f"halab_sbd.node{node}_sbd"


def settled(terraform: Terraform) -> None:
    assert terraform.plan().actions == {}


@pytest.mark.long  # a minute
def test_a_lab_that_fences_itself_grows_shrinks_and_changes(terraform: Terraform, provider: DoubledProvider) -> None:
    write(terraform, "watchdog")
    made = Order(terraform.apply())
    for node in (1, 2, 3):
        made.check(f"create {sbd(node)}", f"create halab_cluster_member.node{node}_member", f"create {COUNTED}")
    made.check(f"create {COUNTED}", f"create {DEVICE}", "create halab_group.site")
    settled(terraform)
    _grows_and_shrinks(terraform)
    _too_many_at_once(terraform)
    _other_times(terraform)
    _goes(terraform)
    terraform.destroy()
    assert [kind for kind, _ in provider.guests.left()] == []


def _grows_and_shrinks(terraform: Terraform) -> None:
    write(terraform, "watchdog", nodes=4)
    assert not {COUNTED, DEVICE, sbd(1)} & terraform.plan().actions.keys(), "what is there stays as it is"
    grown = Order(terraform.apply(ONE_BY_ONE))
    grown.check("create halab_machine.node4", f"create {sbd(4)}", "create halab_cluster_member.node4_member")
    settled(terraform)
    write(terraform, "watchdog", nodes=3)
    shrunk = Order(terraform.apply(ONE_BY_ONE))
    shrunk.check(
        "delete halab_cluster_node.node4", "delete halab_cluster_member.node4_member", f"delete {sbd(4)}",
        "delete halab_machine.node4",
    )  # fmt: skip
    settled(terraform)


def _too_many_at_once(terraform: Terraform) -> None:
    """Nodes without quorum would reset themselves until the new ones have joined."""
    write(terraform, "watchdog", nodes=6)
    error = terraform.fails("plan").error
    assert error.summary == "The cluster summit cannot grow that far in one step"
    assert "node_count 3 -> 5 -> 6" in error.detail
    write(terraform, "watchdog", nodes=5)
    assert terraform.plan().actions[sbd(5)] == ["create"]


def _other_times(terraform: Terraform) -> None:
    """Nobody counts on a watchdog while it is another."""
    for scale in (4.0, 1.0):
        write(terraform, "watchdog", scale=scale)
        assert terraform.plan().actions[COUNTED] == ["delete", "create"]
        order = Order(terraform.apply(ONE_BY_ONE))
        for node in (1, 2, 3):
            order.check(f"delete {DEVICE}", f"delete {COUNTED}", f"delete {sbd(node)}", f"create {sbd(node)}")
            order.check(f"create {sbd(node)}", f"create {COUNTED}", f"create {DEVICE}")
        settled(terraform)


def _goes(terraform: Terraform) -> None:
    write(terraform, "redfish")
    order = Order(terraform.apply(ONE_BY_ONE))
    for node in (1, 2, 3):
        order.check(f"delete {DEVICE}", f"delete {COUNTED}", f"delete {sbd(node)}")
    settled(terraform)
    write(terraform, "watchdog")
    order = Order(terraform.apply())
    for node in (1, 2, 3):
        order.check(f"create {sbd(node)}", f"create {COUNTED}", f"create {DEVICE}")
    settled(terraform)


@pytest.mark.parametrize("one_by_one", [pytest.param(True, marks=pytest.mark.long), False])
def test_from_a_disk_to_none_and_back(terraform: Terraform, provider: DoubledProvider, one_by_one: bool) -> None:
    """The old sbd of a node has ended before the new one starts; what it watched goes after it."""
    del provider
    options = [ONE_BY_ONE] if one_by_one else []
    write(terraform, "redfish,sbd")
    terraform.apply()
    write(terraform, "redfish,watchdog")
    actions = terraform.plan().actions
    assert {address for address in actions if "member" in address or "machine" in address} == set()
    order = Order(terraform.apply(*options))
    for node in (1, 2, 3):
        order.check("delete halab_stonith.fence_sbd", f"delete {sbd(node)}", f"create {sbd(node)}", f"create {COUNTED}")
        order.check(
            f"delete {sbd(node)}", f"delete halab_iscsi_session.node{node}_sbd_session",
            "delete halab_iscsi_target.sbd_target",
        )  # fmt: skip
    order.check(f"delete {sbd(1)}", "delete halab_sbd_disk.sbd_header")
    settled(terraform)

    write(terraform, "redfish,sbd")
    order = Order(terraform.apply(*options))
    for node in (1, 2, 3):
        order.check(f"delete {DEVICE}", f"delete {COUNTED}", f"delete {sbd(node)}", f"create {sbd(node)}")
        order.check("create halab_sbd_disk.sbd_header", f"create {sbd(node)}", "create halab_stonith.fence_sbd")
    settled(terraform)


def test_the_key_s_watch_lets_go_of_the_watchdog_first(terraform: Terraform, provider: DoubledProvider) -> None:
    del provider
    write(terraform, "scsi")
    terraform.apply()
    write(terraform, "scsi,watchdog")
    order = Order(terraform.apply(ONE_BY_ONE))
    for node in (1, 2, 3):
        order.check(f"update halab_scsi_watch.node{node}_scsi_watch", f"create {sbd(node)}", f"create {COUNTED}")
    settled(terraform)
    write(terraform, "scsi")
    order = Order(terraform.apply(ONE_BY_ONE))
    for node in (1, 2, 3):
        order.check(f"delete {COUNTED}", f"delete {sbd(node)}", f"update halab_scsi_watch.node{node}_scsi_watch")
    settled(terraform)


def test_what_was_changed_by_hand_is_put_right(terraform: Terraform, provider: DoubledProvider) -> None:
    write(terraform, "watchdog")
    terraform.apply()
    uuid = terraform.resource("halab_machine.node2")["id"]
    provider.guests.drift(("halab_sbd", f"{uuid}:"), condition="sbd does not run beside the cluster")
    provider.guests.drift(("halab_cluster_property", "summit:stonith-watchdog-timeout"), value="5s")
    assert terraform.plan().actions == {sbd(2): ["update"], COUNTED: ["update"]}
    terraform.apply()
    settled(terraform)
    provider.guests.lose(("halab_cluster_property", "summit:stonith-watchdog-timeout"))
    assert terraform.plan().actions == {COUNTED: ["create"]}


def test_sbd_without_a_disk_is_imported(terraform: Terraform, provider: DoubledProvider) -> None:
    write(terraform, "watchdog")
    terraform.apply()
    before, id = terraform.resource(sbd(3)), f"{terraform.resource('halab_machine.node3')['id']}:"
    assert before["id"] == id
    terraform.run("state", "rm", sbd(3))
    terraform.import_(sbd(3), id)
    assert terraform.resource(sbd(3)) == before
    settled(terraform)
