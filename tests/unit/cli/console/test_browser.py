"""The page in a real browser, over a recorded cluster."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Browser, Page

from halab.cli.console.server import PAGES_EACH
from halab.cli.look.snapshot import Power
from halab.provider.hypervisor.machine.presence import Presence
from tests.browser import needs_chromium, violations

from .recorded import PASSWORD, Stage, hostile

pytestmark = needs_chromium


def _opened(browser: Browser, stage: Stage, wide: int = 1440, role: str = "operate") -> tuple[Page, list[str]]:
    """The page behind the link, and what went wrong in it or was asked of others."""
    page, wrong = browser.new_page(viewport={"width": wide, "height": 900}), list[str]()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("request", lambda asked: None if asked.url.startswith(stage.url) else wrong.append(asked.url))
    assert role in ("operate", "watch")
    page.goto(f"{stage.url}/#{stage.access.link('operate' if role == 'operate' else 'watch')}")
    page.wait_for_selector(".grid")
    return page, wrong


def test_news_are_drawn_and_no_text_is_html(browser: Browser, stage: Stage) -> None:
    page, wrong = _opened(browser, stage)
    assert page.url == f"{stage.url}/"  # without the token
    assert page.inner_text("#verdict") == "All is well"
    text = hostile(stage)
    page.get_by_text(text).wait_for()
    stage.watch.board.powers({"uuid3": Power(Presence.OFF)})
    page.get_by_text("1 thing is wrong").wait_for()
    assert page.locator("[data-card=Machines] tr[data-key=node3]").inner_text().split()[:3] == ["node3DC", "✕", "off"]
    assert page.title() == "summit: 1 thing is wrong"
    assert page.locator("main script, main img").count() == 0
    assert wrong == []


def test_an_open_menu_stays_when_news_come(browser: Browser, stage: Stage) -> None:
    page, wrong = _opened(browser, stage)
    menu = page.locator("details[data-menu=node2]")
    menu.locator("summary").focus()
    page.keyboard.press("Enter")
    stage.watch.board.powers({"uuid3": Power(Presence.OFF)})
    page.get_by_text("1 thing is wrong").wait_for()
    assert menu.get_attribute("open") is not None
    page.keyboard.press("Escape")
    assert menu.get_attribute("open") is None
    assert wrong == []


def test_who_only_watches_can_do_nothing(browser: Browser, stage: Stage) -> None:
    page, _ = _opened(browser, stage, role="watch")
    assert set(page.locator("details.menu button").all_text_contents()) == {"Serial console"}
    assert "watching only" in page.inner_text("#link")


@pytest.mark.parametrize("wide", [360, 768, 1440])
def test_nothing_is_wider_than_the_screen(browser: Browser, stage: Stage, wide: int) -> None:
    page, _ = _opened(browser, stage, wide)
    hostile(stage)
    assert page.evaluate("document.documentElement.scrollWidth") == wide


def test_a_used_link_says_what_to_do(browser: Browser, stage: Stage) -> None:
    token = stage.access.link("operate")
    stage.access.log_in(token)
    page = browser.new_page()
    page.goto(f"{stage.url}/#{token}")
    page.get_by_text("This link was used already").wait_for()
    page.close()


def test_hacluster_logs_in_by_the_password(browser: Browser, stage: Stage) -> None:
    page = browser.new_page()
    page.goto(stage.url)
    page.get_by_text("You are not logged in").wait_for()
    page.get_by_label("Password of hacluster").fill("wrong")
    page.keyboard.press("Enter")
    page.get_by_text("The user or the password is wrong.").wait_for()
    assert page.get_by_label("Password of hacluster").input_value() == ""
    page.get_by_label("Password of hacluster").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_selector(".grid")
    assert page.locator("details.menu").count() > 0
    page.close()


def test_one_page_too_many_says_so_and_opens_when_another_is_closed(browser: Browser, stage: Stage) -> None:
    context = browser.new_context()
    pages = [context.new_page() for _ in range(PAGES_EACH + 1)]
    pages[0].goto(f"{stage.url}/#{stage.access.link('watch')}")
    pages[0].wait_for_selector(".grid")
    for page in pages[1:-1]:
        page.goto(stage.url)
        page.wait_for_selector(".grid")
    last = pages[-1]
    last.goto(stage.url)
    last.get_by_text(f"This session has {PAGES_EACH} pages open: close one.").wait_for()
    assert violations(last) == []
    assert last.get_by_label("Password of hacluster").count() == 0, "it is logged in"
    last.get_by_role("button", name="Try again").click()
    last.get_by_text("close one").wait_for()
    assert pages[0].locator(".grid").count() == 1
    pages[0].close()
    deadline = time.monotonic() + 20
    while last.locator(".grid").count() == 0:  # the server may hear of it later
        assert time.monotonic() < deadline
        if (again := last.get_by_role("button", name="Try again")).count():
            again.click()
        last.wait_for_timeout(200)
    context.close()
