"""A node as its cluster uses it: whether it takes resources; and how it goes, drained and with its fencing at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from halab.provisioners.corosync.conf import parse_corosync_conf
from halab.provisioners.corosync.leaving import Stop
from halab.provisioners.engine.command import Command, Result, cmd, script
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import Item, attr
from halab.provisioners.engine.limits import cluster_name, node_name
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.steps import Await, Run, Step
from halab.provisioners.pacemaker import drain
from halab.provisioners.pacemaker.drain import needed
from halab.provisioners.pacemaker.status import STATUS_COMMAND, ClusterStatus, parse_status

_CONF = cmd("cat", "/etc/corosync/corosync.conf")
# How long a drained node may take to stop, in seconds: nothing of the cluster's runs on it any more.
_STOP_S = 120
# Arguments: the other nodes. Printed after crm_mon's XML: those that are being drained, as only we do it.
_PROBE = """# ask crm_mon, and who else is leaving
crm_mon --output-as=xml
printf '\\036'
for node; do
  ! crm_attribute --node "$node" --name standby --lifetime reboot --query --quiet >/dev/null 2>&1 || echo "$node"
done
"""
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
    name: str = attr("Node name, as Corosync and Pacemaker have it.", replace=True, check=node_name)
    standby: bool = attr("Whether the node leaves all resources to others.", default=False)
    maintenance: bool = attr("Whether the cluster leaves alone what runs on the node.", default=False)


class ClusterNodeItem(Item[ClusterNode]):
    """halab_cluster_node. On a node whose cluster does not run nothing is to be seen, and nothing to be drained."""

    spec = ClusterNode
    phase = "cluster"
    seen_from = "the cluster"
    identity = ("machine", "cluster", "name")
    ordinary = True  # a member is a node
    timeout_s = 1800.0

    def observe(self, host: Host, wanted: ClusterNode) -> ClusterNode | None:
        result = host.look(STATUS_COMMAND)
        node = None if result.rc == _NOT_RUNNING else parse_status(result.stdout).node(wanted.name)
        # A node that still joins is shown as in standby, too: its attributes are not known yet.
        if node is None or not node.online or node.pending:
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
    """Step: have everything move away from this node, if the cluster goes on and can do without the node.

    When all nodes leave at once nobody is left to move anything to, nor to make a quorum by which it could be stopped.
    """

    node: str

    def run(self, host: Host) -> None:
        status = _status(host)
        if status is None or not _online(status, self.node) or len(status.nodes) == 1:
            return
        two_node = len(parse_corosync_conf(host.ask(_CONF).stdout).members) == 2
        probe = script(_PROBE, *(n.name for n in status.nodes if n.name != self.node))
        host.wait(
            self._until(f"cluster that can do without {self.node}", probe, lambda s: needed(s, self.node, two_node))
        )
        if self._all_leave(host.ask(probe)):
            return
        host.ask(drain.standby(self.node))
        try:
            host.wait(self._until(f"node {self.node} without resources", probe, self._left, self._stuck))
        except BaseException:
            host.ask(drain.end_standby(self.node))
            raise

    def _until(
        self,
        what: str,
        probe: Command,
        lacks: Callable[[ClusterStatus], str | None],
        stuck: Callable[[ClusterStatus], str | None] = lambda _: None,
    ) -> Await:
        """Until nothing is lacking, or all other nodes leave, too."""

        def seen(result: Result) -> str:
            return (lacks(_parts(result)[0]) or "") if result.rc == 0 else result.stderr.strip()

        return Await(
            what,
            probe,
            lambda result: result.rc == 0 and (self._all_leave(result) or not lacks(_parts(result)[0])),
            deadline_s=drain.REST_S,
            interval_s=1.0,
            failed=lambda result: stuck(_parts(result)[0]) if result.rc == 0 else None,
            seen=seen,
        )

    def _all_leave(self, result: Result) -> bool:
        status, leaving = _parts(result)
        others = [n for n in status.nodes if n.name != self.node]
        return all(n.name in leaving if n.online else not (n.unclean or n.pending) for n in others)

    def _left(self, status: ClusterStatus) -> str | None:
        return ", ".join(sorted({r.id for r in drain.active_on(status, self.node)})) or None

    def _stuck(self, status: ClusterStatus) -> str | None:
        return drain.stuck(status, self.node)

    def __str__(self) -> str:
        return f"drain {self.node}"


def _parts(result: Result) -> tuple[ClusterStatus, set[str]]:
    """What crm_mon shows, and the nodes that are being drained."""
    xml, _, leaving = result.stdout.partition("\036")
    return parse_status(xml), set(leaving.split())


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
