"""The way of the data: the target, each node's session, the volumes and the mounts, as machines told it just now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from halab.cli.look import guest
from halab.cli.look.guest import Guest
from halab.cli.look.report import Fault, MountReport, SessionReport, StorageReport
from halab.cli.look.snapshot import Snapshot
from halab.cli.look.views import status_of
from halab.provisioners.pacemaker.status import ClusterStatus

_LOGGED_IN = "LOGGED_IN"


_EXPORT = "`halab deploy` configures it again."
_LUN = (
    "`halab ssh target targetcli ls` shows whether the target exports it; `halab deploy` switches it on and puts "
    'right what differs. See docs/runbook.md, "The target hangs or restarts".'
)
_UNMOUNTED = "Its monitor finds out within 20 s, and the node is fenced; `halab deploy` mounts what is unmanaged."
_STANDS_STILL = "It goes on when quorum is back."
_WITHDRAWN = "That node has to start again: `halab fence {}`. `journalctl -k` there tells the reason."
_MUTE = "Look at the cluster and at the target first; a node that hangs in a dead mount: `halab fence {}`."


def _of_mount(node: str, said: str) -> str:
    if "without quorum" in said:
        return _STANDS_STILL
    return (_WITHDRAWN if "withdrawn" in said else _MUTE).format(node)


def heard(snapshot: Snapshot, member: bool) -> dict[str, Guest]:
    """What members, or the others, have told just now."""
    machines = [m for m in snapshot.machines if m.member is member and m.answer and not m.silence]
    return {machine.name: guest.parse(machine.answer.look) for machine in machines if machine.answer}


def storage(snapshot: Snapshot) -> StorageReport:
    members, others = heard(snapshot, True), heard(snapshot, False)
    names = {machine.address: machine.name for machine in snapshot.machines}
    volumes = dict.fromkeys(volume for told in members.values() for volume in told.volumes)
    return StorageReport(
        targets=tuple(name for one in others.values() for name, enabled in one.targets if enabled),
        logged_in=_logged_in(others, names) if others else None,
        sessions=tuple(_sessions(members)),
        volumes={
            plain_name(volume): tuple(node for node, told in members.items() if volume in told.volumes)
            for volume in volumes
        },
        mounts=tuple(
            MountReport(
                node, one.table.rpartition(":")[2], one.device, one.point, one.size_bytes, one.free_bytes, one.said
            )
            for node, told in members.items()
            for one in told.mounts
        ),
    )


def plain_name(mapped: str) -> str:
    """vg_summit-lv_web -> vg_summit/lv_web: the device mapper doubles the hyphens that are part of a name."""
    return mapped.replace("--", "\0").replace("-", "/", 1).replace("\0", "-")


def _logged_in(others: Mapping[str, Guest], names: Mapping[str, str]) -> tuple[str, ...]:
    found = (one for told in others.values() for one in told.initiators if one.state == _LOGGED_IN)
    return tuple(sorted(names.get(one.address, one.name) for one in found))


def _sessions(members: Mapping[str, Guest]) -> Iterator[SessionReport]:
    for node, told in members.items():
        for session in told.sessions:
            yield SessionReport(node, session.target, session.disk, session.fault)


def faults(snapshot: Snapshot, status: ClusterStatus | None) -> Iterator[Fault]:
    members, others = heard(snapshot, True), heard(snapshot, False)
    own_status = _with_the_mounts(snapshot)
    for name, told in others.items():
        yield from _of_target(name, told)
    has_target = any(not machine.member for machine in snapshot.machines)
    for node, told in members.items():
        if has_target and not told.sessions:
            yield Fault(node, "has no iSCSI session", remedy="`halab deploy` logs it in.")
        for session in told.sessions:
            if session.fault:
                yield Fault(node, f"iSCSI: {session.fault}", remedy=_LUN)
        for volume in told.suspended:
            resume = f"Whoever was at work there goes on, or `halab ssh {node} dmsetup resume {volume}`."
            yield Fault(node, f"the volume {plain_name(volume)} is suspended", remedy=resume)
        for mount in told.mounts:
            if mount.said:
                yield Fault(node, f"GFS2 at {mount.point}: {mount.said}", remedy=_of_mount(node, mount.said))
        if own := own_status.get(node, status):
            yield from _not_mounted(node, told, own)


def _with_the_mounts(snapshot: Snapshot) -> dict[str, ClusterStatus]:
    """The cluster as each node saw it when it told of its mounts: a newer view may know of a mount that came since."""
    told = ((machine.name, status_of(machine.answer.cluster)) for machine in snapshot.machines if machine.answer)
    return {name: status for name, status in told if status is not None}


def _of_target(name: str, told: Guest) -> Iterator[Fault]:
    if not told.targets:
        yield Fault(name, "exports no iSCSI target", remedy=_EXPORT)
    off = (iqn for iqn, enabled in told.targets if not enabled)
    yield from (Fault(name, f"the iSCSI target {iqn} is not enabled", remedy=_EXPORT) for iqn in off)


def _not_mounted(node: str, told: Guest, status: ClusterStatus) -> Iterator[Fault]:
    """What the cluster believes to be mounted, and is not."""
    for resource in status.resources:
        mounts = resource.agent.endswith(":Filesystem") and resource.active and node in resource.nodes
        if mounts and resource.role == "Started" and not told.mounts and _is_gfs2(status, resource.id):
            yield Fault(node, f"{resource.id} is started there, but nothing is mounted", remedy=_UNMOUNTED)


def _is_gfs2(status: ClusterStatus, name: str) -> bool:
    """Only a clone can be a file system that is mounted on all nodes: GFS2 is the one that is looked at."""
    return len(status.instances(name)) > 1
