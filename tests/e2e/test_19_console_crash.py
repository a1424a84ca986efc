"""What happens to the cluster is soon on the console's page; a crash of the active node until it is healed."""

from __future__ import annotations

import json
import re
import statistics
import time
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from halab.cli.lab.state import instances
from tests.browser import needs_chromium
from tests.e2e.conftest import ARTIFACTS
from tests.e2e.console_page import LONG_MS, opened, picture
from tests.e2e.lab import Lab

pytestmark = [needs_chromium, pytest.mark.long]
_WITHIN_S = 1500.0  # an emulated node boots for minutes
_LOOK_MS = 100
_SOON_S = {"kvm": 1.0, "qemu": 3.0}
_TIMES = 5

# Each state that the page shows, when it shows it: it passes some of them faster than a test can look.
_RECORD = """([node, resource]) => {
  const seen = window.seen = [];
  const text = (selector) => document.querySelector(selector)?.innerText.trim() ?? "";
  const look = () => {
    const now = {
      member: text(`[data-card=Machines] tr[data-key="${node}"] [data-head=Cluster]`),
      runs_on: text(`[data-card=Resources] tr[data-key="${resource}"] [data-head="Runs on"]`),
      fenced: text("[data-card=Fencing] li").split(" (")[0],
      served_by: text("[data-card=Site] dl dd:nth-of-type(2)"),
      wrong: text("ul.faults"),
      verdict: text("#verdict"),
    };
    const last = seen.at(-1);
    if (!last || Object.keys(now).some((key) => now[key] !== last[key])) seen.push({at: Date.now() / 1000, ...now});
  };
  const observer = new MutationObserver(look);
  for (const watched of [document.querySelector("main"), document.querySelector("#verdict")])
    observer.observe(watched, {subtree: true, childList: true, characterData: true});
  look();
}"""


def _until(page: Page, after: float, deadline: float, what: str, pattern: str) -> float:
    """When the page first showed it, from a moment (Unix time, s) on."""
    while True:
        seen: list[dict[str, Any]] = page.evaluate("window.seen")
        for one in seen:
            if one["at"] >= after and re.search(pattern, one[what]):
                return float(one["at"])
        assert time.monotonic() < deadline, f"the page did not show {pattern!r} as {what}; it showed {seen}"
        page.wait_for_timeout(_LOOK_MS)


def test_a_change_is_soon_on_the_page(lab: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    """A person puts a node into maintenance, and out of it; the cluster knows when the command returns."""
    active = lab.until("the site", lab.served_by)
    node = next(node for node in lab.nodes if node != active)
    took = list[float]()
    with opened(lab) as page:
        page.evaluate(_RECORD, [node, f"{lab.settings.name}-apache"])
        try:
            for value, shown in [("true", "maintenance"), ("false", "online")] * _TIMES:
                began = time.time()
                _maintenance(lab, node, value)
                known = time.time()
                took.append(_until(page, began, time.monotonic() + 60, "member", shown) - known)
        finally:
            _maintenance(lab, node, "false")
    with capfd.disabled():
        each, middle = ", ".join(f"{one:.2f}" for one in took), statistics.median(took)
        print(f"\non the page after {each} s: median {middle:.2f}, most {max(took):.2f}", flush=True)
    used = {one.attributes["hypervisor_used"] for one in instances(lab.folder.state) if one.type == "halab_machine"}
    assert max(took) <= max(_SOON_S[one] for one in used), took


def _maintenance(lab: Lab, node: str, value: str) -> None:
    lab.ask(node, "crm_attribute", "--node", node, "--name", "maintenance", "--update", value)


def test_a_crash_is_watched_until_it_is_healed(lab: Lab) -> None:
    active = lab.until("the site", lab.served_by)
    others = "|".join(node for node in lab.nodes if node != active)
    boot, deadline = lab.boot_id(active), time.monotonic() + _WITHIN_S
    phases = {
        "lost": ("member", "unclean"),
        "fencing": ("wrong", rf"{active}\s+is being fenced"),
        "fenced": ("fenced", rf"^reboot of {active}: success$"),
        "moved": ("runs_on", f"^({others})$"),
        "served": ("served_by", f"^({others})$"),
        "back": ("member", "online"),
        "healed": ("verdict", "^All is well$"),
    }
    with opened(lab) as page:
        page.evaluate(_RECORD, [active, f"{lab.settings.name}-apache"])
        at = _until(page, 0.0, deadline, "runs_on", f"^{active}$")
        lab.crash(active)
        for phase, (what, pattern) in phases.items():
            at = _until(page, at, deadline, what, pattern)
            picture(page, f"crash-{phase}")
        _told_why(page, active)
        shown = json.dumps(page.evaluate("window.seen"), indent=1, ensure_ascii=False)
        (ARTIFACTS / "console/crash.json").write_text(shown + "\n")
    assert lab.boot_id(active) not in (None, boot)
    assert lab.served_by() not in (None, active)


def _told_why(page: Page, active: str) -> None:
    """Afterwards: the decision to fence with its reason, and the fencing."""
    page.get_by_role("button", name="History").click()
    dialog = page.locator("#dialog")
    decision = dialog.locator("li[data-kind=decision]", has_text=f"Fence (reboot) {active}: ").first
    expect(decision).to_contain_text("peer is no longer part of the cluster", timeout=LONG_MS)
    expect(dialog.locator("li[data-kind=fencing]").first).to_contain_text(f"reboot of {active}: success")
    decision.scroll_into_view_if_needed()
    picture(page, "crash-history")
