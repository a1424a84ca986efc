"""Changes in place: what a plan says of each setting, and restarts of machines one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from halab.provider.protocol import reattachable
from halab.provisioners.pacemaker import drain
from tests.acceptance.doubles import DoubledProvider, stack, write_stack
from tests.acceptance.hypervisor import put_doubles
from tests.acceptance.simulated_cluster import SimulatedCluster, simulate

if TYPE_CHECKING:
    from tests.acceptance.conftest import Terraform

Lab = tuple["Terraform", SimulatedCluster]
MACHINES = ("node1", "node2", "node3", "target")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The default lab, deployed once; each test leaves it deployed with the default settings."""
    from tests.acceptance.conftest import Terraform

    with pytest.MonkeyPatch.context() as patch:
        put_doubles(patch)
        provider = DoubledProvider()
        cluster = simulate(patch, provider)
        with reattachable(provider) as entry:
            folder = tmp_path_factory.mktemp("changes")
            terraform = Terraform(folder, provider.address, {"TF_REATTACH_PROVIDERS": entry})
            write(terraform)
            terraform.apply()
            yield terraform, cluster


def write(terraform: Terraform, **settings: Any) -> None:
    write_stack(terraform, stack(3, terraform.folder, **settings))


@pytest.fixture(autouse=True)
def calm(lab: Lab) -> Iterator[None]:
    terraform, cluster = lab
    cluster.events.clear()
    yield
    cluster.broken.clear()
    cluster.maintenance = False
    write(terraform)


def turns(events: list[str]) -> list[list[str]]:
    """The events, a list for each machine that was switched off."""
    found: list[list[str]] = [[]]
    for event in events:
        found[-1].append(event)
        if event == "on":
            found.append([])
    return [turn for turn in found if turn]


def test_more_memory_is_a_rolling_restart(lab: Lab) -> None:
    terraform, cluster = lab
    write(terraform, memory_mib=2048)
    plan = terraform.plan()
    assert plan.actions == {f"halab_machine.{name}": ["update"] for name in MACHINES}
    (warning,) = {(r.severity, r.summary) for r in plan.outcome.reported}
    assert warning == ("warning", "Machines are restarted, one after the other")
    terraform.apply()
    assert terraform.plan().actions == {}
    expected = [[f"standby {n}", f"off {n}", "on"] if n != "target" else ["off target", "on"] for n in MACHINES]
    assert sorted(turns(cluster.events)) == sorted(expected)
    write(terraform)
    terraform.apply()


def test_a_node_that_does_not_come_back_stops_the_rest(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    terraform, cluster = lab
    monkeypatch.setattr(drain, "BACK_S", 1.0)
    cluster.broken = {"node1", "node2", "node3"}  # from its restart on: what ran before still counts
    write(terraform, vcpus=2)
    before = cluster._resources
    monkeypatch.setattr(SimulatedCluster, "_resources", lambda self, up: _until_off(self, up, before))
    errors = [r for r in terraform.fails("apply").reported if r.severity == "error"]
    nodes_off = {event for event in cluster.events if event.startswith("off node")}
    assert len(nodes_off) == 1
    assert any("back in service" in r.summary and "dlm does not run" in r.detail for r in errors)
    assert sum("was not restarted" in r.summary for r in errors) >= 2
    monkeypatch.undo()
    cluster.broken.clear()
    terraform.apply()
    assert terraform.plan().actions == {}
    write(terraform)
    terraform.apply()


def _until_off(cluster: SimulatedCluster, up: dict[str, bool], healthy: Any) -> Iterator[str]:
    broken, cluster.broken = cluster.broken, {n for n in cluster.broken if f"off {n}" in cluster.events}
    try:
        yield from healthy(up)
    finally:
        cluster.broken = broken


def test_a_cluster_that_cannot_do_without_a_node_keeps_it(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    terraform, cluster = lab
    monkeypatch.setattr(drain, "REST_S", 1.0)
    cluster.maintenance = True
    write(terraform, memory_mib=2048)
    errors = [r for r in terraform.fails("apply").reported if r.severity == "error"]
    assert not [event for event in cluster.events if event.startswith("off node")]
    assert any("maintenance mode" in r.detail for r in errors)
    cluster.maintenance = False
    monkeypatch.undo()
    terraform.apply()
    assert terraform.plan().actions == {}
    write(terraform)
    terraform.apply()


def test_a_node_that_cannot_be_emptied_is_left_in_service(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    terraform, cluster = lab
    monkeypatch.setattr(drain, "EMPTY_S", 1.0)
    monkeypatch.setattr(SimulatedCluster, "moving", property(lambda self: 9, lambda self, value: None))
    write(terraform, memory_mib=2048)
    errors = [r for r in terraform.fails("apply").reported if r.severity == "error"]
    assert any("without resources" in r.summary and "still there" in r.detail for r in errors)
    assert cluster.standby == set()
    assert not [event for event in cluster.events if event.startswith("off node")]
    monkeypatch.undo()
    write(terraform)
    terraform.apply()
