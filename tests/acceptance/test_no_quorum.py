"""A cluster whose lock manager stands still: what it guards answers nobody, and a plan comes about all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from halab.provisioners.engine.command import Command, Result
from halab.provisioners.engine.errors import TimedOut
from halab.provisioners.pacemaker.status import STATUS_COMMAND
from tests.acceptance.doubles import DoubledProvider, stack, write_stack
from tests.acceptance.guests import MEMBER

if TYPE_CHECKING:
    from tests.acceptance.conftest import Terraform
    from tests.acceptance.guests import Guest

UNDER_DLM = {f"halab_{kind}" for kind in ("shared_vg", "logical_volume", "gfs2", "cluster_file")}
_STATUS = f"<r><summary><cluster_options/></summary><nodes>{3 * '<node/>'}</nodes></r>"
_TOLD = "cluster summit has no quorum: the shared file system is not looked at"


@pytest.fixture
def provider(lab: DoubledProvider) -> DoubledProvider:
    return lab


asked_under_dlm: list[str] = []


def stands_still(guest: Guest, command: Command) -> None:
    """Whoever reads or writes there on a node whose DLM stands still waits."""
    verb, *words = command.argv[1:]
    still = guest.guests.without_quorum | guest.guests.locks_wait
    if guest.name in still and verb in ("get", "half", "set", "del") and words[1] in UNDER_DLM:
        asked_under_dlm.append(words[1])
        raise TimedOut(f"{guest.name}: {words[1]} did not end within 60 s")


def test_the_majority_is_gone_for_good(terraform: Terraform, provider: DoubledProvider) -> None:
    write_stack(terraform, stack(3, terraform.folder))
    terraform.apply()
    guests = provider.guests
    for name in ("node2", "node3"):
        domain = provider.domain(name)
        domain.destroy()
        domain.undefine()
    guests.without_quorum, guests.answer = {"node1", "node2", "node3"}, stands_still
    asked_under_dlm.clear()

    def joins(verb: str, kind: str, id: str) -> None:
        if (verb, kind) == ("set", MEMBER):
            guests.without_quorum.clear()

    guests.after = joins
    plan = terraform.plan()
    (told,) = plan.outcome.reported
    assert (told.severity, told.summary) == ("warning", _TOLD)
    assert "docs/runbook.md" in told.detail
    assert asked_under_dlm == [], "nobody is left behind who waits, not even beside another question"
    touched = {address.split(".")[0] for address in plan.actions}
    assert touched.isdisjoint(UNDER_DLM)
    assert {"halab_machine.node2", "halab_machine.node3"} <= set(plan.actions)
    terraform.apply()
    assert terraform.plan().actions == {}


def test_a_node_that_is_cut_off_is_not_asked(terraform: Terraform, provider: DoubledProvider) -> None:
    """The others have quorum: what lies on GFS2 is looked at there."""
    write_stack(terraform, stack(3, terraform.folder))
    terraform.apply()
    provider.guests.without_quorum, provider.guests.answer = {"node2"}, stands_still
    provider.guests.drift(("halab_cluster_file", "summit:/var/www/html:/var/www/html/index.html"), content="hacked\n")
    plan = terraform.plan()
    assert (plan.outcome.reported, plan.actions) == ((), {"halab_cluster_file.page": ["update"]})


def test_a_write_waits_for_nodes_that_were_switched_on(terraform: Terraform, provider: DoubledProvider) -> None:
    document = stack(3, terraform.folder)
    write_stack(terraform, document)
    terraform.apply()
    guests, asked = provider.guests, []
    for name in ("node2", "node3"):
        provider.domain(name).destroy()
    guests.without_quorum = {"node1", "node2", "node3"}

    def join_in_a_while(guest: Guest, command: Command) -> Result | None:
        if command == STATUS_COMMAND:
            return Result(command, 0, _STATUS, "")
        if command.argv[0] == "corosync-quorumtool" and provider.domain("node2").isActive():
            asked.append(guest.name)
            if len(asked) > len(guests.without_quorum):  # each was asked once before
                guests.without_quorum.clear()
        stands_still(guest, command)
        return None

    guests.answer = join_in_a_while
    document["resource"]["halab_cluster_file"]["page"]["content"] = "another page\n"
    write_stack(terraform, document)
    terraform.apply()
    assert guests.without_quorum == set()
    guests.answer = lambda *_: None
    assert terraform.plan().actions == {}


def test_what_dlm_does_not_guard_is_looked_at(terraform: Terraform, provider: DoubledProvider) -> None:
    """A partition of the LUN and what a node itself uses of it: reading them asks no lock manager."""
    write_stack(terraform, stack(3, terraform.folder))
    terraform.apply()
    guests = provider.guests
    (partition,) = (thing for thing in guests.things() if thing[0] == "halab_shared_partition")
    device = next(thing for thing in guests.things() if thing[0] == "halab_lvm_device")
    guests.without_quorum, guests.answer = {"node1", "node2", "node3"}, stands_still
    asked_under_dlm.clear()
    guests.drift(partition, label="another")
    guests.lose(device)
    guests.drift(next(thing for thing in guests.things() if thing[0] == "halab_sbd_disk"), condition="it is away")
    plan = terraform.plan()
    assert [told.summary for told in plan.outcome.reported] == [_TOLD]
    actions = {address.split(".")[0]: action for address, action in plan.actions.items()}
    halab_sbd_disk = actions.pop("halab_sbd_disk")
    assert halab_sbd_disk
    assert actions == {"halab_shared_partition": ["update"], "halab_lvm_device": ["create"]}
    assert asked_under_dlm == []
    guests.without_quorum.clear()
    terraform.apply()
    assert terraform.plan().actions == {}


def test_dlm_waits_for_a_fencing(terraform: Terraform, provider: DoubledProvider) -> None:
    """There is quorum, and whoever reads on GFS2 waits all the same."""
    write_stack(terraform, stack(3, terraform.folder))
    terraform.apply()
    guests = provider.guests
    guests.locks_wait, guests.answer = {"node1", "node2", "node3"}, stands_still
    asked_under_dlm.clear()
    guests.drift(("halab_cluster_file", "summit:/var/www/html:/var/www/html/index.html"), content="hacked\n")
    plan = terraform.plan()
    (told,) = plan.outcome.reported
    what = "DLM of cluster summit stands still (gfs0, lvm_vg_summit): the shared file system is not looked at"
    assert (told.severity, told.summary) == ("warning", what)
    assert "halab fence" in told.detail
    assert (plan.actions, asked_under_dlm) == ({}, [])
    guests.locks_wait.clear()
    assert terraform.plan().actions == {"halab_cluster_file.page": ["update"]}
