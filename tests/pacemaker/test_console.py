"""What the console does to a real Pacemaker: a fencing device and its levels, from the form to the configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from halab.cli.console import fencing, levels, rules
from halab.cli.console.actions import ACTIONS, Action
from halab.cli.console.contract import Trial, Wish
from halab.cli.console.foretelling import foretold, simulation
from halab.cli.look.deployed import Deployed
from halab.cli.look.place import Place
from halab.provisioners.engine.item import converge, remove
from halab.provisioners.pacemaker.cib import QUERY, Cib, parse, query
from halab.provisioners.pacemaker.edit import EditCib
from halab.provisioners.pacemaker.items import PrimitiveItem
from halab.provisioners.pacemaker.primitives import PARAMS, options
from tests.browser import chromium, needs_chromium, violations
from tests.pacemaker.cluster import RealCluster, until
from tests.pacemaker.console_stage import Nodes, files, operated
from tests.pacemaker.test_cib import alone, configuration

pytestmark = pytest.mark.long


def _fitted(cluster: RealCluster, wish: Wish) -> Action:
    host = cluster.host("node1")
    cib = query(host)
    if wish.action in levels.ACTIONS:
        return levels.fitted(ACTIONS[wish.action], wish, cib, {"mine", "keeper"})
    about = fencing.agent(host, fencing.agent_of(cib, wish))
    return fencing.fitted(ACTIONS[wish.action], wish, cib, about, ())


def _done(cluster: RealCluster, wish: Wish) -> list[str]:
    """What it was said that would happen."""
    action, host = _fitted(cluster, wish), cluster.host("node1")
    text = host.ask(QUERY).stdout
    before, after = parse(text), parse(text)
    assert action.edit
    edit = action.edit
    edit(after, wish)
    would = [*fencing.consequences(before, after), *foretold(host.ask(simulation(text, after)).stdout)]

    def carry_out(cib: Cib) -> None:
        edit(cib, wish)

    EditCib(action.heading(wish), carry_out).run(host)
    return would


def _options(cluster: RealCluster) -> dict[str, str]:
    found = query(cluster.host("node1")).resource("mine")
    assert found is not None
    return dict(options(found, PARAMS))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return files(tmp_path)


def test_a_device_is_added_tried_changed_and_removed(cluster: RealCluster, place: Place) -> None:
    before = configuration(cluster)
    host = cluster.host("node1")
    assert {"fence_pen", "fence_watchdog"} <= set(fencing.agents(host, place).names)
    about = {one.name: one for one in fencing.agent(host, "fence_pen").parameters}
    assert "port" in about
    assert about["pcmk_host_map"].brief
    given = {"pcmk_host_map": "node1:plug1", "pcmk_host_check": "static-list", "pcmk_delay_base": "1s"}
    would = _done(cluster, Wish("fence", name="mine", value="fence_pen", options=given))
    assert any("mine" in text and "start" in text.lower() for text in would), would
    until("the device", lambda: cluster.runs("mine", "node1"))
    assert _options(cluster) == given
    seen = fencing.device(host, place, "mine")
    assert (seen.about.name, seen.values, seen.hidden, seen.declared) == ("fence_pen", given, (), False)

    nodes = Nodes(place, Deployed((), None, ""), cluster=cluster)
    trials = fencing.tried(nodes, cluster.names, "mine").trials
    assert [one.fault for one in trials] == ["", ""]
    assert all("node1" in one.targets for one in trials)
    assert fencing.tried(nodes, ("node1",), "nothing").trials == (
        Trial("node1", "it may not run here: this node does not know it", ()),
    )

    _done(cluster, Wish("fence-change", resource="mine", options={"pcmk_delay_base": "2s", "pcmk_host_check": ""}))
    assert _options(cluster) == {"pcmk_host_map": "node1:plug1", "pcmk_delay_base": "2s"}
    _done(cluster, Wish("level", node="node1", value="1", name="mine"))
    _done(cluster, Wish("level", node="node1", value="1", name="mine,keeper"))
    assert [(one.node, one.level, one.devices) for one in levels.levels(host, place).levels] == [
        ("node1", 1, ("mine", "keeper"))
    ]
    would = _done(cluster, Wish("fence-delete", resource="mine"))
    assert any(text.startswith("No device can fence node1 then") for text in would), would
    assert levels.set_now(query(host)) == [("node1", 1, ("keeper",))]
    _done(cluster, Wish("level-delete", node="node1", value="1"))
    until("its end", lambda: not cluster.runs("mine", "node1"))
    assert host.ask(QUERY).stdout.count("mine") == host.ask(QUERY).stdout.partition("<status>")[2].count("mine")
    assert configuration(cluster) == before, "nothing is left behind"
    assert cluster.fenced == []


@pytest.fixture
def page(cluster: RealCluster, place: Place) -> Iterator[Page]:
    """The console's page in front of the cluster; nothing may go wrong in it."""
    wrong = list[str]()
    with operated(cluster, place) as link, chromium() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(link)
        expect(page.locator("[data-card=Machines]")).to_contain_text("online", timeout=30_000)
        yield page
    assert wrong == []


def _say_yes(dialog: Locator, command: str) -> None:
    expect(dialog.locator("pre")).to_contain_text(f"# {command}", timeout=60_000)
    dialog.get_by_role("button", name="Do it").click()
    expect(dialog.locator(".told.good")).to_contain_text("Done", timeout=60_000)
    dialog.get_by_role("button", name="Close").click()


@needs_chromium
def test_the_talks_clicks_for_a_fencing_device(cluster: RealCluster, page: Page) -> None:
    before = configuration(cluster)
    dialog = page.locator("#dialog")
    row = page.locator('[data-card="Fencing devices"] tr[data-key="mine"]')
    page.get_by_role("button", name="New device").click()
    dialog.get_by_label("Name").fill("mine", timeout=60_000)
    dialog.get_by_label("Agent").fill("fence_pen")
    dialog.get_by_label("Agent").press("Tab")
    expect(dialog).to_contain_text("asks the test", timeout=60_000)
    dialog.get_by_text("options of Pacemaker").click()
    dialog.get_by_label("pcmk_delay_base", exact=True).fill("1s")
    expect(dialog).to_contain_text("This enables a static delay for fencing actions")
    dialog.get_by_text("What the device calls each node").click()
    dialog.get_by_label("Plug of node1").fill("7")
    assert violations(page) == []
    dialog.get_by_role("button", name="What would it do?").click()
    words = "pcs stonith create mine fence_pen pcmk_delay_base=1s pcmk_host_map=node1:7 op monitor interval=60s"
    _say_yes(dialog, words)
    expect(row).to_contain_text("started", timeout=60_000)
    assert _options(cluster) == {"pcmk_delay_base": "1s", "pcmk_host_map": "node1:7"}

    def chosen(item: str) -> None:
        row.locator("summary").click()
        row.get_by_role("button", name=item).click()

    chosen("Try it")
    expect(dialog.locator("li")).to_have_text([re.compile(f"{name}.*answers.*knows") for name in cluster.names])
    assert violations(page) == []
    dialog.get_by_role("button", name="Close").click()
    chosen("Options")
    dialog.get_by_label("pcmk_delay_base", exact=True).fill("3s", timeout=60_000)
    assert violations(page) == []
    dialog.get_by_role("button", name="What would it do?").click()
    _say_yes(dialog, "pcs stonith update mine pcmk_delay_base=3s")
    assert _options(cluster) == {"pcmk_delay_base": "3s", "pcmk_host_map": "node1:7"}

    page.get_by_role("button", name="Levels").click()
    dialog.get_by_role("button", name="New level").click(timeout=60_000)
    dialog.get_by_label("Device").select_option("mine")
    assert violations(page) == []
    dialog.get_by_role("button", name="What would it do?").click()
    _say_yes(dialog, "pcs stonith level add 1 node1 mine")
    assert levels.set_now(query(cluster.host("node1"))) == [("node1", 1, ("mine",))]
    chosen("Remove")
    expect(dialog.locator(".would")).to_contain_text("No device can fence node1 then", timeout=60_000)
    _say_yes(dialog, "pcs stonith delete mine")
    expect(row).to_have_count(0, timeout=60_000)
    assert configuration(cluster) == before, "nothing is left behind"


@needs_chromium
def test_constraints_are_made_seen_and_removed(cluster: RealCluster, page: Page) -> None:
    before, host = configuration(cluster), cluster.host("node1")
    for name in ("one", "two"):
        assert converge(host, PrimitiveItem(), None, alone(name)) == alone(name)
    dialog = page.locator("#dialog")
    expect(page.locator('[data-card=Resources] tr[data-key="two"]')).to_contain_text("started", timeout=60_000)
    for kind, choice in (
        ("starts before another", "two"),
        ("runs where another runs", "two"),
        ("runs on a node", "node2"),
    ):
        page.get_by_role("button", name="New constraint").click()
        dialog.get_by_label("Resource").select_option("one")
        dialog.get_by_label("It", exact=True).select_option(kind)
        dialog.get_by_label("Node" if choice == "node2" else "The other").select_option(choice)
        dialog.get_by_role("button", name="What would it do?").click()
        _say_yes(dialog, "pcs constraint")
    expect(page.locator('[data-card=Resources] tr[data-key="one"]')).to_contain_text("node2", timeout=60_000)
    page.get_by_role("button", name="Constraints", exact=True).click()
    rows = dialog.locator("li")
    expect(rows).to_have_count(3, timeout=60_000)
    told = {"two starts after one (mandatory)", "one runs where two runs (always)", "one prefers node2 (always)"}
    assert {text.removesuffix("Remove").strip() for text in rows.all_inner_texts()} == told
    expect(dialog.locator("svg rect")).to_have_count(2)
    expect(dialog.locator("svg path[data-edge]")).to_have_count(2)
    assert violations(page) == []
    while ids := [one.id for one in rules.rules(host).rules]:
        if not dialog.is_visible():
            page.get_by_role("button", name="Constraints", exact=True).click()
        dialog.get_by_role("button", name=f"Remove {ids[0]}").click()
        _say_yes(dialog, f"pcs constraint delete {ids[0]}")
        assert ids[0] not in {one.id for one in rules.rules(host).rules}
    for name in ("one", "two"):
        remove(host, PrimitiveItem(), alone(name))
    assert configuration(cluster) == before, "nothing is left behind"
