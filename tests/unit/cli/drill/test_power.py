"""Machines that lost their power, were reset or panicked: whether the drill or a fencing did it."""

from __future__ import annotations

import pytest

from halab.cli.drill.invariants import FENCING, RESETS, checks
from halab.cli.drill.recording import Event, Run
from halab.cli.drill.story import sentence
from halab.cli.drill.timeline import Timeline
from halab.cli.drill.verdict import FAIL, PASS, judge
from tests.unit.cli.drill.recorded import changed, recorded


def _broken(run: Run) -> list[str]:
    return [check.name for check in checks(Timeline(run)) if check.broken]


def _with(run: Run, *events: Event) -> Run:
    """More events, at so many seconds after the failure."""
    more = [{**event, "t": run.began + event["t"]} for event in events]
    rest, end = [*run.events[1:-1], *more], run.events[-1]
    return Run(run.name, run.about, (run.about, *sorted(rest, key=lambda event: event["t"]), end))


def _about(run: Run, **about: object) -> Run:
    return changed(run, lambda e: {**e, **about} if e["kind"] == "run" else e)


def _reset(t: float, machine: str) -> Event:
    return {"t": t, "kind": "power", "machine": machine, "event": "reboot", "why": ""}


def _injected(t: float, machine: str, what: str, state: str) -> Event:
    return {"t": t, "kind": "injection", "machine": machine, "role": "none", "what": what, "state": state}


@pytest.mark.parametrize(
    "seen",
    [
        _reset(20.0, "node2"),
        _reset(-1.0, "node2"),
        {"t": 20.0, "kind": "power", "machine": "node2", "event": "crashed", "why": ""},
        {"t": 20.0, "kind": "console", "machine": "node2", "text": "[ 1.0] Kernel panic - not syncing: hung_task"},
    ],
)
def test_a_node_that_begins_anew_by_itself_is_seen(seen: Event) -> None:
    """Its watchdog resets an idle node in a drill that only has another one stand still for a moment."""
    run = _with(recorded("debian-13-pause"), seen)
    assert _broken(run) == [RESETS]
    verdict = judge(run)
    assert verdict.result == FAIL
    assert "node2" in verdict.reasons[0]


@pytest.mark.parametrize("what", ["reset", "reboot", "crash"])
def test_what_the_drill_does_to_a_machine_itself_is_expected(what: str) -> None:
    begun, took = _injected(0.0, "node1", what, "begun"), _injected(50.0, "node1", what, "took")
    run = recorded("debian-13-pause")
    assert _broken(_with(run, begun, took, _reset(49.0, "node1"), _reset(51.0, "node1"))) == []
    assert _broken(_with(run, begun, _reset(25.0, "node1"))) == []
    assert _broken(_with(run, begun, took, _reset(49.0, "node2"))) == [RESETS]
    late = changed(_with(run, begun, took), lambda e: {**e, "t": e["t"] + 60} if e["kind"] in ("facts", "whole") else e)
    assert _broken(_with(late, _reset(90.0, "node1"))) == [RESETS]


def test_a_watchdog_may_be_quicker_than_the_fencing_that_it_belongs_to() -> None:
    """Though the cluster asks for it long after the reset."""
    words = ("Requesting", "will be fenced")
    run = changed(recorded(), lambda e: None if any(word in e.get("text", "") for word in words) else e)
    run = changed(run, lambda e: {**e, "what": "script"} if e["kind"] == "injection" else e)
    fenced_s = next(line.t for line in Timeline(run).found("fenced")) - run.began
    assert RESETS not in _broken(_with(run, _reset(fenced_s - 45.0, "node1")))
    assert RESETS in _broken(_with(run, _reset(fenced_s + 60.0, "node1")))
    assert RESETS in _broken(_with(run, _reset(fenced_s - 45.0, "node2")))


def test_who_may_be_fenced_may_be_reset_by_its_watchdog() -> None:
    run = _with(recorded("debian-13-pause"), _reset(20.0, "node2"))
    assert judge(_about(run, may_be_fenced=["node2"])).result == PASS


@pytest.mark.parametrize("why", ["destroyed", "crashed", "failed", "shutdown"])
def test_a_machine_that_goes_off_by_itself_is_seen(why: str) -> None:
    stop: Event = {"t": 20.0, "kind": "power", "machine": "node2", "event": "stopped", "why": why}
    assert _broken(_with(recorded("debian-13-pause"), stop)) == [FENCING]


def _lied(run: Run) -> Run:
    return changed(run, lambda e: None if e["kind"] == "power" else e)


def test_only_the_lie_about_who_has_to_be_fenced_is_expected() -> None:
    run = _about(_lied(recorded()), away_limit_s=200.0, finds=FENCING)
    assert judge(run).result == PASS
    another = _with(run, {"t": 60.0, "kind": "power", "machine": "node2", "event": "stopped", "why": "destroyed"})
    verdict = judge(another)
    assert verdict.result == FAIL
    assert [reason for reason in verdict.reasons if reason.startswith(FENCING)] == [
        f"{FENCING}: node2 was switched off, and no fencing of the cluster's tells of it"
    ]
    assert "node1 counts as fenced" in verdict.found
    assert "1 of 8 checks failed" in sentence(another, verdict)


def test_a_lie_about_another_node_is_not_expected() -> None:
    """The same words about a node that nobody had to fence."""

    def of_node3(event: Event) -> Event | None:
        if event["kind"] == "journal" and "targeting node1 by" in event["text"]:
            return {**event, "t": event["t"] + 1, "text": event["text"].replace("node1", "node3")}
        return None

    run = _about(_lied(recorded()), away_limit_s=200.0, finds=FENCING, may_be_fenced=["node3"])
    more = [event for one in run.events if (event := of_node3(one))]
    verdict = judge(Run(run.name, run.about, (*run.events[:-1], *more, run.events[-1])))
    assert [reason[: len(FENCING) + 7] for reason in verdict.reasons] == [f"{FENCING}: node3"]
