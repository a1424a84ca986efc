"""The cluster's daemons on one node, stopped and started; what that means for the quorum is told before."""

from __future__ import annotations

from dataclasses import replace

from halab.cli.console.actions import Action
from halab.cli.console.refusing import Refused
from halab.cli.look.report import ClusterReport, MachineReport, Report

_RUNS = ("online", "standby", "maintenance", "pending", "unclean")


def fitted(action: Action, machine: MachineReport, report: Report, further_votes: bool) -> Action:
    """The action with the words that pcs takes here: it stops no node that the quorum needs, unless it is forced.

    `further_votes`: a quorum device votes as well, so that pcs alone can tell. Refused: there is nothing to do.
    """
    runs = machine.cluster in _RUNS
    if not machine.answers:
        raise Refused(f"{machine.name} does not answer.")
    if action.starts and not action.stops and runs:
        raise Refused(f"The cluster runs on {machine.name} already.")
    if action.stops and not runs:
        raise Refused(f"The cluster does not run on {machine.name}.")
    if action.stops and not further_votes and _lost(report.cluster):
        return replace(action, words=action.words.replace("pcs cluster stop", "pcs cluster stop --force"))
    return action


def consequence(action: Action, machine: MachineReport, report: Report, further_votes: bool) -> str:
    """What it means for the quorum, in a sentence."""
    one = report.cluster
    if not action.stops:
        online = one.online if one is not None and one.current else 0
        return f"{machine.name} joins the cluster: {online + 1} of {_members(report)} nodes online."
    if one is None or one.online <= 1:
        return "No node is left: the whole cluster stops, and all that it serves."
    left = f"{one.online - 1} of {one.members} nodes stay online, and {one.needed} are needed"
    if further_votes:
        return f"{left}; the quorum device votes, too. pcs refuses if the quorum would be lost."
    if _lost(one):
        return f"The quorum is lost: {left}. pcs refuses that, unless it is forced."
    return f"The quorum stays: {left}." if one.quorum else f"There is no quorum now: {left}."


def version(report: Report) -> str:
    """Of what this was worked out from: another one, and the words may be others."""
    return "members " + " ".join(f"{one.name}:{one.cluster or 'unknown'}" for one in _nodes(report))


def quorum_after(action: Action, report: Report) -> bool:
    """Whether the others have it while the node is away."""
    return not (action.stops and _lost(report.cluster))


def _lost(one: ClusterReport | None) -> bool:
    """Whether one node less costs the quorum that there is."""
    return one is not None and one.quorum and one.online - 1 < one.needed


def _nodes(report: Report) -> list[MachineReport]:
    return [one for one in report.machines if one.role == "member"]


def _members(report: Report) -> int:
    return report.cluster.members if report.cluster is not None else len(_nodes(report))
