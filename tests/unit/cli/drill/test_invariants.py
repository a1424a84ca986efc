"""Each invariant holds in a recorded run, and is seen to be broken when the run is changed in that one point."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from halab.cli.drill.invariants import FENCING, checks, fenced
from halab.cli.drill.junit import junit
from halab.cli.drill.page import page
from halab.cli.drill.recording import Event, Run
from halab.cli.drill.story import sentence, told
from halab.cli.drill.timeline import Timeline
from halab.cli.drill.verdict import ERROR, FAIL, PASS, as_data, judge
from tests.unit.cli.drill.recorded import RUNS, changed, recorded


def _broken(run: Run) -> list[str]:
    return [check.name for check in checks(Timeline(run)) if not check.holds]


@pytest.mark.parametrize("name", RUNS)
def test_all_hold_in_a_recorded_run(name: str) -> None:
    assert _broken(recorded(name)) == []


def test_a_fencing_without_a_power_off_is_seen() -> None:
    run = changed(recorded(), lambda e: None if e["kind"] == "power" and e["event"] == "stopped" else e)
    assert _broken(run) == ["each fencing has its power-off, and none is without"]


def test_a_fencing_without_a_start_is_seen() -> None:
    run = changed(recorded(), lambda e: None if e["kind"] == "power" and e["event"] == "started" else e)
    assert _broken(run) == ["each fencing has its power-off, and none is without"]


def test_a_power_off_without_a_fencing_is_seen() -> None:
    def another(event: Event) -> Event:
        return {**event, "machine": "node3"} if event["kind"] == "power" and event["event"] == "stopped" else event

    assert "each fencing has its power-off, and none is without" in _broken(changed(recorded(), another))


@pytest.mark.parametrize("asked", [True, False])
def test_a_slow_fencing_has_its_power_off_since_it_was_asked_for(asked: bool) -> None:
    def slow(event: Event) -> Event | None:
        if event["kind"] != "journal":
            return event
        if re.search(r"targeting node1 by .*: OK", event["text"]):
            return {**event, "t": event["t"] + 60, "up": event["up"] + 60}
        return event if asked or not re.search(r"Requesting .*fencing|will be fenced", event["text"]) else None

    assert (FENCING not in _broken(changed(recorded(), slow))) is asked


def _by_watchdog(event: Event) -> Event | None:
    """The crash as it would be where the poison pill of SBD was the way that worked."""
    if event["kind"] == "run":
        return {**event, "reset_by": ["fence-sbd"]}
    if event["kind"] == "power" and event["event"] in ("stopped", "started"):
        return {**event, "event": "reboot", "why": ""} if event["event"] == "stopped" else None
    if event["kind"] == "journal" and "Requesting peer fencing" in event["text"]:
        return {**event, "text": "Operation 'reboot' [1712] targeting node1 using fence-sbd returned 0"}
    return event


def test_who_is_fenced_by_its_watchdog_is_reset() -> None:
    run = changed(recorded(), _by_watchdog)
    assert _broken(run) == []
    assert _broken(changed(run, lambda e: None if e["kind"] == "power" else e)) == [FENCING]
    assert _broken(changed(run, lambda e: {**e, "reset_by": []} if e["kind"] == "run" else e)) == [FENCING]


def test_a_lie_has_to_be_found_out() -> None:
    run = _limits(recorded(), away_limit_s=200.0, finds=FENCING)
    missed = judge(run)
    assert missed.result == FAIL
    assert "had to be seen broken for node1" in missed.reasons[0]
    lied = changed(run, lambda e: None if e["kind"] == "power" else e)
    found = judge(lied)
    assert (found.result, found.reasons) == (PASS, ())
    assert found.found == "node1 counts as fenced, and libvirt has not switched it off"
    assert found.found in sentence(lied, found)
    assert judge(_limits(lied, finds="")).result == FAIL


def test_what_we_switch_off_ourselves_in_the_end_is_no_fencing() -> None:
    stop: Event = {"kind": "power", "machine": "node3", "event": "stopped", "why": "destroyed"}
    undone: Event = {"kind": "injection", "machine": "node3", "role": "active", "what": "cycle", "state": "undone"}
    run = recorded()
    at = run.began + 150.0
    by_us = Run(run.name, run.about, (*run.events, {**stop, "t": at}, {**undone, "t": at + 2}))
    assert FENCING not in _broken(by_us)
    assert FENCING in _broken(Run(run.name, run.about, (*run.events, {**stop, "t": at})))


def test_an_address_on_two_machines_is_seen() -> None:
    def everybody(event: Event) -> Event:
        return {**event, "held": True} if event["kind"] == "address" else event

    assert _broken(changed(recorded(), everybody)) == ["the floating address was on one machine at most"]


def test_a_site_that_moves_before_the_fencing_is_seen() -> None:
    def early(event: Event) -> Event:
        return {**event, "node": "node2"} if event["kind"] == "site" and event["t"] > run.began + 10 else event

    run = recorded()
    assert _broken(changed(run, early)) == ["nobody took the site over before its node was fenced"]


def test_a_lost_write_is_seen() -> None:
    def shorter(event: Event) -> Event:
        if event["kind"] != "facts" or event["when"] != "after":
            return event
        files = {
            node: {**file, "numbers": [[file["numbers"][0][0] + 5, file["numbers"][0][1]], *file["numbers"][1:]]}
            for node, file in event["files"].items()
        }
        return {**event, "files": files}

    (broken,) = _broken(changed(recorded(), shorter))
    assert broken.startswith("every acknowledged write")


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"twice": ["site"]}, "no resource ran twice"),
        ({"cib": "errors found"}, "the CIB is valid"),
        ({"blocked": ["site"]}, "nothing is failed or blocked"),
    ],
)
def test_what_the_cluster_says_afterwards_is_seen(change: dict[str, object], check: str) -> None:
    run = changed(recorded(), lambda e: {**e, **change} if e["kind"] == "facts" else e)
    assert _broken(run) == [check]
    assert judge(run).result == FAIL


def test_each_fencing_counts_once_though_each_node_tells_of_it() -> None:
    assert len(fenced(Timeline(recorded()))) == 1


def _limits(run: Run, **about: object) -> Run:
    return changed(run, lambda e: {**e, **about} if e["kind"] == "run" else e)


def test_within_its_limits_it_passes() -> None:
    assert judge(_limits(recorded(), away_limit_s=200.0)).result == PASS


@pytest.mark.parametrize(
    ("about", "reason"),
    [
        ({"away_limit_s": 1.0}, "the site was away"),
        ({"must_be_fenced": ["node2"], "may_be_fenced": ["node1", "node3"]}, "node2 was not fenced"),
        ({"must_be_fenced": [], "may_be_fenced": []}, "was fenced"),
        ({"moves": False}, "serves the site"),
    ],
)
def test_what_should_not_be_fails(about: dict[str, object], reason: str) -> None:
    verdict = judge(_limits(recorded(), **{"away_limit_s": 200.0, **about}))
    assert verdict.result == FAIL
    assert reason in " ".join(verdict.reasons)
    assert verdict.code == 3


def test_a_lab_that_does_not_heal_fails() -> None:
    verdict = judge(changed(_limits(recorded(), away_limit_s=200.0), lambda e: None if e["kind"] == "whole" else e))
    assert verdict.result == FAIL
    assert "not whole" in verdict.reasons[0]


def test_a_failure_that_took_no_effect_is_an_error() -> None:
    def no_effect(event: Event) -> Event:
        return {"t": event["t"], "kind": "error", "text": "no effect"} if event["kind"] == "whole" else event

    verdict = judge(changed(recorded(), no_effect))
    assert (verdict.result, verdict.code, verdict.reasons) == (ERROR, 1, ("no effect",))


@pytest.mark.parametrize(("late_s", "result"), [(154.0, PASS), (156.0, FAIL)])
def test_a_lab_that_is_whole_too_late_fails(late_s: float, result: str) -> None:
    run = _limits(recorded(), away_limit_s=200.0)
    late = changed(run, lambda e: {**e, "t": run.began + 145.3 + late_s} if e["kind"] == "whole" else e)
    verdict = judge(late)
    assert verdict.result == result
    if result == FAIL:
        assert verdict.reasons == ("the lab was whole after 301.3 s, the limit is 300 s",)


def test_a_machine_whose_turn_did_not_come_is_a_reason() -> None:
    run = _limits(recorded(), away_limit_s=200.0)

    def in_turn(event: Event) -> Event:
        return {**event, "role": "nodes"} if event["kind"] == "injection" else event

    verdict = judge(changed(run, in_turn))
    assert (verdict.result, verdict.reasons) == (FAIL, ("it was not the turn of node2, node3",))
    begun, took = changed(run, in_turn).of("injection")
    more = [{**one, "machine": name} for name in ("node2", "node3") for one in (begun, took)]
    all_of_them = changed(run, in_turn)
    assert judge(Run(run.name, run.about, (*all_of_them.events[:-1], *more, run.events[-1]))).result == PASS


@pytest.mark.parametrize(
    ("kinds", "unseen"),
    [
        ({"address"}, {"the floating address was on one machine at most"}),
        ({"write", "unwritten"}, {"every acknowledged write is there, and is read on another node"}),
    ],
)
def test_what_nobody_looked_at_does_not_count_as_held(kinds: set[str], unseen: set[str]) -> None:
    run = changed(_limits(recorded(), away_limit_s=200.0), lambda e: None if e["kind"] in kinds else e)
    verdict = judge(run)
    assert {check.name for check in verdict.checks if not check.holds} == unseen
    assert verdict.result == PASS
    (name,) = unseen
    assert any(line.startswith(f"  not looked at: {name}") for line in told(run, verdict))
    assert f"✓ {name}" not in page(run)
    assert f"{name}: not looked at" in page(run)
    (found,) = ET.fromstring(junit([verdict]).split("\n", 1)[1]).findall(".//property[@name='not looked at']")
    assert name in found.attrib["value"]
    assert {check["name"] for check in as_data(verdict)["checks"] if check["unseen"]} == unseen


def test_what_was_written_and_read_by_nobody_is_seen() -> None:
    def without(event: Event) -> Event:
        if event["kind"] != "facts":
            return event
        return {**event, "files": {node: file for node, file in event["files"].items() if node != "node2"}}

    (broken,) = [check.broken for check in checks(Timeline(changed(recorded(), without))) if check.broken]
    assert broken == "nobody has read what node2 wrote"
