"""What a page that nobody clicks on costs a node: processor time of all SSH sessions there, by the kernel's books."""

from __future__ import annotations

import json
import time

import pytest

from tests.browser import chromium, needs_chromium
from tests.e2e.conftest import ARTIFACTS
from tests.e2e.console_page import console_link, well
from tests.e2e.lab import Lab

pytestmark = [needs_chromium, pytest.mark.long]
_WINDOW_S = 120.0
_PAGE_LIMIT, _NOTHING = 0.02, 0.002
_BOOKS = """# processor time of SSH sessions and of their server
cat /sys/fs/cgroup/user.slice/cpu.stat /sys/fs/cgroup/system.slice/ssh.service/cpu.stat | sed -n 's/^usage_usec //p'
"""


def _used_s(lab: Lab, node: str) -> float:
    return sum(int(line) for line in lab.ask(node, "sh", "-c", _BOOKS).split()) / 1e6


def _share(lab: Lab, node: str) -> float:
    """Of one processor, over a while that is long against the console's own rounds."""
    began, before = time.monotonic(), _used_s(lab, node)
    time.sleep(_WINDOW_S)
    return (_used_s(lab, node) - before) / (time.monotonic() - began)


def _streams(lab: Lab, node: str) -> int:
    """Journals that are followed there."""
    return int(lab.ask(node, "sh", "-c", "pgrep -fc '^journalctl --follow' || :"))


def test_an_idle_page_costs_a_node_little_and_nobody_costs_nothing(lab: Lab) -> None:
    node = lab.nodes[0]
    with console_link(lab) as link:
        before = _share(lab, node)
        with chromium() as browser:
            page = browser.new_page()
            page.goto(link)
            well(page)
            assert _streams(lab, node) == 1
            opening = _share(lab, node)  # three log-ins, and the first looks
            watched = _share(lab, node)
        deadline = time.monotonic() + 60
        while _streams(lab, node):
            assert time.monotonic() < deadline, "a journal is followed although nobody looks"
        after = _share(lab, node)
    measured = {"before": before, "opening": opening, "watched": watched, "after": after}
    folder = ARTIFACTS / "console"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "idle.json").write_text(json.dumps(measured, indent=2) + "\n")
    assert watched - before < _PAGE_LIMIT, measured
    assert after - before < _NOTHING, measured
