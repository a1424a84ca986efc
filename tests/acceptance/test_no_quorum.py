"""A cluster without quorum: what its lock manager guards answers nobody, and a plan comes about all the same."""

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


def stands_still(guest: Guest, command: Command) -> None:
    """Whoever reads or writes there on a node without quorum waits."""
    verb, *words = command.argv[1:]
    if guest.name in guest.guests.without_quorum and verb in ("get", "half", "set", "del") and words[1] in UNDER_DLM:
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

    def joins(verb: str, kind: str, id: str) -> None:
        if (verb, kind) == ("set", MEMBER):
            guests.without_quorum.clear()

    guests.after = joins
    plan = terraform.plan()
    (told,) = plan.outcome.reported
    assert (told.severity, told.summary) == ("warning", _TOLD)
    assert "docs/runbook.md" in told.detail
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
