"""The machines: their power, whether they answer, and what the cluster makes of its members."""

from __future__ import annotations

from collections.abc import Iterator

from halab.cli.look import guest
from halab.cli.look.report import Fault, MachineReport
from halab.cli.look.snapshot import Machine, Snapshot
from halab.cli.look.views import View
from halab.provider.hypervisor.machine.presence import Presence
from halab.provisioners.pacemaker.status import NodeStatus

_POWER = {
    Presence.GONE: ("does not exist any more", "`halab deploy` makes it anew."),
    Presence.OFF: ("is powered off", "`halab deploy` switches it on."),
    Presence.PAUSED: ("is paused {}", "Let it go on (`virsh resume`), or fence it; docs/runbook.md says when."),
    Presence.UNKNOWN: ("its power is unknown: {}", "See that libvirt answers: `virsh list --all`."),
}
_CONSOLE = "`halab serial {}` shows its console. The cluster fences a member that it has lost; else `virsh reset` it."
_FENCE = (
    "Once it is fenced the others go on: `halab fence {}`. Where no device can, docs/runbook.md (Fence test) says how "
    "to confirm that it is off."
)


def machines(snapshot: Snapshot, view: View | None) -> tuple[MachineReport, ...]:
    return tuple(_report(machine, view) for machine in snapshot.machines)


def _report(machine: Machine, view: View | None) -> MachineReport:
    node = view.status.node(machine.name) if view and machine.member else None
    heard = guest.parse(machine.answer.look) if machine.answer and not machine.silence else None
    return MachineReport(
        name=machine.name,
        role="member" if machine.member else "target",
        address=machine.address,
        power=machine.power.state.value,
        uptime_s=heard.uptime_s if heard else None,
        answers=heard is not None,
        heard_at=machine.answer.at if machine.answer else None,
        cluster=_words(node) if node and view and view.current else "",
        dc=node is not None and node.is_dc,
        load=heard.load if heard else None,
    )


def _words(node: NodeStatus) -> str:
    if not node.online:
        return "unclean" if node.unclean else "offline"
    states = ("unclean", "pending", "maintenance", "standby")
    return next((state for state in states if getattr(node, state)), "online")


def faults(snapshot: Snapshot, view: View | None) -> Iterator[Fault]:
    for machine in snapshot.machines:
        yield from _of_machine(machine)
        if view is not None and view.current and machine.member:
            yield from _of_member(machine, view)


def _of_machine(machine: Machine) -> Iterator[Fault]:
    power = machine.power
    if power.state is not Presence.RUNNING:
        text, remedy = _POWER[power.state]
        yield Fault(machine.name, text.format(power.why), remedy=remedy)
    if machine.silence and power.state.may_answer:
        yield Fault(machine.name, f"does not answer: {machine.silence}", remedy=_CONSOLE.format(machine.name))


def _of_member(machine: Machine, view: View) -> Iterator[Fault]:
    node = view.status.node(machine.name)
    if node is None:
        yield Fault(machine.name, "is no member of the cluster", remedy="`halab deploy` has it join.")
    elif not node.online:
        yield from _offline(machine, node)
    elif node.unclean:
        yield Fault(machine.name, "is unclean and will be fenced", remedy=_FENCE.format(machine.name))
    elif node.pending:
        yield Fault(machine.name, "is joining the cluster", remedy="Wait for it: `halab status --watch`.")
    elif node.standby:
        way = view.back(f"crm_standby --node {node.name} --delete")
        yield Fault(machine.name, "is in standby: it runs no resources", by_hand=True, remedy=way)
    elif node.maintenance:
        way = view.back(f"crm_attribute --node {node.name} --name maintenance --delete")
        yield Fault(machine.name, "is in maintenance: its resources are not watched", by_hand=True, remedy=way)


def _offline(machine: Machine, node: NodeStatus) -> Iterator[Fault]:
    remedy = "`halab deploy` starts the cluster on it."
    if node.unclean:
        text = "is offline and unclean: it has to be fenced before its resources go elsewhere"
        yield Fault(machine.name, text, remedy=_FENCE.format(machine.name))
    elif machine.answer and not machine.silence:
        running = guest.parse(machine.answer.look).units
        missing = [unit for unit in ("corosync", "pacemaker") if unit not in running]
        text = f"is offline: {' and '.join(missing)} stopped" if missing else "is offline"
        yield Fault(machine.name, text, remedy=remedy)
    else:
        yield Fault(machine.name, "is offline in the cluster", remedy=remedy)
