"""Waiting for what one resource declared, by its own state; never for the whole cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from xml.etree import ElementTree

from halab.provisioners.engine.command import Result, cmd
from halab.provisioners.engine.errors import UnexpectedOutput
from halab.provisioners.engine.steps import Await
from halab.provisioners.pacemaker.cib import NOT_CONNECTED
from halab.provisioners.pacemaker.status import (
    HARD_ERRORS,
    STATUS_COMMAND,
    ClusterStatus,
    FailedOperation,
    ResourceStatus,
    parse_status,
    plain_id,
)

# What the scheduler would do next, from the live CIB. It changes nothing.
NEXT_ACTIONS = cmd("crm_simulate", "--live-check", "--run", "--output-as=xml", timeout_s=120.0)


@dataclass(frozen=True, slots=True)
class Expected:
    """What is to run: a resource's outer id and its primitives in starting order.

    `copies`: 1, or for a clone None (on every node that may run it) or a smaller number (clone-max).
    """

    name: str
    primitives: tuple[str, ...]
    copies: int | None = 1


def await_started(expected: Expected, deadline_s: float) -> Await:
    """Until all of it runs where it should; what is to be stopped (target-role) is waited for as stopped."""

    def lacks(status: ClusterStatus) -> str:
        return _reasons(status, expected) if any(missing(status, expected)) else ""

    def failed(status: ClusterStatus) -> str | None:
        return hopeless(status, expected)

    return await_status(f"start of {expected.name}", lacks, deadline_s, 0.5, failed)


def await_stopped(name: str, primitives: tuple[str, ...], deadline_s: float) -> Await:
    """Until none of it is active. Not waited for: what cannot be stopped now (unmanaged, or no quorum to do it)."""

    def lacks(status: ClusterStatus) -> str:
        active = _still_active(status, primitives)
        return ", ".join(f"{r.id} is {r.pending or r.role} on {' '.join(r.nodes)}" for r in active)

    def failed(status: ClusterStatus) -> str | None:
        return _stop_failed(status, primitives)

    waiting = await_status(f"stop of {name}", lacks, deadline_s, 0.5, failed)
    # Where the cluster was stopped meanwhile, nothing of it runs. The change of the CIB that follows tells.
    return replace(waiting, ready=lambda result: result.rc == NOT_CONNECTED or waiting.ready(result))


def await_applied(name: str, primitives: tuple[str, ...], deadline_s: float) -> Await:
    """Until the cluster has nothing left to do for these primitives (a restart with new parameters, say)."""

    def ready(result: Result) -> bool:
        return result.rc == 0 and not (next_actions(result.stdout) & set(primitives))

    return Await(f"{name} with its changes", NEXT_ACTIONS, ready, deadline_s)


def await_status(
    what: str,
    lacks: Callable[[ClusterStatus], str | None],
    deadline_s: float,
    interval_s: float,
    failed: Callable[[ClusterStatus], str | None] = lambda _: None,
) -> Await:
    """Until the status lacks nothing, or has failed for good, both in words. A cluster that is down may yet answer."""

    def ready(result: Result) -> bool:
        return result.rc == 0 and not lacks(parse_status(result.stdout))

    def failed_for_good(result: Result) -> str | None:
        return failed(parse_status(result.stdout)) if result.rc == 0 else None

    def seen(result: Result) -> str:
        return lacks(parse_status(result.stdout)) or "" if result.rc == 0 else result.stderr.strip()

    return Await(what, STATUS_COMMAND, ready, deadline_s, interval_s, failed_for_good, seen)


def missing(status: ClusterStatus, expected: Expected) -> Iterator[str]:
    """What does not yet run as it should, in words."""
    copies = _copies(status, expected)
    for name in expected.primitives:
        instances = status.instances(name)
        if any(r.target_role == "Stopped" for r in instances):
            if any(r.active for r in instances):
                yield f"{name} still runs, although its target-role is Stopped"
            return  # what comes after it in its group cannot run
        started = sum(r.settled for r in instances)
        busy = [r for r in instances if r.busy or r.failed]
        if started < copies or busy:
            yield f"{name} runs on {started} of {copies} nodes" if copies > 1 else f"{name} does not run"


def hopeless(
    status: ClusterStatus, expected: Expected, words: Callable[[str, Iterable[FailedOperation]], str] | None = None
) -> str | None:
    """Why it will not start without somebody's help; None while it still may. `words` puts it into words."""
    nodes = _eligible(status, expected)
    for name in expected.primitives:
        spent = {c.node for c in status.fail_counts if c.resource == name and c.infinite}
        failures = [f for f in status.failures if f.resource == name]
        hard = [f for f in failures if f.task in ("start", "probe") and f.exit_code in HARD_ERRORS]
        spent |= {f.node for f in hard}
        fatal = any(f.exit_code == 6 for f in hard)
        if any(r.settled for r in status.instances(name)) and expected.copies == 1:
            continue
        if fatal or _too_few(nodes, spent, expected.copies):
            of_all = [f for f in status.failures if f.resource in expected.primitives]
            return (words or _explain)(name, failures or of_all)
    return None


def stuck(status: ClusterStatus, expected: Expected) -> str | None:
    """What of it does not run although it should, and what is known of the reason; None while it runs, starts or moves.

    What was stopped or is not managed on purpose stands in the CIB, and a node that is away is no fault of a resource.
    """
    for name in expected.primitives:
        instances = status.instances(name)
        failures = [f for f in status.failures if f.resource == name]
        if any(r.failed or r.blocked for r in instances):
            return _said(name, failures)
    return hopeless(status, expected, _said)


def next_actions(xml: str) -> frozenset[str]:
    """Ids of the primitives for which crm_simulate shows an action that is not blocked."""
    actions = _simulated(xml).iterfind("actions/rsc_action")
    return frozenset(plain_id(a.get("resource", "")) for a in actions if a.get("blocked") != "true")


def next_node_actions(xml: str) -> tuple[str, ...]:
    """What crm_simulate shows to be done to nodes, in its words: `Fence (reboot) node2`."""
    actions = _simulated(xml).iterfind("actions/node_action")
    return tuple(f"{action.get('task', '')} {action.get('node', '')}" for action in actions)


def _simulated(xml: str) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        raise UnexpectedOutput("crm_simulate gave no XML", f"{error}: {xml[:200]!r}") from error


def _reasons(status: ClusterStatus, expected: Expected) -> str:
    """What is missing, and what is known to stand in its way."""
    found = [*missing(status, expected), *(str(f) for f in status.failures if f.resource in expected.primitives)]
    if not status.with_quorum:
        found.append("the cluster has no quorum")
    if status.maintenance_mode:
        found.append("the cluster is in maintenance mode")
    found += [f"{node.name} is not available" for node in status.nodes if not node.available]
    found += [f"it is banned from {name}" for name in sorted(_banned(status, expected))]
    return "; ".join(found)


def _copies(status: ClusterStatus, expected: Expected) -> int:
    if expected.copies == 1:
        return 1
    # In an opt-in cluster only location constraints say where it may run: one copy must do as proof.
    nodes = len(_eligible(status, expected)) if status.symmetric else 1
    return max(1, nodes if expected.copies is None else min(nodes, expected.copies))


def _eligible(status: ClusterStatus, expected: Expected) -> set[str]:
    """Nodes that are available and from which nothing of it is banned."""
    return {node.name for node in status.nodes if node.available} - _banned(status, expected)


def _too_few(nodes: set[str], spent: set[str], copies: int | None) -> bool:
    """Whether the nodes on which it has not failed for good cannot hold as many copies as all of them would."""
    return len(nodes - spent) < (len(nodes) if copies is None else min(len(nodes), copies))


def _banned(status: ClusterStatus, expected: Expected) -> set[str]:
    ours = {expected.name, *expected.primitives}
    ours |= {outer for name in expected.primitives for r in status.instances(name) for outer in r.within}
    return {ban.node for ban in status.bans if ban.resource in ours}


def _said(name: str, failures: Iterable[FailedOperation]) -> str:
    return ". ".join(dict.fromkeys(map(str, failures))) or f"{name} has failed as often as it may"


def _explain(name: str, failures: Iterable[FailedOperation]) -> str:
    return f"{_said(name, failures)}. Correct it, then apply again (or run `pcs resource cleanup {name}`)."


def _still_active(status: ClusterStatus, primitives: tuple[str, ...]) -> list[ResourceStatus]:
    if not status.with_quorum or status.maintenance_mode:
        return []
    return [r for r in status.resources if r.id in primitives and r.active and r.managed]


def _stop_failed(status: ClusterStatus, primitives: tuple[str, ...]) -> str | None:
    blocked = [r for r in _still_active(status, primitives) if r.blocked]
    failures = [f for f in status.failures if f.task == "stop" and f.resource in primitives]
    return _explain(blocked[0].id, failures) if blocked else None
