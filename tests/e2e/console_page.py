"""The console of the real lab in a browser: how it is opened, what is chosen there, and pictures of it."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Locator, Page, expect

from halab.cli.lab.state import instances
from tests.browser import chromium
from tests.e2e.conftest import ARTIFACTS
from tests.e2e.lab import CHECKOUT, HALAB, Lab

SEEN_MS, LONG_MS = 180_000, 300_000  # a look at the lab alone takes 20 s on a busy host
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
def opened(lab: Lab, by_password: bool = False) -> Iterator[Page]:
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
    picture(page, "login")
    field.fill(right)
    page.get_by_role("button", name="Log in").click()
    assert right not in lab.folder.console_audit.read_text()


def well(page: Page) -> None:
    """Waits until nothing is wrong."""
    expect(page.locator("#verdict")).to_have_text("All is well", timeout=LONG_MS)


def picture(page: Page, name: str) -> None:
    """For the documentation."""
    _PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=_PICTURES / f"{name}.png")


def row_of(page: Page, node: str) -> Locator:
    """A machine's."""
    return page.locator(f'[data-card=Machines] tr[data-key="{node}"]')


def choose(page: Page, menu: str, item: str, command: str) -> Locator:
    """Chooses an action and reads what it would do. The dialog."""
    chosen = page.locator(f'details[data-menu="{menu}"]')
    chosen.locator("summary").click()
    chosen.get_by_role("button", name=item, exact=True).click()
    dialog = page.locator("#dialog")
    expect(dialog.locator("pre")).to_contain_text(f"# {command}", timeout=SEEN_MS)
    picture(page, f"{command.replace(' ', '-')}-asked")
    return dialog


def say_yes(dialog: Locator, result: str, words: str, within_ms: int = LONG_MS) -> None:
    """Has it done; `result`: good or bad."""
    dialog.get_by_role("button", name="Do it").click()
    expect(dialog.locator(f".told.{result}")).to_contain_text(words, timeout=within_ms)
    picture(dialog.page, f"{result}-{words.split()[0].lower()}")
    dialog.get_by_role("button", name="Close").click()
