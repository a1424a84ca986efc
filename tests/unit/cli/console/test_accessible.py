"""The page by WCAG AA, as axe-core checks it: light and dark, wide and on a phone, its dialogs too."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.sync_api import Browser

from halab.cli.look.snapshot import Power
from halab.provider.hypervisor.machine.presence import Presence
from tests.browser import needs_chromium, violations

from .recorded import Stage, hostile

pytestmark = needs_chromium


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("wide", [390, 1440])
def test_the_page_and_its_dialogs_are_accessible(
    browser: Browser, stage: Stage, wide: int, scheme: Literal["light", "dark"]
) -> None:
    page = browser.new_page(viewport={"width": wide, "height": 900}, color_scheme=scheme)
    page.goto(stage.url)
    page.get_by_label("Password of hacluster").wait_for()
    assert violations(page) == []
    page.goto(f"{stage.url}/?again#{stage.access.link('operate')}")
    page.wait_for_selector(".grid")
    stage.watch.board.powers({"uuid3": Power(Presence.OFF)})
    page.get_by_text(hostile(stage)).wait_for()
    page.get_by_text("1 thing is wrong").wait_for()
    assert violations(page) == []
    page.locator("details[data-menu=node2] summary").click()
    assert violations(page) == []
    page.locator("details[data-menu=node2]").get_by_role("button", name="Standby").click()
    page.locator("#dialog .told.bad").wait_for()  # no machine answers here
    assert violations(page) == []
    page.close()


def test_a_broken_page_would_be_found(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content('<html><body><img src="x"><p style="color: #ccc; background: #fff">pale</p></body></html>')
    assert {one.partition(":")[0] for one in violations(page)} >= {"image-alt", "color-contrast", "html-has-lang"}
    page.close()
