"""The cluster as its members see it, each for itself: which of these views counts, and where they differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from halab.cli.look.report import ClusterReport, Fault
from halab.cli.look.snapshot import Snapshot
from halab.provisioners.corosync.quorum import quorum
from halab.provisioners.engine.errors import ClusterNotRunning, TimedOut, UnexpectedOutput
from halab.provisioners.pacemaker.status import ClusterStatus, parse_status

_QUORUM = (
    "GFS2 stands still until quorum is back. `halab deploy` switches on what is off and makes anew what is gone; see "
    'docs/runbook.md, "After quorum was lost".'
)
_AT_ONCE_S = 0.3
"""Questions less apart were put at once, to several: none is the newer one. A page's glances are more apart."""
_CUT = "`corosync-cfgtool -s` on both shows their links, `halab diff` a firewall that somebody has changed."


@dataclass(frozen=True, slots=True)
class View:
    """What one member sees. `at`: when (Unix time, s); `current`: it was asked just now.

    `since`: when it was first seen to see these members online; 0 where it was asked once only.
    """

    by: str
    at: float
    current: bool
    status: ClusterStatus
    since: float = 0.0

    def back(self, command: str) -> str:
        """The remedy for what somebody has set: a command for this member, or the next deploy."""
        return f"{self.do(command)} takes it back, and so does `halab deploy`."

    def do(self, command: str) -> str:
        """A command for this member, as one types it."""
        return f"`halab ssh {self.by} {command}`"

    @property
    def settled(self) -> bool:
        """It counts itself as a member: one that only just starts has not got the others' configuration yet."""
        own = self.status.node(self.by)
        return own is not None and own.online and not own.pending

    def replaces(self, other: View) -> bool:
        """It is the newer one of members that are, or were, together: what the other saw is over.

        Members of which each sees the other offline are two halves of a cluster: none speaks for the other.
        """
        together = other.by in self.online or self.by in other.online
        return self.current and self.settled and self.at - other.at > _AT_ONCE_S and together

    def explains(self, other: View) -> bool:
        """It replaces one asked before its own members changed. Who was asked since, and sees others, is at fault."""
        return self.replaces(other) and other.at < self.since

    @property
    def online(self) -> frozenset[str]:
        return online(self.status)


def online(status: ClusterStatus) -> frozenset[str]:
    """The members (names) that are counted as online."""
    return frozenset(node.name for node in status.nodes if node.online)


def views(snapshot: Snapshot) -> list[View]:
    """All that there are, the one that counts first: of now, not replaced, with quorum, of the most members."""
    found = [
        View(machine.name, said.at, not machine.silence, status, machine.since)
        for machine in snapshot.machines
        if (said := machine.cluster) and (status := status_of(said.cluster)) is not None
    ]
    over = {view.by for view in found if any(other.replaces(view) for other in found)}

    def counts(view: View) -> tuple[object, ...]:
        return view.current, view.by not in over, view.status.with_quorum, len(view.online), view.at, view.by

    return sorted(found, key=counts, reverse=True)


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
        text = "no member answers" if not answering else f"it runs on none of {', '.join(answering)}"
        yield Fault("cluster", text, remedy="`halab deploy` switches on what is off, and starts the cluster.")
        return
    now = seen[0].status
    if not now.with_quorum:
        text = f"no quorum: {len(seen[0].online)} of {len(now.nodes)} members online, {quorum(len(now.nodes))} needed"
        yield Fault("cluster", text, remedy=_QUORUM)
    elif now.dc is None:
        text = "it has no designated controller (DC)"
        yield Fault("cluster", text, remedy="Wait for the election: `halab status --watch`.")
    yield from _options(seen[0])
    yield from _other_views(seen)


def _options(view: View) -> Iterator[Fault]:
    now = view.status
    if now.maintenance_mode:
        text = "maintenance mode is set: nothing is watched, nothing fails over"
        yield Fault("cluster", text, by_hand=True, remedy=_unset(view, "maintenance-mode"))
    if now.stop_all_resources:
        text = "stop-all-resources is set: nothing is to run"
        yield Fault("cluster", text, by_hand=True, remedy=_unset(view, "stop-all-resources"))
    if not now.fencing_enabled:
        text = "stonith-enabled is false: nobody is fenced"
        yield Fault("cluster", text, by_hand=True, remedy=_unset(view, "stonith-enabled"))


def _unset(view: View, name: str) -> str:
    """A deploy leaves what nobody declares: somebody may be at work."""
    return f"{view.do(f'crm_attribute --type crm_config --name {name} --delete')} ends it."


def _other_views(seen: list[View]) -> Iterator[Fault]:
    first = seen[0]
    for view in seen[1:]:
        if view.current and not first.explains(view) and view.online != first.online:
            text = f"sees {_names(view.online)} online, and {first.by} sees {_names(first.online)}"
            yield Fault(view.by, text, remedy=_CUT)


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nobody"


def status_of(xml: str) -> ClusterStatus | None:
    """None where no cluster runs, or its tool gave no answer, or nothing yet."""
    if not xml:
        return None
    try:
        return parse_status(xml)
    except (ClusterNotRunning, TimedOut, UnexpectedOutput):
        return None
