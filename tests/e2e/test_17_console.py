"""The console on the real lab: the link from the terminal, the live page, an action that is shown, done and seen."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import requests

from tests.e2e.lab import CHECKOUT, HALAB, Lab

_SEEN_S = 30.0


class Page:
    """What a browser does with the link."""

    def __init__(self, link: str) -> None:
        self.url, _, token = link.partition("/#")
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["origin"] = self.url
        self.post("login", token=token)

    def post(self, path: str, **data: object) -> dict[str, Any]:
        answer = self.session.post(f"{self.url}/api/{path}", json=data, timeout=60)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def overviews(self) -> Iterator[dict[str, Any]]:
        with self.session.get(f"{self.url}/api/events", stream=True, timeout=_SEEN_S) as stream:
            for line in stream.iter_lines(chunk_size=1):
                if line.startswith(b"data: "):
                    yield json.loads(line[6:])

    def seen(self, wanted: Callable[[dict[str, Any]], bool], overviews: Iterator[dict[str, Any]]) -> float:
        """Seconds until the page shows it."""
        began = time.monotonic()
        for overview in overviews:
            if overview["report"] and wanted(overview["report"]):
                return time.monotonic() - began
            assert time.monotonic() - began < _SEEN_S, overview["report"] and overview["report"]["faults"]
        raise AssertionError("the stream has ended")


@contextmanager
def _console(lab: Lab) -> Iterator[Page]:
    command = [str(HALAB), "console"]
    with subprocess.Popen(command, cwd=CHECKOUT, env=lab.environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            said = ""
            while not (link := re.search(r"http://\S+", said)):
                line = process.stdout.readline()
                assert line, "it ended without a link"
                said += line
            yield Page(link.group())
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0


def _words(report: dict[str, Any], node: str) -> str:
    return next(str(one["cluster"]) for one in report["machines"] if one["name"] == node)


def test_the_console_shows_and_operates_the_lab(lab: Lab) -> None:
    node = lab.nodes[-1]
    with _console(lab) as page:
        overviews = page.overviews()
        page.seen(
            lambda report: report["faults"] == [] and all(one["answers"] for one in report["machines"]), overviews
        )
        for action, wanted in (("maintenance", "maintenance"), ("unmaintenance", "online")):
            preview = page.post("preview", action=action, node=node)
            assert preview["command"] == f"pcs node {action} {node}"
            assert page.post("act", **preview["wish"], version=preview["version"])["fault"] == ""
            page.seen(lambda report, wanted=wanted: _words(report, node) == wanted, overviews)  # type: ignore[misc]
