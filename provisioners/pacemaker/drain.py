"""Taking a node out of service and back: what must be true before, how it is emptied, what must run again after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from halab.provisioners.engine.command import Command, Result, cmd
from halab.provisioners.engine.errors import Conflict
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.steps import Await, Run, Step
from halab.provisioners.pacemaker.await_state import NEXT_ACTIONS, await_status, next_actions, next_node_actions
from halab.provisioners.pacemaker.status import STATUS_COMMAND, ClusterStatus, ResourceStatus, parse_status

# How long to wait, in seconds before time scaling: for a cluster that is busy, for resources to move, for a node.
REST_S, EMPTY_S, BACK_S = 600.0, 300.0, 600.0


@dataclass(frozen=True, slots=True)
class Served:
    """What a node did before it was taken out: ids of the primitives that must run on it again."""

    node: str
    primitives: tuple[str, ...]


def at_rest(why: str) -> Await:
    """Until the cluster has nothing left to do: neither starts, stops, moves nor fences anything."""

    def left(result: Result) -> list[str]:
        return [*next_node_actions(result.stdout), *sorted(next_actions(result.stdout))]

    def ready(result: Result) -> bool:
        return result.rc == 0 and not left(result)

    def seen(result: Result) -> str:
        return ", ".join(left(result)) if result.rc == 0 else result.stderr.strip()

    return Await(f"cluster at rest, {why}", NEXT_ACTIONS, ready, REST_S, 1.0, seen=seen)


def spare(node: str, two_node: bool) -> Await:
    """Until the cluster can do without a node."""

    def lacks(status: ClusterStatus) -> str | None:
        return needed(status, node, two_node)

    return await_status(f"cluster that can do without {node}", lacks, REST_S, 1.0)


def needed(status: ClusterStatus, node: str, two_node: bool) -> str | None:
    """Why the cluster cannot do without a node just now; None if it can. A single node is never spared by others."""
    if status.dc is None or not status.with_quorum:
        return "it has no quorum"
    if status.maintenance_mode:
        return "it is in maintenance mode, so nothing can be moved: pcs property set maintenance-mode=false"
    others = [n for n in status.nodes if n.name != node]
    if not others:
        return None
    for other in others:
        if other.pending or other.unclean:
            return f"{other.name} is {'unclean' if other.unclean else 'still joining'}"
    left = [n.name for n in others if n.online]
    quorum = 1 if two_node else len(status.nodes) // 2 + 1
    if len(left) < quorum:
        return f"only {' and '.join(left) or 'nobody'} would be left, {quorum} nodes make a quorum"
    if not any(n.available for n in others):
        return "no other node may run resources: they are in standby or maintenance"
    return None


def served(status: ClusterStatus, node: str) -> Served | None:
    """What must run on a node again after it was away; None if it takes no part in the cluster now.

    What is cloned does; all else may stay where it went. On the only node everything does.
    """
    found = status.node(node)
    if found is None or not found.online:
        return None
    alone = len(status.nodes) == 1
    here = [r.id for r in status.resources if node in r.nodes and r.settled]
    return Served(node, tuple(dict.fromkeys(name for name in here if alone or _copies(status, name) > 1)))


def _copies(status: ClusterStatus, name: str) -> int:
    return len({node for r in status.instances(name) for node in r.nodes})


def standby(node: str) -> Command:
    """Have everything move away from a node. It is forgotten when the node goes down: a killed run leaves no trace."""
    return _standby(node, "--update", "on")


def end_standby(node: str) -> Command:
    return _standby(node, "--delete")


def _standby(node: str, *change: str) -> Command:
    return cmd("crm_attribute", "--node", node, "--name", "standby", "--lifetime", "reboot", *change)


def empty(node: str) -> Await:
    """Until nothing runs on a node."""

    def lacks(status: ClusterStatus) -> str:
        there = ", ".join(sorted(r.id for r in active_on(status, node)))
        return f"{there} still there" if there else ""

    return await_status(f"node {node} without resources", lacks, EMPTY_S, 1.0, lambda status: stuck(status, node))


def stuck(status: ClusterStatus, node: str) -> str | None:
    """What cannot be stopped on a node, and what its stop said; None if there is nothing."""
    held = {r.id for r in active_on(status, node) if r.blocked or not r.managed}
    said = [str(f) for f in status.failures if f.resource in held and f.task == "stop"]
    return f"{', '.join(sorted(held))} cannot be stopped there. {' '.join(said)}".strip() if held else None


def active_on(status: ClusterStatus, node: str) -> list[ResourceStatus]:
    return [r for r in status.resources if r.active and node in r.nodes]


def back(before: Served) -> Await:
    """Until a node is a full member again, with all that must run on it."""

    def lacks(status: ClusterStatus) -> str:
        return lacking(status, before)

    def failed(status: ClusterStatus) -> str | None:
        spent = {c.resource for c in status.fail_counts if c.node == before.node and c.infinite}
        if not (spent := spent & set(before.primitives)):
            return None
        said = [str(f) for f in status.failures if f.resource in spent and f.node == before.node]
        return f"{', '.join(sorted(spent))} failed there. {' '.join(said)} Correct it, then apply again."

    return await_status(f"node {before.node} back in service", lacks, BACK_S, 1.0, failed)


def lacking(status: ClusterStatus, before: Served) -> str:
    """What is missing until a node is back; empty when nothing is."""
    node = status.node(before.node)
    if node is None or not node.available or not status.with_quorum:
        return f"{before.node} is not available" if status.with_quorum else "there is no quorum"
    running = {r.id for r in status.resources if before.node in r.nodes and r.settled}
    missing = [name for name in before.primitives if name not in running]
    return f"{', '.join(missing)} does not run on {before.node}" if missing else ""


def take_out(node: str, two_node: bool) -> Iterator[Step]:
    """Steps, on any member, until the node can be switched off."""
    yield spare(node, two_node)
    yield at_rest(f"before {node} is taken out")
    yield Run(standby(node))
    yield empty(node)


def status_of(host: Host) -> ClusterStatus:
    return parse_status(host.ask(STATUS_COMMAND).stdout)


def refuse_unhealthy(failed: str, node: str) -> None:
    """After a node that did not come back no other one is taken out."""
    if failed:
        raise Conflict(
            f"{node} was not restarted",
            f"{failed} did not come back into service, and one node at a time is all that may be missing. "
            "See what is wrong with it, then apply again: what is left to do is planned anew.",
        )
