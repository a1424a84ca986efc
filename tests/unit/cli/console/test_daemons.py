"""The cluster on one node: when it can be stopped or started, with which words, and what that means for the quorum."""

from __future__ import annotations

from dataclasses import replace

import pytest

from halab.cli.console import daemons
from halab.cli.console.actions import ACTIONS, Action
from halab.cli.console.contract import Wish
from halab.cli.console.refusing import Refused
from halab.cli.look.judgement import judge
from halab.cli.look.report import Report
from tests.unit.cli.look.samples import lab

STOP, START, RESTART = (ACTIONS[name] for name in ("stop", "start", "restart"))


def _report(online: int = 3) -> Report:
    """Three nodes, of which the last ones are offline."""
    report = judge(lab())
    assert report.cluster
    away = {f"node{number}" for number in range(online + 1, 4)}
    machines = tuple(replace(one, cluster="offline") if one.name in away else one for one in report.machines)
    return replace(report, machines=machines, cluster=replace(report.cluster, online=online, quorum=online > 1))


@pytest.mark.parametrize(
    ("action", "node", "online", "device", "words", "told"),
    [
        (STOP, 3, 3, False, "pcs cluster stop", "The quorum stays: 2 of 3 nodes stay online, and 2 are needed."),
        (
            STOP,
            2,
            2,
            False,
            "pcs cluster stop --force",
            "The quorum is lost: 1 of 3 nodes stay online, and 2 are needed.",
        ),
        (STOP, 2, 2, True, "pcs cluster stop", "the quorum device votes, too"),
        (STOP, 1, 1, False, "pcs cluster stop", "No node is left: the whole cluster stops"),
        (START, 3, 2, False, "pcs cluster start", "node3 joins the cluster: 3 of 3 nodes online."),
        (RESTART, 3, 3, False, "pcs cluster stop && pcs cluster start", "The quorum stays"),
        (RESTART, 2, 2, False, "pcs cluster stop --force && pcs cluster start", "The quorum is lost"),
    ],
)
def test_words_and_consequence(action: Action, node: int, online: int, device: bool, words: str, told: str) -> None:
    report = _report(online)
    machine = next(one for one in report.machines if one.name == f"node{node}")
    fitted = daemons.fitted(action, machine, report, device)
    assert fitted.command(Wish("", node=machine.name)) == words
    assert told in daemons.consequence(fitted, machine, report, device)
    assert [list(one.argv) for one in fitted.run(Wish(""))] == [one.split() for one in words.split(" && ")]


@pytest.mark.parametrize(
    ("action", "node", "why"),
    [
        (START, 1, "The cluster runs on node1 already."),
        (STOP, 3, "The cluster does not run on node3."),
        (RESTART, 3, "The cluster does not run on node3."),
    ],
)
def test_nothing_to_do_is_refused(action: Action, node: int, why: str) -> None:
    report = _report(2)
    with pytest.raises(Refused, match=why):
        daemons.fitted(action, next(one for one in report.machines if one.name == f"node{node}"), report, False)


def test_a_silent_machine_is_not_asked() -> None:
    report = _report(2)
    machine = replace(next(one for one in report.machines if one.name == "node3"), answers=False)
    with pytest.raises(Refused, match="does not answer"):
        daemons.fitted(START, machine, report, False)


def test_another_member_away_is_another_version() -> None:
    assert daemons.version(_report(3)) != daemons.version(_report(2))
    assert daemons.version(_report(3)) == daemons.version(_report(3))
