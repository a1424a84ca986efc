"""Recorded runs told again: what a line means, phases, verdicts, pages."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from halab.cli.drill import lines
from halab.cli.drill.drawing import Drawing
from halab.cli.drill.junit import junit
from halab.cli.drill.lines import meaning
from halab.cli.drill.page import page
from halab.cli.drill.phases import away_s, floor_s, gaps, phases
from halab.cli.drill.recording import Event
from halab.cli.drill.several import bound, compared, several
from halab.cli.drill.story import sentence, told
from halab.cli.drill.timeline import Timeline
from halab.cli.drill.verdict import as_data, judge
from tests.unit.cli.drill.recorded import RUNS, changed, recorded

CRASHES = [name for name in RUNS if name.endswith("-crash")]


@pytest.mark.parametrize("name", CRASHES)
def test_the_lines_of_a_crash_are_known(name: str) -> None:
    """The wordings drift between releases: a pattern that no longer matches shows here."""
    seen = {line.found.event for line in Timeline(recorded(name)).lines if line.found}
    assert seen >= {
        *(lines.LINK, lines.DETECTED, lines.MEMBERSHIP, lines.SYNCED, lines.LOST, lines.MEMBER, lines.DECIDED),
        *(lines.REQUESTED, lines.FENCED, lines.DLM_WAITS, lines.REPLAYED, lines.STARTING, lines.STARTED),
        *(lines.PANICKED, lines.BOOTED),
    }


@pytest.mark.parametrize(
    ("by", "text", "event", "node"),
    [
        ("pacemaker-fenced", "Operation 'reboot' targeting node2 by node1 for a: OK (complete)", lines.FENCED, "node2"),
        ("pacemaker-fenced", "Operation 'reboot' targeting node2 by unknown node for a@b: OK", lines.FENCED, "node2"),
        ("pacemaker-fenced", "Self-fencing (reboot) by node2 for a assumed complete | id=1", lines.EXECUTED, "node2"),
        ("pacemaker-fenced", "Couldn't find anyone to fence (reboot) node2 using any device", lines.UNFENCED, "node2"),
        ("pacemaker-controld", "Result of start operation for site on node1: ok", lines.STARTED, "node1"),
        ("pacemaker-controld", "Result of start operation for site on node1: error", lines.FAILED, "node1"),
        ("pacemaker-controld", "Result of monitor operation for site on node1: not running", None, ""),
        ("kernel", "gfs2: fsid=summit:gfs0.1: about to withdraw this file system", lines.WITHDRAWN, ""),
        ("sshd", "A processor failed, forming new configuration", None, ""),
    ],
)  # fmt: skip
def test_what_a_line_means(by: str, text: str, event: str | None, node: str) -> None:
    found = meaning(by, text)
    assert (found.event if found else None) == event
    assert (found.node if found else "") == node


@pytest.mark.parametrize("name", CRASHES)
def test_phases_follow_one_another(name: str) -> None:
    timeline = Timeline(recorded(name))
    found = phases(timeline)
    assert [phase.name for phase in found] == [
        *("detected", "membership", "fencing", "journal", "resources", "rejoined"),
    ]
    assert found[0].start == 0
    assert all(before.end == after.start for before, after in pairwise(found))
    floor = floor_s(timeline)
    assert floor is not None
    assert floor - 1 < found[1].end, "no membership changes before token and consensus"


@pytest.mark.parametrize("name", CRASHES)
def test_the_states_of_who_crashed(name: str) -> None:
    run = recorded(name)
    (crashed,) = judge(run).who
    states = [span.state for span in Timeline(run).states(crashed)]
    assert states == ["member", "crashed", "lost", "off", "booting", "joining", "member"]
    assert [span.state for span in Timeline(run).states("target")] == ["up"]


def test_who_stood_still_for_a_moment_was_never_lost() -> None:
    run = recorded("debian-13-pause")
    assert [span.state for span in Timeline(run).states("node1")] == ["member", "paused", "member"]
    assert (judge(run).result, judge(run).fenced) == ("PASS", ())


def test_a_web_server_that_was_killed_is_started_again_where_it_was() -> None:
    verdict = judge(recorded("debian-13-apache-killed"))
    assert (verdict.result, verdict.fenced, verdict.served_by) == ("PASS", (), ("node1", "node1"))
    assert [phase.name for phase in verdict.phases] == ["detected", "resources", "settled"]


@pytest.mark.parametrize("name", RUNS)
def test_the_lines_are_in_order_and_none_is_later_than_it_came(name: str) -> None:
    timeline = Timeline(recorded(name))
    times = [line.t for line in timeline.lines]
    assert times == sorted(times)
    assert max(times) <= timeline.run.ended


def test_a_site_that_is_away_is_measured_from_answer_to_answer() -> None:
    run = recorded()
    (gap,) = [gap for gap in gaps(Timeline(run)) if gap.seconds > 5]
    assert gap.by
    assert gap.seconds == away_s(Timeline(run))


def test_a_site_that_does_not_come_back_is_away_until_the_end() -> None:
    def no_answer(event: Event) -> Event:
        return {**event, "node": ""} if event["kind"] == "site" and event["t"] > run.began else event

    run = recorded()
    (gap,) = gaps(Timeline(changed(run, no_answer)))
    assert gap.by == ""
    assert gap.end == run.ended - run.began


@pytest.mark.parametrize("name", RUNS)
def test_a_page_needs_no_script_and_no_network(name: str) -> None:
    text = page(recorded(name))
    assert "<script" not in text
    assert not re.search(r"""(src|href)=["'](?!#)""", text)
    assert "@import" not in text


@pytest.mark.parametrize("name", RUNS)
def test_each_mark_leads_to_its_line(name: str) -> None:
    text = page(recorded(name))
    wanted = set(re.findall(r'href="#(line-\d+)"', text))
    assert wanted
    assert wanted <= set(re.findall(r'id="(line-\d+)"', text))


@pytest.mark.parametrize("name", RUNS)
def test_a_picture_is_well_formed_and_nothing_stands_outside(name: str) -> None:
    run = recorded(name)
    root = ET.fromstring(Drawing(Timeline(run), judge(run)).svg())
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for rect in root.iter("{http://www.w3.org/2000/svg}rect"):
        assert float(rect.get("x", 0)) >= 0
        assert float(rect.get("x", 0)) + float(rect.get("width", 0)) <= width
        assert float(rect.get("y", 0)) + float(rect.get("height", 0)) <= height


def test_what_machines_say_is_text_in_a_page() -> None:
    def evil(event: Event) -> Event:
        return {**event, "text": f"<script>alert(1)</script> {event['text']}"} if event["kind"] == "journal" else event

    assert "<script" not in page(changed(recorded(), evil))


@pytest.mark.parametrize("name", RUNS)
def test_a_sentence_says_it_all(name: str) -> None:
    run = recorded(name)
    verdict = judge(run)
    assert sentence(run, verdict).endswith(verdict.result)
    assert next(told(run, verdict)) == sentence(run, verdict)


def test_the_sentence_of_a_crash() -> None:
    run = recorded()
    said = sentence(run, judge(run))
    assert re.fullmatch(
        r"node\d crashed; the site was away [\d.]+ s \(limit \d+ s\); nothing lost; node\d was fenced; "
        r"three nodes again after \d+ s\. (PASS|FAIL)",
        said,
    )


def test_several_runs_are_sorted_and_bounded() -> None:
    run = recorded()
    text = several([run, run])
    assert text.count("node1 crashed") == 2
    assert bound(20) == pytest.approx(0.139, abs=0.001)


def test_two_runs_stand_on_one_axis() -> None:
    run = recorded()
    assert compared(run, run).count("<svg") == 3


def test_junit_tells_failures_from_errors() -> None:
    good = judge(recorded())
    failed = replace(good, result="ERROR", reasons=("no effect",))
    root = ET.fromstring(junit([good, good, failed]).split("\n", 1)[1])
    assert root.get("tests") == "3"
    assert root.get("errors") == "1"
    assert len(root.findall("testcase/error")) == 1
    assert as_data(good)["run"] == good.run
