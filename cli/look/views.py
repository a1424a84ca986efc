"""The cluster as its members see it, each for itself: which of these views counts, and where they differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from halab.cli.look.report import ClusterReport, Fault
from halab.cli.look.snapshot import Snapshot
from halab.provisioners.corosync.quorum import quorum
from halab.provisioners.engine.errors import ClusterNotRunning, UnexpectedOutput
from halab.provisioners.pacemaker.status import ClusterStatus, parse_status


@dataclass(frozen=True, slots=True)
class View:
    """What one member sees. `at`: when (Unix time, s); `current`: it was asked just now."""

    by: str
    at: float
    current: bool
    status: ClusterStatus

    @property
    def online(self) -> frozenset[str]:
        return frozenset(node.name for node in self.status.nodes if node.online)


def views(snapshot: Snapshot) -> list[View]:
    """All that there are, the one that counts first: of now, with quorum, of the most members."""
    found = [
        View(machine.name, machine.answer.at, not machine.silence, status)
        for machine in snapshot.machines
        if machine.answer and (status := _status(machine.answer.cluster)) is not None
    ]
    return sorted(found, key=lambda v: (v.current, v.status.with_quorum, len(v.online), v.at, v.by), reverse=True)


def cluster(seen: View) -> ClusterReport:
    status = seen.status
    return ClusterReport(
        seen_by=seen.by,
        seen_at=seen.at,
        current=seen.current,
        version=status.version.partition("-")[0],
        dc=status.dc,
        quorum=status.with_quorum,
        members=len(status.nodes),
        online=len(seen.online),
        needed=quorum(len(status.nodes)),
        maintenance_mode=status.maintenance_mode,
        stop_all_resources=status.stop_all_resources,
        fencing_enabled=status.fencing_enabled,
    )


def faults(snapshot: Snapshot, seen: list[View]) -> Iterator[Fault]:
    """What is wrong with the cluster as a whole."""
    members = [machine for machine in snapshot.machines if machine.member]
    if not members:
        return
    if not any(view.current for view in seen):
        answering = [machine.name for machine in members if not machine.silence]
        yield Fault("cluster", "no member answers" if not answering else f"it runs on none of {', '.join(answering)}")
        return
    now = seen[0].status
    if not now.with_quorum:
        online = len(seen[0].online)
        yield Fault(
            "cluster", f"no quorum: {online} of {len(now.nodes)} members online, {quorum(len(now.nodes))} needed"
        )
    elif now.dc is None:
        yield Fault("cluster", "it has no designated controller (DC)")
    yield from _options(now)
    yield from _other_views(seen)


def _options(now: ClusterStatus) -> Iterator[Fault]:
    if now.maintenance_mode:
        yield Fault("cluster", "maintenance mode is set: nothing is watched, nothing fails over", by_hand=True)
    if now.stop_all_resources:
        yield Fault("cluster", "stop-all-resources is set: nothing is to run", by_hand=True)
    if not now.fencing_enabled:
        yield Fault("cluster", "stonith-enabled is false: nobody is fenced", by_hand=True)


def _other_views(seen: list[View]) -> Iterator[Fault]:
    first = seen[0]
    for view in seen[1:]:
        if view.current and view.online != first.online:
            yield Fault(view.by, f"sees {_names(view.online)} online, and {first.by} sees {_names(first.online)}")


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nobody"


def _status(xml: str) -> ClusterStatus | None:
    """None where no cluster runs, or its tool gave no answer."""
    if not xml:
        return None
    try:
        return parse_status(xml)
    except (ClusterNotRunning, UnexpectedOutput):
        return None
