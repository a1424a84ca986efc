"""What the cluster runs, on which nodes, and what of it does not run as it should."""

from __future__ import annotations

from collections.abc import Iterator

from halab.cli.look.report import Fault, ResourceReport
from halab.cli.look.views import View
from halab.provisioners.pacemaker.status import ClusterStatus, ResourceStatus

_RUNNING = ("Started", "Promoted", "Master", "Unpromoted", "Slave")


def resources(status: ClusterStatus) -> tuple[ResourceReport, ...]:
    """One for each primitive, in the cluster's order."""
    names = dict.fromkeys(resource.id for resource in status.resources)
    return tuple(_report(status.instances(name)) for name in names)


def _report(instances: tuple[ResourceStatus, ...]) -> ResourceReport:
    first = instances[0]
    nodes = dict.fromkeys(node for one in instances if _runs(one) for node in one.nodes)
    return ResourceReport(first.id, first.agent, first.within, _state(instances), tuple(sorted(nodes)))


def _runs(instance: ResourceStatus) -> bool:
    return instance.active and instance.role in _RUNNING


def _state(instances: tuple[ResourceStatus, ...]) -> str:
    """In a word or two; "started" where nothing else is to be said."""
    for one in instances:
        if one.failed or one.blocked:
            return "failed and blocked" if one.failed and one.blocked else "failed" if one.failed else "blocked"
    if busy := next((one for one in instances if one.busy), None):
        return str(busy.pending).lower()
    if not any(_runs(one) for one in instances):
        return "disabled" if _disabled(instances) else "stopped"
    return "started" if all(one.managed for one in instances) else "unmanaged"


def _disabled(instances: tuple[ResourceStatus, ...]) -> bool:
    return any((one.target_role or "").lower() == "stopped" for one in instances)


_TAKEN_BACK = "`halab deploy` takes it back, wherever it was set."


def faults(view: View) -> Iterator[Fault]:
    """Of what should run and does not. Where all is stopped on purpose, nothing is missed."""
    status = view.status
    for name in dict.fromkeys(resource.id for resource in status.resources):
        instances = status.instances(name)
        if _disabled(instances):
            yield Fault(name, "is disabled (target-role Stopped)", by_hand=True, remedy=_TAKEN_BACK)
        elif not status.maintenance_mode and not all(one.managed or one.blocked for one in instances):
            text = "is unmanaged: the cluster does not look after it"
            yield Fault(name, text, by_hand=True, remedy=_TAKEN_BACK)
        if not status.stop_all_resources and not _disabled(instances):
            yield from _amiss(view, name, instances)
    yield from _shut_out(view)


def _again(view: View, name: str) -> str:
    return f"Correct what it says, then {view.do(f'crm_resource --cleanup --resource {name}')}, or `halab deploy`."


def _amiss(view: View, name: str, instances: tuple[ResourceStatus, ...]) -> Iterator[Fault]:
    status, report, again = view.status, _report(instances), _again(view, name)
    why = "; ".join(sorted(str(failure) for failure in status.failures if failure.resource == name))
    reason = f" ({why})" if why else ""
    where = " ".join(sorted({node for one in instances if one.failed or one.blocked for node in one.nodes}))
    if report.state in ("failed", "blocked", "failed and blocked"):
        yield Fault(name, f"{report.state}{' on ' + where if where else ''}{reason}", remedy=again)
    elif not report.nodes and report.state == "stopped":
        yield Fault(name, f"runs nowhere{reason}", remedy=again)
    elif not report.nodes:
        yield Fault(name, f"{report.state}, runs nowhere yet", remedy="Wait for it: `halab status --watch`.")
    elif _cloned(instances) and (missing := _candidates(status, instances) - set(report.nodes)):
        yield Fault(name, f"does not run on {', '.join(sorted(missing))}{reason}", remedy=again)


def _cloned(instances: tuple[ResourceStatus, ...]) -> bool:
    return len(instances) > 1


def _candidates(status: ClusterStatus, instances: tuple[ResourceStatus, ...]) -> set[str]:
    """The nodes on which an instance of a clone is to be expected."""
    names = {instances[0].id, *instances[0].within}
    banned = {ban.node for ban in status.bans if ban.resource in names}
    return {node.name for node in status.nodes if node.available and node.name not in banned}


def _shut_out(view: View) -> Iterator[Fault]:
    """Nodes on which a resource has failed for good: it will not go there again."""
    for count in view.status.fail_counts:
        if count.infinite and (node := view.status.node(count.node)) and node.online:
            text = f"may not run on {count.node} any more, it has failed there (pcs resource cleanup {count.resource})"
            yield Fault(count.resource, text, remedy=_again(view, count.resource))


def past(status: ClusterStatus) -> Iterator[str]:
    """Failures that the cluster remembers and has overcome."""
    settled = {one.id for one in resources(status) if one.nodes and one.state in ("started", "unmanaged")}
    yield from (str(failure) for failure in status.failures if failure.resource in settled)
