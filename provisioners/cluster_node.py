"""A node as its cluster uses it: whether it takes resources; and how it goes, drained and with its fencing at hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from .command import Command, Result, cmd, script
from .corosync import parse_corosync_conf
from .host import Host
from .item import Item, attr
from .leaving import Stop
from .limits import cluster_name, dns_label
from .pacemaker import drain
from .pacemaker.status import STATUS_COMMAND, ClusterStatus, parse_status
from .platform import Platform
from .steps import Await, Run, Step

_CONF = cmd("cat", "/etc/corosync/corosync.conf")
# How long a drained node may take to stop, in seconds: nothing of the cluster's runs on it any more.
_STOP_S = 120
_NOT_RUNNING = 102  # crm_mon: the cluster does not run here
# $1 node, $2 attribute. `pcs node standby` sets it for ever, a restart of ours until the node goes down.
_CLEAR = """# take back an attribute of the node
for lifetime in forever reboot; do
  if crm_attribute --node "$1" --name "$2" --lifetime "$lifetime" --query >/dev/null 2>&1; then
    crm_attribute --node "$1" --name "$2" --lifetime "$lifetime" --delete
  fi
done
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterNode:
    """What a node does for its cluster.

    Its removal drains the node (what runs there moves first) and takes it out of the cluster. Whatever the node needs
    for that (fencing device, disk, configuration) must go later: let this depend on it.
    """

    machine: str = attr("UUID of the machine.", replace=True)
    cluster: str = attr("Name of the cluster.", replace=True, check=cluster_name)
    name: str = attr("Node name: the short host name.", replace=True, check=dns_label)
    standby: bool = attr("Whether the node leaves all resources to others.", default=False)
    maintenance: bool = attr("Whether the cluster leaves alone what runs on the node.", default=False)


class ClusterNodeItem(Item[ClusterNode]):
    """halab_cluster_node. On a node whose cluster does not run nothing is to be seen, and nothing to be drained."""

    spec = ClusterNode
    phase = "cluster"
    identity = ("machine", "cluster", "name")
    timeout_s = 1800.0

    def observe(self, host: Host, wanted: ClusterNode) -> ClusterNode | None:
        result = host.ask(STATUS_COMMAND, cached=True)
        node = None if result.rc == _NOT_RUNNING else parse_status(result.stdout).node(wanted.name)
        if node is None or not node.online:
            return wanted
        return replace(wanted, standby=node.standby, maintenance=node.maintenance)

    def steps(self, platform: Platform, now: ClusterNode | None, wanted: ClusterNode | None) -> Iterator[Step]:
        del platform
        if wanted is None:
            if now is not None:
                yield Drain(now.name)
                yield Stop(_STOP_S, f"leave the cluster {now.cluster}")
            return
        changed = [name for name in ("maintenance", "standby") if now and getattr(now, name) != getattr(wanted, name)]
        for name in changed:
            yield Run(_set(wanted.name, name, getattr(wanted, name)))
        if changed:
            yield _taken_over(wanted)
            yield drain.at_rest(f"after a change of {wanted.name}")
            yield _quiet()

    def steps_elsewhere(self, last: ClusterNode) -> Iterable[Step]:
        """A node that cannot be asked is switched off by its fencing device, which is still there."""
        return (PowerOff(last.name),)


def _set(node: str, name: str, on: bool) -> Command:
    if on:
        return cmd("crm_attribute", "--node", node, "--name", name, "--lifetime", "forever", "--update", "true")
    return script(_CLEAR, node, name)


def _taken_over(wanted: ClusterNode) -> Await:
    """Until the cluster sees the node as it is wanted."""

    def seen(result: Result) -> tuple[bool, bool] | None:
        node = parse_status(result.stdout).node(wanted.name) if result.rc == 0 else None
        return None if node is None else (node.standby, node.maintenance)

    return Await(
        f"{wanted.name} {'in' if wanted.standby else 'out of'} standby",
        STATUS_COMMAND,
        lambda result: seen(result) == (wanted.standby, wanted.maintenance),
        deadline_s=120,
    )


def _quiet() -> Await:
    """Until no operation is under way any more: what is about to end is no longer among the actions to come."""

    def busy(result: Result) -> list[str]:
        return [r.id for r in parse_status(result.stdout).resources if r.busy]

    return Await(
        "end of all operations",
        STATUS_COMMAND,
        lambda result: result.rc == 0 and not busy(result),
        deadline_s=300,
        seen=lambda result: ", ".join(busy(result)) if result.rc == 0 else result.stderr.strip(),
    )


@dataclass(frozen=True, slots=True)
class Drain:
    """Step: have everything move away from this node, if others are there to take it and can do without the node."""

    node: str

    def run(self, host: Host) -> None:
        status = _status(host)
        if status is None or not _online(status, self.node) or len(status.nodes) == 1:
            return
        two_node = len(parse_corosync_conf(host.ask(_CONF).stdout).members) == 2
        host.wait(drain.spare(self.node, two_node))
        host.ask(drain.standby(self.node))
        try:
            host.wait(drain.empty(self.node))
        except BaseException:
            host.ask(drain.end_standby(self.node))
            raise

    def __str__(self) -> str:
        return f"drain {self.node}"


@dataclass(frozen=True, slots=True)
class PowerOff:
    """Step, on another member: have a node fenced that may still be there, but does not answer."""

    node: str

    def run(self, host: Host) -> None:
        status = _status(host)
        if status is None or not _may_be_there(status, self.node):
            return
        host.ask(cmd("stonith_admin", "--fence", self.node, "--timeout", 300, timeout_s=400.0))
        host.wait(
            Await(
                f"end of {self.node}",
                STATUS_COMMAND,
                lambda result: result.rc == 0 and not _may_be_there(parse_status(result.stdout), self.node),
                deadline_s=300,
            )
        )

    def __str__(self) -> str:
        return f"fence {self.node}, which does not answer"


def _status(host: Host) -> ClusterStatus | None:
    """None: the cluster does not run on this host."""
    result = host.ask(STATUS_COMMAND)
    return None if result.rc == _NOT_RUNNING else parse_status(result.stdout)


def _online(status: ClusterStatus, name: str) -> bool:
    node = status.node(name)
    return node is not None and node.online


def _may_be_there(status: ClusterStatus, name: str) -> bool:
    node = status.node(name)
    return node is not None and (node.online or node.unclean or node.pending)
