"""From what was seen to what it means. Pure: the same snapshot gives the same report."""

from __future__ import annotations

from collections.abc import Iterator

from halab.cli.look import members, reservations, resources, storage, views
from halab.cli.look.ages import age
from halab.cli.look.report import Fault, FencingReport, Report, SiteReport
from halab.cli.look.snapshot import Snapshot
from halab.cli.look.views import View
from halab.provisioners.pacemaker.status import ClusterStatus, FencingEvent, moment


def judge(snapshot: Snapshot) -> Report:
    """What the lab is, and all that is wrong with it."""
    seen = views.views(snapshot)
    view = seen[0] if seen else None
    status = view.status if view else None
    return Report(
        lab=snapshot.lab,
        at=snapshot.at,
        machines=members.machines(snapshot, view),
        cluster=views.cluster(view) if view else None,
        resources=resources.resources(status) if status else (),
        fencing=_fencing(snapshot, status),
        storage=storage.storage(snapshot),
        site=SiteReport(site.url, site.served_by, site.fault, site.took_s) if (site := snapshot.site) else None,
        faults=tuple(dict.fromkeys(_faults(snapshot, seen))),
        past=tuple(dict.fromkeys(resources.past(status))) if status else (),
    )


def _faults(snapshot: Snapshot, seen: list[View]) -> Iterator[Fault]:
    now = seen[0] if seen and seen[0].current else None
    if snapshot.site and snapshot.site.fault:
        remedy = "What else is wrong comes first; `halab deploy` waits until it answers, or says why it does not."
        yield Fault("site", snapshot.site.fault, remedy=remedy)
    yield from members.faults(snapshot, now)
    yield from views.faults(snapshot, seen)
    yield from _of_fencing(snapshot, now.status if now else None)
    yield from storage.faults(snapshot, now.status if now else None)
    yield from reservations.faults(snapshot, now.status if now else None)
    if now:
        yield from resources.faults(now)
        yield from _of_serving(snapshot, now.status)


def _of_serving(snapshot: Snapshot, status: ClusterStatus) -> Iterator[Fault]:
    """The site may answer from elsewhere than the cluster believes."""
    if snapshot.site is None or snapshot.site.fault or not snapshot.site.served_by:
        return
    nodes = {node for one in status.resources if one.agent.endswith(":apache") and one.active for node in one.nodes}
    if nodes and snapshot.site.served_by not in nodes:
        text = f"{snapshot.site.served_by} serves it, and the cluster runs it on {', '.join(nodes)}"
        remedy = f"`halab ssh {snapshot.site.served_by} systemctl status httpd apache2` tells who has started it there."
        yield Fault("site", text, remedy=remedy)


def _of_fencing(snapshot: Snapshot, status: ClusterStatus | None) -> Iterator[Fault]:
    if snapshot.endpoint is None:
        return
    if snapshot.endpoint.fault:
        text = f"the endpoint {snapshot.endpoint.url} {snapshot.endpoint.fault}"
        yield Fault("fencing", text, remedy="`halab deploy` starts it again, and has the devices tried.")
    else:
        for node, told in storage.heard(snapshot, True).items():
            if told.endpoint not in ("", "open"):
                text = f"cannot reach the fencing endpoint {snapshot.endpoint.url}: {_short(told.endpoint)}"
                remedy = "`halab doctor` names a firewall of this host, `halab diff` one of the node that was changed."
                yield Fault(node, text, remedy=remedy)
    if status is not None:
        yield from _of_events(status)


def _of_events(status: ClusterStatus) -> Iterator[Fault]:
    """Of each node the last event only: crm_mon has the latest first."""
    for event in {event.target: event for event in reversed(status.fencing)}.values():
        node = status.node(event.target)
        if event.status == "pending":
            yield Fault(event.target, "is being fenced", remedy="Wait for it: `halab status --watch`.")
        elif event.status == "failed" and not (node and node.online):
            remedy = f"`halab fence --test` tries each device; then `halab fence {event.target}`."
            yield Fault(event.target, "could not be fenced", remedy=remedy)


def _fencing(snapshot: Snapshot, status: ClusterStatus | None) -> FencingReport | None:
    if snapshot.endpoint is None:
        return None
    events = tuple(_event(event, snapshot.at) for event in status.fencing[:5]) if status else ()
    return FencingReport(snapshot.endpoint.url, snapshot.endpoint.fault, events)


def _event(event: FencingEvent, at: float) -> str:
    when = _age(event.completed, at) if event.completed else "under way"
    return f"{event.action} of {event.target}: {event.status or 'unknown'} ({when})"


def _age(completed: str, at: float) -> str:
    then = moment(completed)
    return completed if then is None else f"{age(at - then)} ago"


def _short(said: str) -> str:
    return said.rpartition(": ")[2]
