"""Times and ratios of the benchmark, from the progress records of a real deploy."""

import dataclasses
import json
from pathlib import Path

import pytest

from halab.cli.bench.report import (
    CheckpointTimes,
    DeployTimes,
    FailoverTimes,
    Measured,
    NoOpTimes,
    as_json,
    deploy_times,
    hypervisors_used,
    ratios,
    report,
)
from halab.cli.change.progress import Follower, Timeline

RECORDED = Path(__file__).resolve().parents[3] / "data/progress/deploy-3-nodes.jsonl"
BEGAN = 1795363950.0
ENDED = 1795364295.0
SERVICE = 1795364240.326


@pytest.fixture
def timeline() -> Timeline:
    """A real deploy of three nodes and a target."""
    found = Timeline(BEGAN)
    for record in Follower(RECORDED).new_records():
        found.add(record)
    return found


@pytest.fixture
def times(timeline: Timeline) -> DeployTimes:
    return deploy_times(timeline, ENDED, SERVICE)


def test_the_boot_floor_runs_from_the_first_machines_start_to_the_last_ones_answer(times: DeployTimes) -> None:
    assert times.machines == 4
    assert times.power_on_s == pytest.approx(9.326)  # summit-target started
    assert times.boot_floor_s == pytest.approx(22.638)  # summit-node2 done
    assert times.service_s == pytest.approx(281.0)
    assert times.total_s == pytest.approx(345.0)
    assert times.service_per_boot == pytest.approx(281.0 / 22.638)


def test_the_phases_come_in_their_order(times: DeployTimes) -> None:
    names = ["network", "image", "machine", "host", "iscsi", "storage", "fencing", "cluster", "site"]
    assert sorted(row.phase for row in times.phases) == sorted(names)
    starts = [row.started_s for row in times.phases]
    assert starts == sorted(starts)


def test_machines_that_were_not_made_are_no_benchmark(timeline: Timeline) -> None:
    with pytest.raises(ValueError, match="none started"):
        deploy_times(Timeline(BEGAN), ENDED, SERVICE)
    timeline.records = [r for r in timeline.records if (r.name, r.event) != ("summit-node2", "done")]
    with pytest.raises(ValueError, match="all of them"):
        deploy_times(timeline, ENDED, SERVICE)


FAILOVER = FailoverTimes("node2", "node3", 10_000, detected_s=14.5, fenced_s=25.0, recovered_s=61.0)
CHECKPOINT = CheckpointTimes(save_s=12.0, restore_s=8.5)
NO_OP = NoOpTimes(diff_s=30.0, synth_s=12.0)


def test_the_report_ends_with_ratios_that_stand_for_themselves(times: DeployTimes) -> None:
    lines = report(Measured(times, NO_OP, FAILOVER, ["qemu"], CHECKPOINT))
    assert lines[-6:] == [
        "",
        "deploy: power-on to service / boot floor = 281.0 s / 22.6 s = 12.41",
        "checkpoint: save / deploy = 12.0 s / 345.0 s = 0.03",
        "checkpoint: restore / deploy = 8.5 s / 345.0 s = 0.02",
        "failover: crash to service / token = 61.0 s / 10.0 s = 6.10",
        "no-op: cdktf diff / cdktf synth = 30.0 s / 12.0 s = 2.50",
    ]
    assert "deploy of 4 machines (qemu), by phase" in lines
    assert "crash of node2, served by node3 afterwards, token 10000 ms" in lines
    assert "fenced          25.0 s after the crash,   10.5 s after the line above" in lines


def test_what_was_not_measured_is_called_so() -> None:
    lines = report(Measured())
    assert [line for line in lines if line] == [
        f"{part}: not measured" for part in ("deploy", "checkpoint", "failover", "no-op")
    ]
    assert list(ratios(Measured(checkpoint=CHECKPOINT))) == [], "a ratio is that of one run"
    assert list(ratios(Measured(no_op=NO_OP))) == ["no-op: cdktf diff / cdktf synth = 30.0 s / 12.0 s = 2.50"]


def test_events_are_told_in_the_order_in_which_they_came() -> None:
    early = dataclasses.replace(FAILOVER, recovered_s=20.0)
    words = [line.split()[0] for line in report(Measured(failover=early)) if "after the line above" in line]
    assert words == ["detected", "recovered", "fenced"]


def test_json_holds_everything_and_says_null_for_the_rest(times: DeployTimes) -> None:
    found = json.loads(json.dumps(as_json(Measured(deploy=times, checkpoint=CHECKPOINT), {"node_count": 3})))
    assert found["circumstances"] == {"node_count": 3}
    assert found["deploy"]["boot_floor_s"] == 22.638
    assert {"phase", "started_s", "duration_s", "resources", "failed"} == set(found["deploy"]["phases"][0])
    assert (found["failover"], found["no_op"]) == (None, None)
    assert found["ratios"] == {
        "service_per_boot": 12.413,
        "diff_per_synth": None,
        "save_per_deploy": 0.035,
        "restore_per_deploy": 0.025,
    }


def test_the_state_tells_the_hypervisor() -> None:
    machine = {"type": "halab_machine", "instances": [{"attributes": {"hypervisor_used": "qemu"}}]}
    other = {"type": "halab_network", "instances": [{"attributes": {}}]}
    assert hypervisors_used({"resources": [machine, other, machine]}) == ["qemu"]
    assert hypervisors_used({}) == []
