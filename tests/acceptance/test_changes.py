"""Changes in place: what a plan says of each setting, and restarts of machines one after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from halab.provider.hypervisor.storage.volume import VolumeResource
from halab.provider.protocol import reattachable
from halab.provider.run.folder import LabFolder
from halab.provisioners.pacemaker import drain
from tests.acceptance.doubles import DoubledProvider, stack, write_stack
from tests.acceptance.hypervisor import put_doubles
from tests.acceptance.simulated_cluster import SimulatedCluster, simulate

if TYPE_CHECKING:
    from tests.acceptance.conftest import Terraform

Lab = tuple["Terraform", SimulatedCluster]
MACHINES = ("node1", "node2", "node3", "target")
NODES = (1, 2, 3)


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


def memory_deployed(terraform: Terraform) -> int:
    """What the lab's folder says that it was deployed with, for the next command to compare."""
    kept = json.loads(LabFolder.of(terraform.folder / "lab", "summit").settings.read_text())
    return int(kept["settings"]["memory_mib"])


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
    assert memory_deployed(terraform) == 1536
    terraform.apply()
    assert memory_deployed(terraform) == 2048
    assert terraform.plan().actions == {}
    expected = [[f"standby {n}", f"off {n}", "on"] if n != "target" else ["off target", "on"] for n in MACHINES]
    assert sorted(turns(cluster.events)) == sorted(expected)
    write(terraform)
    terraform.apply()


def test_a_lost_state_pulls_no_plug(lab: Lab) -> None:
    """Machines that run without a state that knows of them restart as those that it knows of."""
    terraform, cluster = lab
    write(terraform, memory_mib=2048)
    (terraform.folder / "terraform.tfstate").unlink()
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


def _each(kind: str, *names: str) -> dict[str, str]:
    return {f"halab_{kind}.{name}": "update" for name in names}


# What a plan says when one setting of the default lab is changed: nothing is made anew.
IN_PLACE: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "token_ms": (
        {"token_ms": 20000},
        _each("cluster", "cluster") | _each("cluster_member", *(f"node{n}_member" for n in NODES)),
    ),
    "fencing.delay_s": ({"fencing": {"delay_s": 5}}, _each("stonith", "fence_node1")),
    "gfs2.size": ({"gfs2": {"size": "95%VG"}}, _each("logical_volume", "logical_volume") | _each("gfs2", "gfs2")),
    "gfs2.journals": ({"gfs2": {"journals": 5}}, _each("gfs2", "gfs2")),
    "gfs2.journal_mib": ({"gfs2": {"journal_mib": 64}}, _each("gfs2", "gfs2")),
    "floating_ip": ({"floating_ip": "192.168.77.60"}, _each("group", "site")),
    "firewall": ({"firewall": "disabled"}, _each("host", *(f"{name}_host" for name in MACHINES))),
    "iscsi.lun_gib": (
        {"iscsi": {"lun_gib": 6}},
        _each("volume", "lun_disk")
        | _each("partition", "target_partition")
        | _each("iscsi_session", *(f"node{n}_session" for n in NODES))
        | _each("shared_partition", "lun_partition")
        | _each("shared_vg", "shared_vg")
        | _each("lvm_device", *(f"node{n}_vg" for n in NODES))
        | _each("logical_volume", "logical_volume")
        | _each("gfs2", "gfs2"),
    ),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_a_setting_that_changes_in_place(lab: Lab, name: str) -> None:
    terraform, _ = lab
    settings, expected = IN_PLACE[name]
    write(terraform, **settings)
    assert terraform.plan().actions == {address: [verb] for address, verb in expected.items()}


@pytest.mark.parametrize(
    ("settings", "replaced"),
    [
        ({"iscsi": {"iqn": "iqn.2016-06.test.halab:other"}}, "halab_iscsi_target.iscsi_target"),
        ({"gfs2": {"name": "gfs1"}}, "halab_gfs2.gfs2"),
        ({"fencing": {"port": 8001}}, "halab_fencing_endpoint.fencing_endpoint"),
        ({"network": {"cidr": "192.168.79.0/24"}}, "halab_machine.node1"),
    ],
)
def test_a_setting_whose_change_makes_something_anew_says_so(lab: Lab, settings: dict[str, Any], replaced: str) -> None:
    terraform, _ = lab
    write(terraform, **settings)
    assert terraform.plan().actions[replaced] == ["delete", "create"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"iscsi": {"lun_gib": 3}}, "A disk cannot shrink"),
        ({"gfs2": {"size": "80%VG"}}, "A logical volume cannot shrink"),
    ],
)
def test_what_cannot_shrink_is_refused_at_plan(lab: Lab, settings: dict[str, Any], words: str) -> None:
    terraform, _ = lab
    write(terraform, **settings)
    errors = [r for r in terraform.fails("plan").reported if r.severity == "error"]
    assert errors[0].summary == words
    assert "-replace" in errors[0].detail


def test_a_secret_is_changed_from_the_target_to_the_initiator(lab: Lab) -> None:
    terraform, cluster = lab
    done = cluster.provider.guests.done
    before = len(done)
    replaced = "-replace=halab_secret.node1_chap"
    assert terraform.plan(replaced).actions == {
        "halab_secret.node1_chap": ["delete", "create"],
        "halab_iscsi_acl.node1_acl": ["update"],
        "halab_iscsi_session.node1_session": ["update"],
        "halab_iscsi_acl.node1_sbd_acl": ["update"],
        "halab_iscsi_session.node1_sbd_session": ["update"],
    }
    terraform.apply(replaced)
    order = [kind for verb, kind, _ in done[before:] if verb == "set"]
    assert sorted(order) == ["halab_iscsi_acl"] * 2 + ["halab_iscsi_session"] * 2
    assert (order[0], order[-1]) == ("halab_iscsi_acl", "halab_iscsi_session")


def test_the_password_of_hacluster_is_changed_on_all_nodes(lab: Lab) -> None:
    terraform, _ = lab
    actions = terraform.plan("-replace=halab_secret.hacluster_password").actions
    assert actions.pop("halab_secret.hacluster_password") == ["delete", "create"]
    assert actions == {f"halab_pcsd.node{n}_pcsd": ["update"] for n in NODES}


def test_a_disk_grows_from_below(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last test: what has grown stays so."""
    terraform, cluster = lab
    # The test driver of libvirt resizes nothing.
    monkeypatch.setattr(VolumeResource, "change", lambda _self, _ctx, _prior, planned: planned)
    monkeypatch.setattr(VolumeResource, "look", lambda _self, _ctx, state: state)
    done = cluster.provider.guests.done
    before = len(done)
    write(terraform, iscsi={"lun_gib": 6})
    terraform.apply()
    assert terraform.plan().actions == {}
    order = list(dict.fromkeys(kind for verb, kind, _ in done[before:] if verb == "set"))
    parts = "partition iscsi_session shared_partition shared_vg lvm_device logical_volume gfs2"
    assert order == [f"halab_{part}" for part in parts.split()]
    assert [event for event in cluster.events if event.startswith("off")] == []
