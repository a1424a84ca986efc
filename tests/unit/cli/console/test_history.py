"""What happened and why: who is asked, how often, what is told of it, and what the page makes of that."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from halab.cli.console.contract_history import Happened, History
from halab.cli.console.decisions import newest
from halab.cli.console.history import LAST, Chronicle
from halab.cli.lab.state import StateUnusable
from halab.cli.look.judgement import judge
from halab.cli.look.snapshot import Snapshot
from halab.provisioners.engine.command import Command, Result
from halab.provisioners.engine.errors import CommandFailed, UnexpectedOutput
from halab.provisioners.engine.host import Host
from tests.browser import needs_chromium, violations
from tests.unit.cli.look.samples import lab, member

from .past import FENCED, NOTHING, Keeper, guests, remembered, silent, told

AT = datetime(2026, 11, 28, 7, 50, 36, tzinfo=UTC).timestamp()
HTML = "<img src=x onerror=\"document.title='owned'\">"


def _keepers() -> tuple[Keeper, ...]:
    """node3 was the DC when node1 was fenced, node2 before."""
    one = Keeper("node3", {(AT, "pe-warn-0.bz2"): FENCED, (AT + 9, "pe-input-7.bz2"): NOTHING})
    return Keeper("node1"), Keeper("node2", {(AT - 500, "pe-input-3.bz2"): ""}), one


def _ended(chronicle: Chronicle, shown: Snapshot, *keepers: Keeper) -> History:
    chronicle.look(judge(shown), lambda: guests(None, *keepers))  # type: ignore[arg-type]
    deadline = time.monotonic() + 10
    while _asking(told := chronicle.told(shown)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return told


def _asking(told: History) -> list[str]:
    return [one.node for one in told.heard if one.asking]


def _decisions(told: History) -> list[Happened]:
    return [one for one in told.happened if one.kind == "decision"]


def test_all_is_told_the_newest_first() -> None:
    told = _ended(Chronicle(), remembered(), *_keepers())
    assert [(one.kind, one.title, one.told) for one in told.happened] == [
        ("decision", "node3 decided: nothing to do", ()),
        (
            *("fencing", "reboot of node1: success"),
            ("stonith_admin on node2 asked for it", "node3 carried it out"),
        ),
        (
            *("decision", "node3 decided: 3 actions"),
            (
                "Fence (reboot) node1: peer is no longer part of the cluster",
                *("move fence-node2 from node1 to node3", "move site from node1 to node3"),
            ),
        ),
        (
            *("decision", "node2 decided: it cannot be told"),
            ("crm_simulate cannot read it: crm_simulate: Could not read input XML",),
        ),
        ("failure", "start of apache failed on node2: not installed (User-injected result)", ()),
    ]
    assert told.happened[2].command == (
        "crm_simulate --simulate --show-scores --xml-file /var/lib/pacemaker/pengine/pe-warn-0.bz2"
    )


def test_each_input_is_calculated_once_and_only_the_newest_of_all_are() -> None:
    many = {(AT + number, f"pe-input-{number}.bz2"): NOTHING for number in range(LAST + 5)}
    keepers = Keeper("node1", many), Keeper("node2", {(AT - 1, "pe-input-1.bz2"): NOTHING}), Keeper("node3")
    chronicle = Chronicle()
    told = _ended(chronicle, lab(), *keepers)
    assert [one.at for one in _decisions(told)] == [AT + number for number in reversed(range(5, LAST + 5))]
    assert len(keepers[0].replayed) == LAST
    keepers[0].inputs[(AT + 99, "pe-input-2.bz2")] = NOTHING  # the series began anew: an old name, another file
    told = _ended(chronicle, lab(), *keepers)
    assert keepers[0].replayed[LAST:] == ["pe-input-2.bz2"]
    assert (_decisions(told)[0].at, len(_decisions(told))) == (AT + 99, LAST)
    assert len(chronicle._decisions) <= LAST + 1, "nothing is kept that is not told"


def test_who_is_silent_keeps_what_it_told() -> None:
    keepers, chronicle = _keepers(), Chronicle()
    first = _ended(chronicle, lab(), *keepers)
    assert all(one.at is not None and not one.fault for one in first.heard)
    keepers[2].silent = True
    told = _ended(chronicle, silent(lab(), "node2"), *keepers)
    assert {one.node: one.fault for one in told.heard} == {
        "node1": "", "node2": "it does not answer", "node3": "no route to host",
    }  # fmt: skip
    assert [one.at for one in told.heard][1:] == [one.at for one in first.heard][1:], "its age"
    assert _decisions(told) == _decisions(first)


def test_a_mute_node_holds_up_nobody_and_is_asked_once() -> None:
    keepers, chronicle = _keepers(), Chronicle()
    keepers[0].mute = threading.Event()
    made = list[None]()

    def connect() -> object:
        made.append(None)
        return guests(None, *keepers)  # type: ignore[arg-type]

    try:
        chronicle.look(judge(lab()), connect)  # type: ignore[arg-type]
        deadline = time.monotonic() + 10
        while _asking(told := chronicle.told(lab())) != ["node1"]:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert len(_decisions(told)) == 3
        chronicle.look(judge(lab()), connect)  # type: ignore[arg-type]
        assert len(made) == 5, "all three, and again the two that had ended"
    finally:
        keepers[0].mute.set()


def test_two_who_look_at_once_have_each_member_asked_once() -> None:
    made, first, go = list[str](), threading.Event(), threading.Event()
    chronicle, shown = Chronicle(), lab(member(1))

    def connect() -> object:
        made.append("connection")
        first.set()
        assert go.wait(10)
        return guests(None, Keeper("node1"))  # type: ignore[arg-type]

    look = partial(chronicle.look, judge(shown), connect)  # type: ignore[arg-type]
    one = threading.Thread(target=look)
    one.start()
    assert first.wait(10)
    look()
    go.set()
    one.join(10)
    assert made == ["connection"]


def test_a_lab_that_cannot_be_read_is_asked_again() -> None:
    chronicle = Chronicle()

    def unreadable() -> object:
        raise StateUnusable("the state is locked")

    with pytest.raises(StateUnusable):
        chronicle.look(judge(lab()), unreadable)  # type: ignore[arg-type]
    assert _asking(chronicle.told(lab())) == []
    assert len(_decisions(_ended(chronicle, lab(), *_keepers()))) == 3


def test_a_member_that_left_is_forgotten() -> None:
    keepers, chronicle = _keepers(), Chronicle()
    _ended(chronicle, lab(), *keepers)
    told = _ended(chronicle, lab(member(1), member(2)), *keepers)
    assert [one.node for one in told.heard] == ["node1", "node2"]
    assert {one.node for one in _decisions(told)} == {"node2"}


@pytest.mark.parametrize(
    ("said", "rc", "names"),
    [
        ("\n", 0, []),
        (
            "12.5 pe-input-1.bz2\n13.5 pe-input-2.bz2.tmp\n14.5 pe-error-3.bz2\n",
            0,
            ["pe-input-1.bz2", "pe-error-3.bz2"],
        ),
        ("soon pe-input-1.bz2\n", 0, UnexpectedOutput),
        ("", 1, CommandFailed),
    ],
)
def test_only_the_schedulers_files_are_read(said: str, rc: int, names: list[str] | type[Exception]) -> None:
    class _Node(Keeper):
        def run(self, command: Command, timeout_s: float) -> Result:
            return Result(command, rc, said, "")

    host = Host(_Node("node1"))
    if isinstance(names, list):
        assert [one.name for one in newest(host, "node1", 5)] == names
    else:
        with pytest.raises(names):
            newest(host, "node1", 5)


@needs_chromium
@pytest.mark.parametrize("wide", [360, 1440])
def test_the_page_tells_it_to_who_may_only_look(browser: Browser, tmp_path: Path, wide: int) -> None:
    hostile = FENCED.replace('resource="site"', f'resource="{HTML.replace("<", "&lt;").replace(chr(34), "&quot;")}"')
    keepers = Keeper("node1"), Keeper("node2"), Keeper("node3", {(AT, "pe-warn-0.bz2"): hostile})
    keepers[1].mute = threading.Event()
    with told(tmp_path, *keepers) as stage:
        page = browser.new_page(viewport={"width": wide, "height": 900})
        page.goto(f"{stage.url}/#{stage.access.link('watch')}")
        page.get_by_role("button", name="History").click()
        dialog = page.locator("#dialog")
        dialog.get_by_text(f"move {HTML} from node1 to node3").wait_for()
        assert dialog.locator("ol > li").evaluate_all("all => all.map(one => one.dataset.kind)") == [
            *("fencing", "decision", "failure"),
        ]
        dialog.get_by_text("is being asked").wait_for()
        replay = dialog.locator("details")
        replay.locator("summary").click()
        assert replay.locator("pre").inner_text().startswith("node3# crm_simulate --simulate --show-scores ")
        keepers[1].mute.set()
        dialog.get_by_text("is being asked").wait_for(state="detached")
        assert replay.get_attribute("open") is not None, "what is open stays"
        assert dialog.locator("li", has_text="has told all").count() == 3
        assert page.locator("dialog img").count() == 0
        assert "owned" not in page.title()
        assert page.evaluate("document.documentElement.scrollWidth") == wide
        assert dialog.evaluate("one => one.scrollWidth <= one.clientWidth")
        assert violations(page) == []
        keepers[2].silent = True
        dialog.get_by_role("button", name="Look again").click()
        dialog.get_by_text("no route to host").wait_for()
        assert dialog.get_by_text("what it told is of").count() == 1
        assert violations(page) == []
        page.close()
