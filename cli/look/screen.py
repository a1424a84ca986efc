"""A report as one screen. Colour only underlines what the words say already."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from halab.cli.look.ages import age
from halab.cli.look.report import ClusterReport, MachineReport, Report, ResourceReport

_GOOD, _BAD, _SET, _DIM, _TITLE = "green", "bold red", "yellow", "dim", "bold"
_GIB = 1 << 30


def draw(report: Report) -> RenderableType:
    """The whole of it; what the lab does not have is left out."""
    sections: dict[str, Sequence[RenderableType]] = {
        "Wrong": _faults(report, by_hand=False),
        "Set": _faults(report, by_hand=True),
        "Machines": [_machines(report)],
        "Cluster": _cluster(report),
        "Resources": [_resources(one for one in report.resources if not one.fences)],
        "Fencing": _fencing(report),
        "Storage": [_storage(report)],
        "Site": _site(report),
        "Overcome": [Text(text, style=_DIM) for text in report.past],
    }
    screen = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    screen.add_column(width=max(map(len, sections)), no_wrap=True, style=_TITLE)
    screen.add_column()
    for title, content in sections.items():
        shown = [one for one in content if not (isinstance(one, Table) and not one.row_count)]
        if shown:
            screen.add_row(Text(title), Group(*shown))
    return Group(_headline(report), Text(""), screen)


def _headline(report: Report) -> Text:
    when = time.strftime("%H:%M:%S", time.localtime(report.at))
    if report.healthy:
        return Text.assemble((f"{report.lab} is healthy", _GOOD), (f"   {when}", _DIM))
    wrong = sum(not fault.by_hand for fault in report.faults)
    words = f"{wrong} {'fault' if wrong == 1 else 'faults'}" if wrong else "healthy, but not itself: something is set"
    return Text.assemble((f"{report.lab}: {words}", _BAD if wrong else _SET), (f"   {when}", _DIM))


def _grid(columns: int) -> Table:
    """The first column is never cut."""
    table = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    for number in range(columns):
        table.add_column(overflow="fold", no_wrap=number == 0)
    return table


def _faults(report: Report, by_hand: bool) -> list[RenderableType]:
    table = _grid(2)
    for fault in report.faults:
        if fault.by_hand is by_hand:
            _row(table, Text(fault.what, style=_SET if by_hand else _BAD), fault.text)
    return [table]


def _row(table: Table, *cells: str | Text) -> None:
    """Plain text stays plain: a square bracket in it is no markup."""
    table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in cells))


def _machines(report: Report) -> Table:
    table = _grid(5)
    for machine in report.machines:
        power = Text(machine.power, style=_GOOD if machine.power == "running" else _BAD)
        up = f"up {age(machine.uptime_s)}" if machine.uptime_s is not None else "-"
        _row(table, machine.name, power, up, machine.address, _part(machine, report))
    return table


def _part(machine: MachineReport, report: Report) -> Text:
    """Its part in the lab; of a silent one, how old is what is known."""
    words = [machine.cluster or machine.role, "DC" if machine.dc else ""]
    if report.site and not report.site.fault and report.site.served_by == machine.name:
        words.append("serves the site")
    if not machine.answers and machine.power in ("running", "unknown"):
        heard = f"heard {age(report.at - machine.heard_at)} ago" if machine.heard_at else "never heard"
        words = [*words, f"silent, {heard}"]
    good = machine.cluster in ("online", "") and (machine.answers or machine.power != "running")
    return Text(", ".join(word for word in words if word), style="" if good else _SET)


def _cluster(report: Report) -> list[RenderableType]:
    seen = report.cluster
    if seen is None:
        return [Text("it does not run on any member that answers", style=_BAD)] if _has_members(report) else []
    line = Text(f"{seen.online} of {seen.members} online, ")
    line.append("quorum" if seen.quorum else "no quorum", style=_GOOD if seen.quorum else _BAD)
    line.append(f" ({seen.needed} needed), DC {seen.dc or 'none'}")
    line.append(f", Pacemaker {seen.version}" if seen.version else f", as {seen.seen_by} sees it")
    lines: list[RenderableType] = [line]
    if not seen.current:
        old = f"as {seen.seen_by} saw it {age(report.at - seen.seen_at)} ago: no member tells anything newer"
        lines.append(Text(old, style=_SET))
    lines += [Text(text, style=_SET) for text in _set(seen)]
    return lines


def _has_members(report: Report) -> bool:
    return any(machine.role == "member" for machine in report.machines)


def _set(seen: ClusterReport) -> Iterator[str]:
    if seen.maintenance_mode:
        yield "maintenance mode"
    if seen.stop_all_resources:
        yield "stop-all-resources"
    if not seen.fencing_enabled:
        yield "fencing is disabled (stonith-enabled)"


def _resources(resources: Iterable[ResourceReport]) -> Table:
    table = _grid(4)
    for resource in resources:
        inside = Text(f"in {resource.within[0]}" if resource.within else "", style=_DIM)
        _row(table, resource.id, _state(resource), " ".join(resource.nodes) or "-", inside)
    return table


def _state(resource: ResourceReport) -> Text:
    styles = {"started": _GOOD, "disabled": _SET, "unmanaged": _SET}
    bad = resource.state.startswith("failed") or resource.state in ("blocked", "stopped")
    return Text(resource.state, style=styles.get(resource.state, _BAD if bad else _SET))


def _fencing(report: Report) -> list[RenderableType]:
    content: list[RenderableType] = []
    if report.fencing:
        fault = report.fencing.fault
        said = (f"endpoint {report.fencing.endpoint} ", (fault or "answers", _BAD if fault else _GOOD))
        content.append(Text.assemble(*said))
    content.append(_resources(one for one in report.resources if one.fences))
    events = report.fencing.events if report.fencing else ()
    return [*content, *(Text(event, style=_DIM) for event in events)]


def _storage(report: Report) -> Table:
    storage, table = report.storage, _grid(3)
    for target in storage.targets:
        _row(table, "target", " ".join(storage.logged_in or ()) or "-", target)
    for fault in sorted({session.fault for session in storage.sessions}):
        nodes = " ".join(dict.fromkeys(session.node for session in storage.sessions if session.fault == fault))
        _row(table, "session", nodes, Text(fault or "logged in", style=_BAD if fault else _GOOD))
    for volume, where in storage.volumes.items():
        _row(table, "volume", " ".join(where), volume)
    for name, point, fault in sorted({(m.name, m.point, m.fault) for m in storage.mounts}):
        same = [m for m in storage.mounts if (m.name, m.point, m.fault) == (name, point, fault)]
        said = Text(f"{name} on {point}, ")
        said.append(fault or f"{same[0].free_bytes / _GIB:.1f} GiB free", _BAD if fault else None)
        _row(table, "GFS2", " ".join(mount.node for mount in same), said)
    return table


def _site(report: Report) -> list[RenderableType]:
    if report.site is None:
        return []
    site = report.site
    line = Text(f"{site.url} ")
    if site.fault:
        return [line.append(site.fault, style=_BAD)]
    return [line.append("answers", style=_GOOD).append(f" in {site.took_s:.2f} s, from {site.served_by or '?'}")]
