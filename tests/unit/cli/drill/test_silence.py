"""A run in which somebody fell silent while it went on proves nothing."""

from __future__ import annotations

import pytest

from halab.cli.drill.recording import LISTENED, Event, Run
from halab.cli.drill.verdict import ERROR, FAIL, PASS, judge
from tests.unit.cli.drill.recorded import changed, recorded


def _passing() -> Run:
    return changed(recorded(), lambda e: {**e, "away_limit_s": 200.0} if e["kind"] == "run" else e)


def _until(run: Run, t: float, kinds: set[str], node: str = "") -> Run:
    """Nothing of these kinds (of a node) after a moment."""

    def silent(event: Event) -> Event | None:
        of_it = event["kind"] in kinds and node in ("", event.get("node"))
        return None if of_it and event["t"] > t else event

    return changed(run, silent)


def test_a_site_that_nobody_asked_is_an_error() -> None:
    verdict = judge(_until(_passing(), 0.0, {"site"}))
    assert (verdict.result, verdict.code) == (ERROR, 1)
    assert "never asked" in verdict.reasons[0]


@pytest.mark.parametrize(("before_s", "result"), [(0.0, PASS), (5.0, PASS), (25.0, ERROR), (100.0, ERROR)])
def test_a_site_that_was_asked_until_shortly_before_the_end_counts(before_s: float, result: str) -> None:
    run = _passing()
    last = run.of("site")[-1]["t"]
    assert judge(_until(run, last - before_s, {"site"})).result == result


@pytest.mark.parametrize(("slowness", "result"), [(1.0, ERROR), (3.0, PASS)])
def test_a_slow_lab_may_be_silent_for_longer(slowness: float, result: str) -> None:
    run = _passing()
    last = run.of("site")[-1]["t"]
    slow = changed(run, lambda e: {**e, "slowness": slowness} if e["kind"] == "run" else e)
    assert judge(_until(slow, last - 25.0, {"site"})).result == result


def test_a_slow_site_is_asked_less_often() -> None:
    run = _passing()
    last = run.of("site")[-1]["t"]
    slow = changed(
        _until(run, last - 25.0, {"site"}),
        lambda e: {**e, "took": 15.0} if e["kind"] == "site" and e["t"] > last - 35.0 else e,
    )
    assert judge(slow).result == PASS


def test_a_lab_without_a_site_is_not_asked() -> None:
    run = changed(_until(_passing(), 0.0, {"site"}), lambda e: {**e, "site": ""} if e["kind"] == "run" else e)
    verdict = judge(run)
    assert verdict.result == PASS
    assert [check.unseen for check in verdict.checks if check.unseen] == ["nobody asked a site"]


@pytest.mark.parametrize(("after_s", "result"), [(3.0, PASS), (60.0, ERROR)])
def test_until_when_was_listened_is_recorded(after_s: float, result: str) -> None:
    """Also where everybody fell silent at once."""
    run = _passing()
    at = run.of("site")[-1]["t"] + after_s
    assert judge(Run(run.name, run.about, (*run.events, {"t": at, "kind": LISTENED}))).result == result


@pytest.mark.parametrize("since_s", [-1.0, 20.0])
def test_a_writer_that_fell_silent_is_an_error(since_s: float) -> None:
    run = _passing()
    verdict = judge(_until(run, run.began + since_s, {"write", "unwritten", "address"}, "node2"))
    assert verdict.result == ERROR
    assert "the writer of node2 was silent" in verdict.reasons[0]
    verdict = judge(_until(run, 0.0, {"write", "unwritten", "address"}, "node2"))
    assert verdict.reasons == ("the writer of node2 was never heard",)


def test_a_node_that_did_not_come_back_is_a_failure() -> None:
    run = _passing()
    silent = _until(run, run.began, {"write", "unwritten", "address"}, "node1")
    assert judge(changed(silent, lambda e: None if e["kind"] == "whole" else e)).result == FAIL
