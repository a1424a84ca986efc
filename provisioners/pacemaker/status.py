"""What runs where: `crm_mon --output-as=xml` of Pacemaker 2.1 and 3.0 as frozen values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from halab.provisioners.engine.command import cmd
from halab.provisioners.engine.errors import ClusterNotRunning, TimedOut, UnexpectedOutput
from halab.provisioners.pacemaker.values import INFINITY, score

_NOT_CONNECTED = 102
# 102: no cluster runs on the host; parse_status makes a ClusterNotRunning of it
STATUS_COMMAND = cmd("crm_mon", "--output-as=xml", ok=(0, _NOT_CONNECTED))


# OCF exit codes after which Pacemaker does not try again on that node (2 to 5) or on any (6).
HARD_ERRORS = frozenset({2, 3, 4, 5, 6})


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """A member. `available`: it is online and may run resources."""

    name: str
    id: str
    online: bool
    standby: bool
    maintenance: bool
    pending: bool
    unclean: bool
    is_dc: bool

    @property
    def available(self) -> bool:
        return self.online and not (self.standby or self.maintenance or self.pending or self.unclean)


@dataclass(frozen=True, slots=True)
class ResourceStatus:
    """One primitive, or one instance of a cloned one.

    `within`: ids of the clone and group around it, outermost first.
    """

    id: str
    agent: str
    role: str
    active: bool
    failed: bool
    blocked: bool
    managed: bool
    orphaned: bool
    pending: str | None
    target_role: str | None
    nodes: tuple[str, ...]
    within: tuple[str, ...]

    @property
    def settled(self) -> bool:
        """It is started (or promoted), and not about to change."""
        return (
            self.active and not self.failed and not self.busy and self.role not in ("Starting", "Stopping", "Stopped")
        )

    @property
    def busy(self) -> bool:
        """An operation that changes its state is under way."""
        return self.pending not in (None, "", "Monitoring")


@dataclass(frozen=True, slots=True)
class FailedOperation:
    """An operation that failed. `said` is the exit status in words, and the agent's own reason if it gave one.

    `at`: as `moment` reads it; empty for a probe.
    """

    resource: str
    node: str
    task: str
    exit_code: int
    said: str
    call: str = ""
    at: str = ""

    def __str__(self) -> str:
        return f"{self.task} of {self.resource} failed on {self.node}: {self.said}"


@dataclass(frozen=True, slots=True)
class FailCount:
    resource: str
    node: str
    infinite: bool
    last_failure: str = ""


@dataclass(frozen=True, slots=True)
class Ban:
    """A location constraint that keeps `resource` off `node` altogether."""

    id: str
    resource: str
    node: str


@dataclass(frozen=True, slots=True)
class FencingEvent:
    """`completed`: as `moment` reads it, empty while it is under way. `client` on `origin` asked, `delegate` did it."""

    target: str
    action: str
    status: str
    origin: str
    completed: str
    client: str = ""
    delegate: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """The whole cluster as one member sees it. `dc` is None while there is none."""

    version: str
    dc: str | None
    with_quorum: bool
    maintenance_mode: bool
    stop_all_resources: bool
    symmetric: bool
    nodes: tuple[NodeStatus, ...]
    resources: tuple[ResourceStatus, ...]
    failures: tuple[FailedOperation, ...]
    fail_counts: tuple[FailCount, ...]
    bans: tuple[Ban, ...]
    fencing: tuple[FencingEvent, ...]
    fencing_enabled: bool = True

    def node(self, name: str) -> NodeStatus | None:
        return next((n for n in self.nodes if n.name == name), None)

    def instances(self, name: str) -> tuple[ResourceStatus, ...]:
        """All instances of a primitive; one entry unless it is cloned, none when the cluster does not know it."""
        return tuple(r for r in self.resources if r.id == name)


@lru_cache(maxsize=8)
def parse_status(xml: str) -> ClusterStatus:
    """Raises ClusterNotRunning when crm_mon reached no cluster, TimedOut when it reached one that has nothing to show
    yet, UnexpectedOutput when it answered something else."""
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        raise UnexpectedOutput("crm_mon gave no XML", f"{error}: {xml[:200]!r}") from error
    status = root.find("status")
    said = "" if status is None else "; ".join(e.text or "" for e in status.iter("error")) or status.get("message", "")
    if status is not None and status.get("code") != "0":
        if status.get("code") == str(_NOT_CONNECTED):
            raise ClusterNotRunning("The cluster does not run", said)
        raise UnexpectedOutput("crm_mon failed", said)
    options = root.find("summary/cluster_options")
    if options is None and root.find("pacemakerd") is not None:
        # Its daemons start, or start again. It runs: what is to be deleted there must not be left.
        raise TimedOut("The cluster does not show anything yet", said)
    if options is None:
        raise UnexpectedOutput("crm_mon gave no summary", xml[:200])
    dc = root.find("summary/current_dc")
    return ClusterStatus(
        version="" if dc is None else dc.get("version", ""),
        dc=None if dc is None else dc.get("name"),
        with_quorum=dc is not None and _yes(dc, "with_quorum"),
        maintenance_mode=_yes(options, "maintenance-mode"),
        stop_all_resources=_yes(options, "stop-all-resources"),
        symmetric=_yes(options, "symmetric-cluster"),
        nodes=tuple(_node(e) for e in root.iterfind("nodes/node")),
        resources=tuple(_resources(root.find("resources"), ())),
        failures=tuple(dict.fromkeys((*map(_failure, root.iterfind("failures/failure")), *_failed_probes(root)))),
        fail_counts=tuple(_fail_counts(root)),
        bans=tuple(_ban(e) for e in root.iterfind("bans/ban") if _forbids(e)),
        fencing=tuple(_fencing(e) for e in root.iterfind("fence_history/fence_event")),
        fencing_enabled=_yes(options, "stonith-enabled"),
    )


def moment(told: str) -> float | None:
    """A time with its zone, as crm_mon prints it, in Unix time (s). None where it is something else."""
    try:
        then = datetime.fromisoformat(told.strip())
    except ValueError:
        return None
    return then.timestamp() if then.tzinfo else None


def plain_id(name: str) -> str:
    """`dlm:0` -> `dlm`: the resource's id without the number of its instance."""
    base, colon, number = name.rpartition(":")
    return base if colon and number.isdigit() else name


def _node(e: Element) -> NodeStatus:
    flags = (_yes(e, key) for key in ("online", "standby", "maintenance", "pending", "unclean", "is_dc"))
    return NodeStatus(e.get("name", ""), e.get("id", ""), *flags)


def _resources(parent: Element | None, within: tuple[str, ...]) -> Iterator[ResourceStatus]:
    for e in parent if parent is not None else ():
        if e.tag == "resource":
            yield _resource(e, within)
        else:
            yield from _resources(e, (*within, plain_id(e.get("id", ""))) if e.get("id") else within)


def _resource(e: Element, within: tuple[str, ...]) -> ResourceStatus:
    return ResourceStatus(
        id=plain_id(e.get("id", "")),
        agent=e.get("resource_agent", ""),
        role=e.get("role", ""),
        active=_yes(e, "active"),
        failed=_yes(e, "failed"),
        blocked=_yes(e, "blocked"),
        managed=_yes(e, "managed"),
        orphaned=_yes(e, "orphaned"),
        pending=e.get("pending"),
        target_role=e.get("target_role"),
        nodes=tuple(n.get("name", "") for n in e.iterfind("node")),
        within=within,
    )


def _failure(e: Element) -> FailedOperation:
    key, reason = e.get("op_key", e.get("id", "")), e.get("exitreason")
    resource, _, _ = key.rsplit("_", 2)
    words = e.get("exitstatus", "unknown").lower()
    if (status := e.get("status", "complete").lower()) not in ("complete", "done"):
        words = f"{words}, {status}"
    said = words if reason in (None, "", "none") else f"{words} ({reason})"
    code, call, at = int(e.get("exitcode", "-1")), e.get("call", ""), e.get("last-rc-change", "")
    return FailedOperation(plain_id(resource), e.get("node", ""), e.get("task", ""), code, said, call, at)


def _failed_probes(root: Element) -> Iterator[FailedOperation]:
    """Probes that found the agent unusable. Pacemaker does not list them as failures: the node is just left out."""
    for node in root.iterfind("node_history/node"):
        for resource in node.iterfind("resource_history"):
            for e in resource.iterfind("operation_history"):
                code = int(e.get("rc", "0"))
                if e.get("task") == "probe" and code in HARD_ERRORS:
                    said = e.get("rc_text", "unknown").lower()
                    name = plain_id(resource.get("id", ""))
                    yield FailedOperation(name, node.get("name", ""), "probe", code, said, e.get("call", ""))


def _fail_counts(root: Element) -> Iterator[FailCount]:
    for node in root.iterfind("node_history/node"):
        for e in node.iterfind("resource_history"):
            if count := e.get("fail-count"):
                infinite = (score(count) or 0) >= INFINITY
                yield FailCount(plain_id(e.get("id", "")), node.get("name", ""), infinite, e.get("last-failure", ""))


def _fencing(e: Element) -> FencingEvent:
    keys = ("target", "action", "status", "origin", "completed", "client", "delegate", "exit-reason")
    return FencingEvent(*(e.get(key, "") for key in keys))


def _ban(e: Element) -> Ban:
    return Ban(e.get("id", ""), e.get("resource", ""), e.get("node", ""))


def _forbids(e: Element) -> bool:
    promoted_only = _yes(e, "promoted-only") or _yes(e, "master_only")
    return not promoted_only and (score(e.get("weight", "0")) or 0) <= -INFINITY


def _yes(e: Element, key: str) -> bool:
    return e.get(key) == "true"
