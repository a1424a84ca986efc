"""What `make bench` says: times from progress records, ratios, and the lines that are printed. Pure."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from halab.cli.change.progress import PhaseTime, Record, Timeline, table

MACHINE = "halab_machine"


@dataclass(frozen=True)
class DeployTimes:
    """One deploy of an absent lab. Power-on is the start of the first machine's resource."""

    machines: int
    power_on_s: float
    """From the beginning of the deploy."""
    boot_floor_s: float
    """Power-on until SSH answers on all machines, which boot in parallel."""
    service_s: float
    """Power-on until the site answers."""
    total_s: float
    """From the beginning to the end of the deploy."""
    phases: tuple[PhaseTime, ...]

    @property
    def service_per_boot(self) -> float:
        """How many boots' time the whole way to the service takes."""
        return self.service_s / self.boot_floor_s


@dataclass(frozen=True)
class FailoverTimes:
    """A crash of the active node: seconds from the crash to each event."""

    crashed: str
    served_by: str
    token_ms: int
    """Corosync's effective token, as the nodes have it at run time."""
    detected_s: float
    fenced_s: float
    recovered_s: float


@dataclass(frozen=True)
class NoOpTimes:
    """`cdktf diff` of a lab that is as it should be, and `cdktf synth` alone, which is a part of it."""

    diff_s: float
    synth_s: float

    @property
    def diff_per_synth(self) -> float:
        """What looking at the whole lab costs, measured in cdktf's own time."""
        return self.diff_s / self.synth_s


@dataclass(frozen=True)
class CheckpointTimes:
    """A save of the whole lab, and the way back to it until the site answers; each as the command takes it."""

    save_s: float
    restore_s: float


@dataclass
class Measured:
    """What was measured so far; None: not measured."""

    deploy: DeployTimes | None = None
    no_op: NoOpTimes | None = None
    failover: FailoverTimes | None = None
    hypervisors: list[str] = field(default_factory=list)
    """What the machines ran on: kvm or qemu (emulation)."""
    checkpoint: CheckpointTimes | None = None


def deploy_times(timeline: Timeline, ended: float, service: float) -> DeployTimes:
    """The times of a deploy that ended and whose site first answered at these moments (Unix time, s).

    ValueError: the records do not show a deploy that made all of its machines.
    """
    machines = [record for record in timeline.records if record.resource == MACHINE]
    started = _names(machines, "start")
    if not started or started != _names(machines, "done"):
        raise ValueError(f"no deploy that made machines, and all of them: {sorted(started) or 'none'} started")
    power_on = min(record.t for record in machines if record.event == "start")
    return DeployTimes(
        machines=len(started),
        power_on_s=power_on - timeline.began,
        boot_floor_s=max(record.t for record in machines if record.event == "done") - power_on,
        service_s=service - power_on,
        total_s=ended - timeline.began,
        phases=tuple(timeline.phases()),
    )


def _names(records: Iterable[Record], event: str) -> set[str]:
    return {record.name for record in records if record.event == event}


def report(measured: Measured) -> list[str]:
    """The report, one text a line; its last block are the ratios."""
    parts = (
        _deploy_lines(measured.deploy, measured.hypervisors),
        _checkpoint_lines(measured.checkpoint),
        _failover_lines(measured.failover),
        _no_op_lines(measured.no_op),
    )
    return [*itertools.chain(*parts), "", *ratios(measured)]


def _deploy_lines(deploy: DeployTimes | None, hypervisors: list[str]) -> Iterator[str]:
    if deploy is None:
        yield "deploy: not measured"
        return
    yield f"deploy of {deploy.machines} machines ({', '.join(hypervisors) or '?'}), by phase"
    yield from table(deploy.phases, deploy.total_s)
    yield f"power-on, after the deploy began      {deploy.power_on_s:7.1f} s"
    yield f"boot floor: power-on to SSH on all    {deploy.boot_floor_s:7.1f} s"
    yield f"power-on to the service answering     {deploy.service_s:7.1f} s"


def _checkpoint_lines(checkpoint: CheckpointTimes | None) -> Iterator[str]:
    yield ""
    if checkpoint is None:
        yield "checkpoint: not measured"
        return
    yield f"halab checkpoint save                 {checkpoint.save_s:7.1f} s"
    yield f"halab checkpoint restore, site there  {checkpoint.restore_s:7.1f} s"


def _failover_lines(failover: FailoverTimes | None) -> Iterator[str]:
    yield ""
    if failover is None:
        yield "failover: not measured"
        return
    yield f"crash of {failover.crashed}, served by {failover.served_by} afterwards, token {failover.token_ms} ms"
    previous_s = 0.0
    for phase, at_s in sorted(
        (("detected", failover.detected_s), ("fenced", failover.fenced_s), ("recovered", failover.recovered_s)),
        key=lambda row: row[1],
    ):
        yield f"{phase:<12} {at_s:7.1f} s after the crash, {at_s - previous_s:6.1f} s after the line above"
        previous_s = at_s


def _no_op_lines(no_op: NoOpTimes | None) -> Iterator[str]:
    yield ""
    if no_op is None:
        yield "no-op: not measured"
        return
    yield f"cdktf synth                           {no_op.synth_s:7.1f} s"
    yield f"cdktf diff, nothing to change         {no_op.diff_s:7.1f} s"


def ratios(measured: Measured) -> Iterator[str]:
    """Lines that stand for themselves."""
    deploy, failover, no_op = measured.deploy, measured.failover, measured.no_op
    checkpoint = measured.checkpoint
    if deploy:
        yield (
            f"deploy: power-on to service / boot floor = {deploy.service_s:.1f} s / {deploy.boot_floor_s:.1f} s"
            f" = {deploy.service_per_boot:.2f}"
        )
    if deploy and checkpoint:
        for what, took_s in (("save", checkpoint.save_s), ("restore", checkpoint.restore_s)):
            ratio = took_s / deploy.total_s
            yield f"checkpoint: {what} / deploy = {took_s:.1f} s / {deploy.total_s:.1f} s = {ratio:.2f}"
    if failover:
        token_s = failover.token_ms / 1000
        yield (
            f"failover: crash to service / token = {failover.recovered_s:.1f} s / {token_s:.1f} s"
            f" = {failover.recovered_s / token_s:.2f}"
        )
    if no_op:
        yield (
            f"no-op: cdktf diff / cdktf synth = {no_op.diff_s:.1f} s / {no_op.synth_s:.1f} s"
            f" = {no_op.diff_per_synth:.2f}"
        )


def as_json(measured: Measured, circumstances: Mapping[str, Any]) -> dict[str, Any]:
    """Everything for artifacts/bench.json; times in seconds with milliseconds."""
    deploy, checkpoint = measured.deploy, measured.checkpoint
    found: dict[str, Any] = {
        "circumstances": dict(circumstances),
        **asdict(measured),
        "ratios": {
            "service_per_boot": deploy.service_per_boot if deploy else None,
            "diff_per_synth": measured.no_op.diff_per_synth if measured.no_op else None,
            "save_per_deploy": checkpoint.save_s / deploy.total_s if deploy and checkpoint else None,
            "restore_per_deploy": checkpoint.restore_s / deploy.total_s if deploy and checkpoint else None,
        },
    }
    rounded: dict[str, Any] = _rounded(found)
    return rounded


def hypervisors_used(state: Mapping[str, Any]) -> list[str]:
    """kvm or qemu, as Terraform's state says of the machines."""
    machines = (resource for resource in state.get("resources", ()) if resource["type"] == MACHINE)
    return sorted({entry["attributes"]["hypervisor_used"] for machine in machines for entry in machine["instances"]})


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(entry) for entry in value]
    return round(value, 3) if isinstance(value, float) else value
