"""Debian's Chromium, driven by Playwright: for tests that look at a page as its users do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

_CHROMIUM = shutil.which("chromium")
# `make develop` installs it where the release has it; CI has to run these tests.
needs_chromium = pytest.mark.skipif(
    _CHROMIUM is None and os.environ.get("CI", "") in ("", "0", "false"),
    reason="there is no chromium here: `make develop` installs it where the release has it",
)


@contextmanager
def chromium(*arguments: str) -> Iterator[Browser]:
    """A browser without a window. Its own sandbox needs what containers lack; it is shown nothing but our page."""
    assert _CHROMIUM, "there is no chromium, and CI is set: `make develop` installs it"
    with sync_playwright() as playwright:
        own = ("--no-sandbox", "--disable-dev-shm-usage")
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=[*own, *arguments])
        try:
            yield browser
        finally:
            browser.close()


_RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}


def violations(page: Page) -> list[str]:
    """Of WCAG AA, as axe-core sees the page now."""
    found = Axe().run(page, options=_RULES).response["violations"]
    return [f"{one['id']}: {node['target']} {node['failureSummary']}" for one in found for node in one["nodes"]]
