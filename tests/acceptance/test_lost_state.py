"""The state is lost and everything else is there: one deploy takes it over, and nothing is made twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.acceptance.doubles import DoubledProvider, stack, write_stack
from tests.acceptance.guests import MEMBER

if TYPE_CHECKING:
    from tests.acceptance.conftest import Terraform


@pytest.fixture
def provider(lab: DoubledProvider) -> DoubledProvider:
    return lab


def keys(terraform: Terraform) -> list[str]:
    cluster = terraform.resource("halab_cluster.cluster")
    return [cluster["corosync_authkey"], cluster["pacemaker_authkey"]]


def test_what_runs_is_taken_over(terraform: Terraform, provider: DoubledProvider) -> None:
    write_stack(terraform, stack(3, terraform.folder))
    terraform.apply()
    before, machines, state = keys(terraform), set(provider.guests.machines), terraform.state().keys()
    secret = terraform.resource("halab_secret.node1_chap")["value"]
    provider.guests.done.clear()

    (terraform.folder / "terraform.tfstate").unlink()
    terraform.apply()
    assert terraform.state().keys() == state
    assert set(provider.guests.machines) == machines, "no machine was made again"
    assert keys(terraform) == before
    assert not [thing for thing in provider.guests.done if thing[1] == MEMBER], "members go on by their keys"
    assert not [thing for thing in provider.guests.done if thing[0] == "del"]
    assert terraform.resource("halab_secret.node1_chap")["value"] != secret, "a secret was in the state only"
    assert terraform.plan().actions == {}


def test_a_lab_that_another_folder_has_made_is_not_taken_over(terraform: Terraform, provider: DoubledProvider) -> None:
    """The same name in another checkout: nothing was changed from there, so nothing can be a killed run's."""
    write_stack(terraform, stack(1, terraform.folder))
    terraform.apply()
    held, done = provider.hypervisor_holds(), len(provider.guests.done)
    (terraform.folder / "terraform.tfstate").unlink()
    state = terraform.folder / "elsewhere/lab/.halab/summit/terraform.tfstate"
    state.parent.mkdir(parents=True)
    state.touch()  # as Terraform does, which locks it
    write_stack(terraform, stack(1, terraform.folder / "elsewhere"))
    refused = terraform.fails("apply")
    told = {error.summary for error in refused.reported if error.severity == "error"}
    assert told == {
        "halab_network summit exists already and was not made from here",
        "halab_pool summit exists already and was not made from here",
    }
    assert provider.hypervisor_holds() == held
    assert len(provider.guests.done) == done
