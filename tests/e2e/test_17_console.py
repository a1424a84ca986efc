"""The console on the real lab, in a real browser: the terminal's link, the live page, and the talk's clicks."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Locator, Page, expect

from halab.cli.lab.state import instances
from tests.browser import chromium, needs_chromium
from tests.e2e.conftest import ARTIFACTS
from tests.e2e.lab import CHECKOUT, HALAB, Lab

pytestmark = needs_chromium
_SEEN_MS, _LONG_MS = 60_000, 300_000
_PICTURES = ARTIFACTS / "console"


@contextmanager
def console_link(lab: Lab) -> Iterator[str]:
    """What `halab console` prints, while it runs; Ctrl-C ends it."""
    command = [str(HALAB), "console"]
    with subprocess.Popen(command, cwd=CHECKOUT, env=lab.environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            said = ""
            while not (link := re.search(r"http://\S+", said)):
                line = process.stdout.readline()
                assert line, "it ended without a link"
                said += line
            yield link.group()
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0


@contextmanager
def _page(lab: Lab, by_password: bool = False) -> Iterator[Page]:
    """The page of a healthy lab; nothing may go wrong in it, and nobody else may be asked."""
    wrong = list[str]()
    with console_link(lab) as link, chromium() as browser:
        own = link.partition("#")[0]
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith(own) else wrong.append(asked.url))
        page.goto(own if by_password else link)
        if by_password:
            _log_in(page, lab)
        well(page)
        yield page
    assert wrong == []


def _log_in(page: Page, lab: Lab) -> None:
    """As the talk does it; once with a wrong password."""
    found = (one.attributes for one in instances(lab.folder.state) if one.type == "halab_secret")
    right = next(one["value"] for one in found if one["name"] == "hacluster-password")
    field = page.get_by_label("Password of hacluster")
    field.fill("wrong")
    field.press("Enter")
    expect(page.locator("form")).to_contain_text("The user or the password is wrong.")
    _picture(page, "login")
    field.fill(right)
    page.get_by_role("button", name="Log in").click()
    assert right not in lab.folder.console_audit.read_text()


def well(page: Page) -> None:
    """Waits until nothing is wrong."""
    expect(page.locator("#verdict")).to_have_text("All is well", timeout=_LONG_MS)


def _picture(page: Page, name: str) -> None:
    _PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=_PICTURES / f"{name}.png")


def _row(page: Page, node: str) -> Locator:
    return page.locator(f'[data-card=Machines] tr[data-key="{node}"]')


def _choose(page: Page, menu: str, item: str, command: str) -> Locator:
    """Chooses an action and reads what it would do. The dialog."""
    chosen = page.locator(f'details[data-menu="{menu}"]')
    chosen.locator("summary").click()
    chosen.get_by_role("button", name=item, exact=True).click()
    dialog = page.locator("#dialog")
    expect(dialog.locator("pre")).to_contain_text(f"# {command}", timeout=_SEEN_MS)
    _picture(page, f"{command.replace(' ', '-')}-asked")
    return dialog


def _say_yes(dialog: Locator, result: str, words: str, within_ms: int = _SEEN_MS) -> None:
    dialog.get_by_role("button", name="Do it").click()
    expect(dialog.locator(f".told.{result}")).to_contain_text(words, timeout=within_ms)
    _picture(dialog.page, f"{result}-{words.split()[0].lower()}")
    dialog.get_by_role("button", name="Close").click()


def test_the_console_shows_and_operates_the_lab(lab: Lab) -> None:
    node = lab.nodes[-1]
    with _page(lab) as page:
        expect(_row(page, node)).to_contain_text("online")
        _picture(page, "healthy")
        _say_yes(_choose(page, node, "Maintenance", f"pcs node maintenance {node}"), "good", "Done")
        expect(_row(page, node)).to_contain_text("maintenance", timeout=_SEEN_MS)
        _say_yes(_choose(page, node, "Out of maintenance", f"pcs node unmaintenance {node}"), "good", "Done")
        expect(_row(page, node)).to_contain_text("online", timeout=_SEEN_MS)
        dialog = _choose(page, node, "Standby", f"pcs node standby {node}")
        lab.ask(node, "crm_attribute", "--node", node, "--name", "console-test", "--update", "1")
        _say_yes(dialog, "bad", "This was changed meanwhile")
        lab.ask(node, "crm_attribute", "--node", node, "--name", "console-test", "--delete")
        well(page)
        expect(_row(page, node)).to_contain_text("online")
        page.set_viewport_size({"width": 390, "height": 844})
        _picture(page, "phone")
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size({"width": 1440, "height": 1000})
        _picture(page, "dark")
    assert os.stat(lab.folder.console_audit).st_mode & 0o777 == 0o600


@pytest.mark.long
def test_the_talks_whole_tour(lab: Lab) -> None:
    """Its web steps, from the log-in to the migrated site and the restarted node. Nothing of it is left."""
    with _page(lab, by_password=True) as page:
        _a_property(page)
        _a_fencing_device(page, lab)
        _resources_and_constraints(page, lab)
        _the_site_migrates(page, lab)
        _a_node_is_stopped_and_started(page, lab)
        _a_node_is_restarted(page, lab)
        well(page)
        page.get_by_role("button", name="What would a deploy change?").click()
        plan = page.locator("#dialog")
        expect(plan).to_contain_text("Nothing: the lab is as its settings say.", timeout=2 * _LONG_MS)
        _picture(page, "plan")


def _a_property(page: Page) -> None:
    name, dialog = "cluster-recheck-interval", page.locator("#dialog")
    row = dialog.locator(f'details[data-property="{name}"]')

    def opened() -> None:
        page.get_by_role("button", name="Properties", exact=True).click()
        dialog.get_by_role("searchbox").fill(name, timeout=_SEEN_MS)
        row.locator("summary").click()
        expect(row).to_contain_text("Polling interval")

    opened()
    _picture(page, "property")
    row.get_by_role("textbox").fill("soon")
    row.get_by_role("button", name="Set").click()
    expect(dialog.locator(".told.bad")).to_contain_text("takes a time, for example 10s", timeout=_SEEN_MS)
    dialog.get_by_role("button", name="Close").click()
    opened()
    row.get_by_role("textbox").fill("7min")
    row.get_by_role("button", name="Set").click()
    expect(dialog.locator("pre")).to_contain_text(f"# pcs property set {name}=7min", timeout=_SEEN_MS)
    _say_yes(dialog, "good", "Done")
    opened()
    expect(row.locator("summary")).to_contain_text("7min")
    row.get_by_role("button", name="Default").click()
    _say_yes(dialog, "good", "Done")
    opened()
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
        dialog.get_by_label("Name").fill(name, timeout=_SEEN_MS)
        dialog.get_by_label("Agent").fill("fence_redfish")
        dialog.get_by_label("Agent").press("Tab")
        expect(dialog.get_by_label("username (required)")).to_be_visible(timeout=_SEEN_MS)
        dialog.get_by_text("options of the agent").click()
        expect(dialog.get_by_label("password", exact=True)).to_have_count(0)

    agent()
    for option in ("ip", "ipport", "username", "systems_uri", "password_script"):
        dialog.get_by_label(re.compile(rf"^{option}( \(required\))?$")).fill(params[option])
    dialog.get_by_label("pcmk_host_list", exact=True).fill(node)
    _picture(page, "fence-device")
    dialog.get_by_role("button", name="What would it do?").click()
    expect(dialog.locator("pre")).to_contain_text(f"# pcs stonith create {name} fence_redfish", timeout=_SEEN_MS)
    _picture(page, "fence-asked")
    _say_yes(dialog, "good", "Done", _LONG_MS)
    expect(row).to_contain_text("started", timeout=_LONG_MS)
    expect(row).to_contain_text("added")
    row.locator("summary").click()
    row.get_by_role("button", name="Try it").click()
    expect(dialog.locator("li")).to_have_text([re.compile(f"{one}.*answers") for one in lab.nodes], timeout=_LONG_MS)
    _picture(page, "fence-tried")
    dialog.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Levels").click()
    expect(dialog.locator("li")).not_to_have_count(0, timeout=_SEEN_MS)
    _picture(page, "levels")
    dialog.get_by_role("button", name="Close").click()
    row.locator("summary").click()
    row.get_by_role("button", name="Remove").click()
    expect(dialog.locator("pre")).to_contain_text(f"# pcs stonith delete {name}", timeout=_SEEN_MS)
    _say_yes(dialog, "good", "Done", _LONG_MS)
    expect(row).to_have_count(0, timeout=_SEEN_MS)


def _resources_and_constraints(page: Page, lab: Lab) -> None:
    name, node = "console-dummy", lab.nodes[-1]
    dialog = page.locator("#dialog")
    page.get_by_role("button", name="New resource").click()
    dialog.get_by_label("Name").fill(name, timeout=_SEEN_MS)
    dialog.get_by_label("Agent").fill("ocf:heartbeat:IPaddr2")
    dialog.get_by_label("Agent").press("Tab")
    expect(dialog.get_by_label("ip (required)")).to_be_visible(timeout=_SEEN_MS)
    _picture(page, "agent")
    dialog.get_by_label("Agent").fill("ocf:pacemaker:Dummy")
    dialog.get_by_label("Agent").press("Tab")
    dialog.get_by_text("optional parameters").click(timeout=_SEEN_MS)
    dialog.get_by_label("fake", exact=True).fill("two words")
    dialog.get_by_role("button", name="What would it do?").click()
    words = f"pcs resource create {name} ocf:pacemaker:Dummy 'fake=two words' op monitor interval=10s timeout=20s"
    expect(dialog.locator("pre")).to_contain_text(words, timeout=_SEEN_MS)
    _picture(page, "create-asked")
    _say_yes(dialog, "good", "Done")
    row = page.locator(f'[data-card=Resources] tr[data-key="{name}"]')
    expect(row).to_contain_text("started", timeout=_SEEN_MS)
    expect(page.locator("[data-card=Resources] .name .tag")).to_have_text(["added"])
    page.get_by_role("button", name="New constraint").click()
    dialog.get_by_label("Resource").select_option(name)
    dialog.get_by_label("Node").select_option(node)
    _picture(page, "constraint")
    dialog.get_by_role("button", name="What would it do?").click()
    expect(dialog.locator("pre")).to_contain_text(f"{name} prefers {node}=INFINITY", timeout=_SEEN_MS)
    _say_yes(dialog, "good", "Done")
    expect(row).to_contain_text(node, timeout=_SEEN_MS)
    _say_yes(_choose(page, name, "Delete", f"pcs resource delete {name}"), "good", "Done", _LONG_MS)
    expect(row).to_have_count(0, timeout=_SEEN_MS)


def _the_site_migrates(page: Page, lab: Lab) -> None:
    served = lab.served_by()
    other = next(name for name in lab.nodes if name != served)
    row = page.locator(f'[data-card=Resources] tr[data-key="{lab.settings.name}-ip"]')
    dialog = page.locator("#dialog")
    for item, words in ((f"Move to {other}", "move-with-constraint"), ("Clear moves and bans", "clear")):
        row.locator("summary").click()
        row.get_by_role("button", name=item, exact=True).click()
        expect(dialog.locator("pre")).to_contain_text(f"pcs resource {words}", timeout=_SEEN_MS)
        _picture(page, f"site-{words}")
        _say_yes(dialog, "good", "Done", _LONG_MS)
        expect(page.locator("[data-card=Site] strong")).to_have_text(other, timeout=_LONG_MS)
    assert lab.served_by() == other
    well(page)


def _a_node_is_stopped_and_started(page: Page, lab: Lab) -> None:
    """As the talk clicks it: the site goes to another node."""
    node = lab.served_by()
    assert node
    dialog = _choose(page, node, "Stop the cluster", "pcs cluster stop")
    expect(dialog).to_contain_text("The quorum stays: 2 of 3 nodes stay online")
    expect(dialog).to_contain_text(f"{lab.settings.name}-ip")
    _say_yes(dialog, "good", "Done", _LONG_MS)
    expect(_row(page, node)).to_contain_text("offline", timeout=_SEEN_MS)
    served = page.locator("[data-card=Site] strong")
    expect(served).to_have_text(re.compile("^node[0-9]$"), timeout=_SEEN_MS)
    expect(served).not_to_have_text(node)
    _picture(page, "stopped")
    _say_yes(_choose(page, node, "Start the cluster", "pcs cluster start"), "good", "Done", _LONG_MS)
    expect(_row(page, node)).to_contain_text("online", timeout=_LONG_MS)
    well(page)


def _a_node_is_restarted(page: Page, lab: Lab) -> None:
    """One that does not serve: the site stays."""
    served = lab.served_by()
    node = next(name for name in lab.nodes if name != served)
    command = "pcs cluster stop && pcs cluster start"
    _say_yes(_choose(page, node, "Restart the cluster", command), "good", "Done", _LONG_MS)
    expect(_row(page, node)).to_contain_text("online", timeout=_LONG_MS)
    assert lab.served_by() == served
