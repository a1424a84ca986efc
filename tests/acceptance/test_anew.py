"""What lives inside of something that is made anew is made anew with it: one deploy, and nothing is left to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from halab.provisioners.engine.errors import TimedOut
from tests.acceptance.doubles import DoubledProvider, stack, write_stack
from tests.acceptance.guests import ON_THE_LUN

if TYPE_CHECKING:
    from halab.provisioners.engine.command import Command
    from tests.acceptance.conftest import Terraform
    from tests.acceptance.guests import Guest

IN_THE_CIB = {
    "halab_clone.locking",
    "halab_clone.shared_fs",
    "halab_group.site",
    "halab_cluster_property.load_threshold",
    "halab_cluster_property.no_quorum_policy",
    "halab_cluster_property.stonith_enabled",
    "halab_cluster_property.stonith_timeout",
}
ON_GFS2 = {"halab_clone.shared_fs", "halab_cluster_file.page", "halab_group.site"}


@pytest.fixture
def provider(lab: DoubledProvider) -> DoubledProvider:
    return lab


def replaced(terraform: Terraform, *options: str) -> set[str]:
    actions = terraform.plan(*options).actions
    return {address for address, done in actions.items() if done == ["delete", "create"]}


@pytest.mark.parametrize(
    ("settings", "inside"),
    [
        pytest.param({"network": {"cidr": "192.168.79.0/24"}}, IN_THE_CIB | ON_GFS2, id="all machines"),
        pytest.param({"gfs2": {"name": "gfs1"}}, ON_GFS2, id="the file system"),
    ],
)
def test_a_setting(terraform: Terraform, provider: DoubledProvider, settings: dict[str, Any], inside: set[str]) -> None:
    write_stack(terraform, stack(3, terraform.folder))
    terraform.apply()
    write_stack(terraform, stack(3, terraform.folder, **settings))
    assert replaced(terraform) >= inside
    terraform.apply()
    assert terraform.plan().actions == {}


def test_both_machines_of_a_cluster(terraform: Terraform, provider: DoubledProvider) -> None:
    """It lives on in the one that stays; when both go, what is on the LUN stays."""
    write_stack(terraform, stack(2, terraform.folder))
    terraform.apply()
    one = ("-replace=halab_machine.node1",)
    assert replaced(terraform, *one).isdisjoint(IN_THE_CIB)
    both = (*one, "-replace=halab_machine.node2")
    assert replaced(terraform, *both) >= IN_THE_CIB
    terraform.apply(*both)
    assert terraform.plan().actions == {}


def test_what_lies_on_what(terraform: Terraform, provider: DoubledProvider) -> None:
    write_stack(terraform, stack(2, terraform.folder))
    terraform.apply()
    on_lv = {"halab_gfs2.gfs2", *ON_GFS2}
    on_vg = {"halab_logical_volume.logical_volume", "halab_lvm_device.node1_vg", "halab_lvm_device.node2_vg", *on_lv}
    for address, above in (
        ("gfs2.gfs2", ON_GFS2),
        ("logical_volume.logical_volume", on_lv),
        ("shared_vg.shared_vg", on_vg),
    ):
        assert replaced(terraform, f"-replace=halab_{address}") == above | {f"halab_{address}"}


# What the target exports outlives its machine: the nodes keep their sessions, and what is on the LUN stays.
OF_THE_LUN = {
    "halab_partition.target_partition",
    "halab_iscsi_target.iscsi_target",
    "halab_iscsi_acl.node1_acl",
    "halab_iscsi_acl.node2_acl",
}
OF_SBD = {"halab_iscsi_target.sbd_target", "halab_iscsi_acl.node1_sbd_acl", "halab_iscsi_acl.node2_sbd_acl"}
KNOW_ITS_HOST_KEY = {
    "halab_ssh_config.ssh_config",
    "halab_ssh_trust.node1_ssh_trust",
    "halab_ssh_trust.node2_ssh_trust",
}
ON_THE_TARGET = {"halab_machine.target", "halab_host.target_host", "halab_ssh_trust.target_ssh_trust"}


def dead_lun(guest: Guest, command: Command) -> None:
    """Whoever reads from it waits for minutes."""
    if command.argv[1:2] == ("get",) and command.argv[3] in ON_THE_LUN:
        raise TimedOut(f"{guest.name}: {command.argv[3]} did not answer", "I/O waits for the target.")


@pytest.mark.parametrize("gone", [False, True], ids=["replaced", "gone"])
def test_the_targets_machine_but_not_its_lun(terraform: Terraform, provider: DoubledProvider, gone: bool) -> None:
    write_stack(terraform, stack(2, terraform.folder))
    terraform.apply()
    before = exported(terraform)
    if gone:
        domain = provider.domain("target")
        domain.destroy()
        domain.undefine()
        provider.guests.answer = dead_lun
    options = () if gone else ("-replace=halab_machine.target",)
    anew = ["create"] if gone else ["delete", "create"]
    changed = {address: ["update"] for address in OF_THE_LUN | OF_SBD | KNOW_ITS_HOST_KEY}
    assert terraform.plan(*options).actions == changed | dict.fromkeys(ON_THE_TARGET, anew)
    removed = len([verb for verb, _, _ in provider.guests.done if verb == "del"])
    terraform.apply(*options)
    provider.guests.answer = lambda *_: None
    deleted = [kind for verb, kind, _ in provider.guests.done if verb == "del"][removed:]
    assert deleted == ([] if gone else ["halab_ssh_trust", "halab_host"])
    assert exported(terraform) == before
    assert terraform.plan().actions == {}


def test_a_target_that_is_off_is_switched_on(terraform: Terraform, provider: DoubledProvider) -> None:
    write_stack(terraform, stack(2, terraform.folder))
    terraform.apply()
    provider.domain("target").destroy()
    provider.guests.answer = dead_lun
    plan = terraform.plan()
    assert plan.actions == {"halab_machine.target": ["update"]}
    (told,) = plan.outcome.reported
    assert (told.severity, told.summary) == ("warning", "target does not run: what is on the LUN is not looked at")
    terraform.apply()
    refused = terraform.fails("plan").reported  # it runs again: now the LUN is looked at
    assert {r.summary for r in refused} == {"node2: halab_shared_partition did not answer"}
    provider.guests.answer = lambda *_: None
    assert terraform.plan().actions == {}


def test_another_disk_of_the_target_is_another_lun(terraform: Terraform, provider: DoubledProvider) -> None:
    write_stack(terraform, stack(2, terraform.folder))
    terraform.apply()
    options = ("-replace=halab_machine.target", "-replace=halab_volume.lun_disk")
    assert replaced(terraform, *options) >= OF_THE_LUN | {"halab_shared_partition.lun_partition", "halab_gfs2.gfs2"}
    terraform.apply(*options)
    assert terraform.plan().actions == {}


def exported(terraform: Terraform) -> tuple[str, str]:
    """The target's name, and its LUN's."""
    values = terraform.resource("halab_iscsi_target.iscsi_target")
    return values["iqn"], values["lun_device"]
