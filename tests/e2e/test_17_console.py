"""The console on the real lab, in a real browser: the terminal's link, the live page, and the talk's clicks."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, expect

from halab.cli.lab.state import instances
from tests.browser import needs_chromium
from tests.e2e.budget import leave_out_after
from tests.e2e.console_page import LONG_MS, SEEN_MS, choose, opened, picture, row_of, say_yes, well
from tests.e2e.lab import Lab

pytestmark = needs_chromium


def test_the_console_shows_and_operates_the_lab(lab: Lab) -> None:
    leave_out_after(minutes=40)  # a browser beside it starves a slow host's lab
    node = lab.nodes[-1]
    with _brought_back(lab, node), opened(lab) as page:
        expect(row_of(page, node)).to_contain_text("online")
        picture(page, "healthy")
        say_yes(choose(page, node, "Maintenance", f"pcs node maintenance {node}"), "good", "Done")
        expect(row_of(page, node)).to_contain_text("maintenance", timeout=SEEN_MS)
        say_yes(choose(page, node, "Out of maintenance", f"pcs node unmaintenance {node}"), "good", "Done")
        expect(row_of(page, node)).to_contain_text("online", timeout=SEEN_MS)
        dialog = choose(page, node, "Standby", f"pcs node standby {node}")
        lab.ask(node, "crm_attribute", "--node", node, "--name", "console-test", "--update", "1")
        say_yes(dialog, "bad", "This was changed meanwhile")
        lab.ask(node, "crm_attribute", "--node", node, "--name", "console-test", "--delete")
        well(page)
        expect(row_of(page, node)).to_contain_text("online")
    assert os.stat(lab.folder.console_audit).st_mode & 0o777 == 0o600


@contextmanager
def _brought_back(lab: Lab, node: str) -> Iterator[None]:
    """Out of maintenance also when a click failed: the tests that follow want the lab as it was."""
    try:
        yield
    finally:
        for name in ("maintenance", "standby"):
            lab.ask(node, "crm_attribute", "--node", node, "--name", name, "--delete")


@pytest.mark.long
def test_the_talks_whole_tour(lab: Lab) -> None:
    """Its web steps, from the log-in to the migrated site and the restarted node. Nothing of it is left."""
    with opened(lab, by_password=True) as page:
        _a_serial_console(page, lab)
        _a_property(page)
        _a_fencing_device(page, lab)
        _resources_and_constraints(page, lab)
        _the_site_migrates(page, lab)
        _a_node_is_stopped_and_started(page, lab)
        _a_node_is_restarted(page, lab)
        well(page)
        _pictures_of_it(page)
        page.get_by_role("button", name="What would a deploy change?").click()
        plan = page.locator("#dialog")
        expect(plan).to_contain_text("Nothing: the lab is as its settings say.", timeout=2 * LONG_MS)
        picture(page, "plan")


def _pictures_of_it(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    picture(page, "phone")
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 1440, "height": 1000})
    picture(page, "dark")
    page.emulate_media(color_scheme="light")


def _a_serial_console(page: Page, lab: Lab) -> None:
    menu, dialog = page.locator(f'details[data-menu="{lab.nodes[0]}"]'), page.locator("#dialog")
    menu.locator("summary").click()
    menu.get_by_role("button", name="Serial console").click()
    expect(dialog.locator("pre")).to_contain_text("HALAB-READY", timeout=SEEN_MS)
    picture(page, "serial")
    dialog.get_by_role("button", name="Close").click()


def _a_property(page: Page) -> None:
    name, dialog = "cluster-recheck-interval", page.locator("#dialog")
    row = dialog.locator(f'details[data-property="{name}"]')

    def shown() -> None:
        page.get_by_role("button", name="Properties", exact=True).click()
        dialog.get_by_role("searchbox").fill(name, timeout=SEEN_MS)
        row.locator("summary").click()
        expect(row).to_contain_text("Polling interval")

    shown()
    picture(page, "property")
    row.get_by_role("textbox").fill("soon")
    row.get_by_role("button", name="Set").click()
    expect(dialog.locator(".told.bad")).to_contain_text("takes a time, for example 10s", timeout=SEEN_MS)
    dialog.get_by_role("button", name="Close").click()
    shown()
    row.get_by_role("textbox").fill("7min")
    row.get_by_role("button", name="Set").click()
    expect(dialog.locator("pre")).to_contain_text(f"# pcs property set {name}=7min", timeout=SEEN_MS)
    say_yes(dialog, "good", "Done")
    shown()
    expect(row.locator("summary")).to_contain_text("7min")
    row.get_by_role("button", name="Default").click()
    say_yes(dialog, "good", "Done")
    shown()
    expect(row.locator("summary strong")).to_have_count(0)
    dialog.get_by_role("button", name="Close").click()


def _a_fencing_device(page: Page, lab: Lab) -> None:
    """Another one for a node that has one, with the same options; no password is in the configuration."""
    name, node, dialog = "console-fence", lab.nodes[-1], page.locator("#dialog")
    stonith = (one.attributes for one in instances(lab.folder.state) if one.type == "halab_stonith")
    params = next(one["params"] for one in stonith if one["name"] == f"fence-{node}")
    row = page.locator(f'[data-card="Fencing devices"] tr[data-key="{name}"]')

    def agent() -> None:
        page.get_by_role("button", name="New device").click()
        dialog.get_by_label("Name").fill(name, timeout=SEEN_MS)
        dialog.get_by_label("Agent").fill("fence_redfish")
        dialog.get_by_label("Agent").press("Tab")
        expect(dialog.get_by_label("username (required)")).to_be_visible(timeout=SEEN_MS)
        dialog.get_by_text("options of the agent").click()
        expect(dialog.get_by_label("password", exact=True)).to_have_count(0)

    agent()
    for option in ("ip", "ipport", "username", "systems_uri", "password_script"):
        dialog.get_by_label(re.compile(rf"^{option}( \(required\))?$")).fill(params[option])
    dialog.get_by_label("pcmk_host_list", exact=True).fill(node)
    picture(page, "fence-device")
    dialog.get_by_role("button", name="What would it do?").click()
    expect(dialog.locator("pre")).to_contain_text(f"# pcs stonith create {name} fence_redfish", timeout=SEEN_MS)
    picture(page, "fence-asked")
    say_yes(dialog, "good", "Done", LONG_MS)
    expect(row).to_contain_text("started", timeout=LONG_MS)
    expect(row).to_contain_text("added")
    row.locator("summary").click()
    row.get_by_role("button", name="Try it").click()
    expect(dialog.locator("li")).to_have_text([re.compile(f"{one}.*answers") for one in lab.nodes], timeout=LONG_MS)
    picture(page, "fence-tried")
    dialog.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Levels").click()
    expect(dialog.locator("li")).not_to_have_count(0, timeout=SEEN_MS)
    picture(page, "levels")
    dialog.get_by_role("button", name="Cancel").click()
    row.locator("summary").click()
    row.get_by_role("button", name="Remove").click()
    expect(dialog.locator("pre")).to_contain_text(f"# pcs stonith delete {name}", timeout=SEEN_MS)
    say_yes(dialog, "good", "Done", LONG_MS)
    expect(row).to_have_count(0, timeout=SEEN_MS)


def _resources_and_constraints(page: Page, lab: Lab) -> None:
    name, node = "console-dummy", lab.nodes[-1]
    dialog = page.locator("#dialog")
    page.get_by_role("button", name="New resource").click()
    dialog.get_by_label("Name").fill(name, timeout=SEEN_MS)
    dialog.get_by_label("Agent").fill("ocf:heartbeat:IPaddr2")
    dialog.get_by_label("Agent").press("Tab")
    expect(dialog.get_by_label("ip (required)")).to_be_visible(timeout=SEEN_MS)
    picture(page, "agent")
    dialog.get_by_label("Agent").fill("ocf:pacemaker:Dummy")
    dialog.get_by_label("Agent").press("Tab")
    dialog.get_by_text("optional parameters").click(timeout=SEEN_MS)
    dialog.get_by_label("fake", exact=True).fill("two words")
    dialog.get_by_role("button", name="What would it do?").click()
    words = f"pcs resource create {name} ocf:pacemaker:Dummy 'fake=two words' op monitor interval=10s timeout=20s"
    expect(dialog.locator("pre")).to_contain_text(words, timeout=SEEN_MS)
    picture(page, "create-asked")
    say_yes(dialog, "good", "Done")
    row = page.locator(f'[data-card=Resources] tr[data-key="{name}"]')
    expect(row).to_contain_text("started", timeout=SEEN_MS)
    expect(page.locator("[data-card=Resources] .name .tag")).to_have_text(["added"])
    page.get_by_role("button", name="New constraint").click()
    dialog.get_by_label("Resource").select_option(name)
    dialog.get_by_label("Node").select_option(node)
    picture(page, "constraint")
    dialog.get_by_role("button", name="What would it do?").click()
    expect(dialog.locator("pre")).to_contain_text(f"{name} prefers {node}=INFINITY", timeout=SEEN_MS)
    say_yes(dialog, "good", "Done")
    expect(row).to_contain_text(node, timeout=SEEN_MS)
    say_yes(choose(page, name, "Delete", f"pcs resource delete {name}"), "good", "Done", LONG_MS)
    expect(row).to_have_count(0, timeout=SEEN_MS)


def _the_site_migrates(page: Page, lab: Lab) -> None:
    served = lab.served_by()
    other = next(name for name in lab.nodes if name != served)
    row = page.locator(f'[data-card=Resources] tr[data-key="{lab.settings.name}-ip"]')
    dialog = page.locator("#dialog")
    for item, words in ((f"Move to {other}", "move-with-constraint"), ("Clear moves and bans", "clear")):
        row.locator("summary").click()
        row.get_by_role("button", name=item, exact=True).click()
        expect(dialog.locator("pre")).to_contain_text(f"pcs resource {words}", timeout=SEEN_MS)
        picture(page, f"site-{words}")
        say_yes(dialog, "good", "Done", LONG_MS)
        expect(page.locator("[data-card=Site] strong")).to_have_text(other, timeout=LONG_MS)
    assert lab.served_by() == other
    well(page)


def _a_node_is_stopped_and_started(page: Page, lab: Lab) -> None:
    """As the talk clicks it: the site goes to another node."""
    node = lab.served_by()
    assert node
    dialog = choose(page, node, "Stop the cluster", "pcs cluster stop")
    expect(dialog).to_contain_text("The quorum stays: 2 of 3 nodes stay online")
    expect(dialog).to_contain_text(f"{lab.settings.name}-ip")
    say_yes(dialog, "good", "Done", LONG_MS)
    expect(row_of(page, node)).to_contain_text("offline", timeout=SEEN_MS)
    served = page.locator("[data-card=Site] strong")
    expect(served).to_have_text(re.compile("^node[0-9]$"), timeout=SEEN_MS)
    expect(served).not_to_have_text(node)
    picture(page, "stopped")
    say_yes(choose(page, node, "Start the cluster", "pcs cluster start"), "good", "Done", LONG_MS)
    expect(row_of(page, node)).to_contain_text("online", timeout=LONG_MS)
    well(page)


def _a_node_is_restarted(page: Page, lab: Lab) -> None:
    """One that does not serve: the site stays."""
    served = lab.served_by()
    node = next(name for name in lab.nodes if name != served)
    command = "pcs cluster stop && pcs cluster start"
    say_yes(choose(page, node, "Restart the cluster", command), "good", "Done", LONG_MS)
    expect(row_of(page, node)).to_contain_text("online", timeout=LONG_MS)
    assert lab.served_by() == served
