"""Serial consoles and pages as an attacker would open them: many at once, in many sessions, and left to hang."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
import requests

from halab.cli.console import working
from halab.cli.console.refusing import Refused
from halab.cli.console.server import PAGES_EACH, PAGES_TOGETHER
from halab.cli.console.working import SERIAL_EACH, SERIAL_TOGETHER

from .recorded import Stage


class _Log:
    """A machine's log that says something each time; libvirt is not asked."""

    def __init__(self, _: object, name: str) -> None:
        if name == "nobody":
            raise Refused("The lab has no machine of that name.")

    def news(self) -> str:
        return "said\n"


@pytest.fixture(autouse=True)
def log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "SerialLog", _Log)


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """Answers that are to be closed."""
    with ExitStack() as stack:
        yield stack


@dataclass(frozen=True)
class Kind:
    """A stream: where it is, how many of it there may be, and how the console calls it."""

    path: str
    each: int
    together: int
    name: str


SERIAL = Kind("/api/serial?machine=node1", SERIAL_EACH, SERIAL_TOGETHER, "serial consoles")
KINDS = pytest.mark.parametrize(
    "kind", [SERIAL, Kind("/api/events", PAGES_EACH, PAGES_TOGETHER, "pages")], ids=lambda one: one.name
)


def _open(stage: Stage, session: requests.Session, path: str) -> requests.Response:
    return session.get(f"{stage.url}{path}", stream=True, timeout=10)


def _at_once(
    stage: Stage, session: requests.Session, path: str, count: int, opened: ExitStack
) -> list[requests.Response]:
    with ThreadPoolExecutor(count) as pool:
        answers = list(pool.map(lambda _: _open(stage, session, path), range(count)))
    for answer in answers:
        opened.callback(answer.close)
    return answers


@KINDS
def test_a_session_opens_so_many_and_no_more(stage: Stage, opened: ExitStack, kind: Kind) -> None:
    session = stage.logged_in("watch")
    answers = _at_once(stage, session, kind.path, 3 * kind.each, opened)
    assert Counter(one.status_code for one in answers) == {200: kind.each, 429: 2 * kind.each}
    refused = next(one for one in answers if one.status_code == 429)
    assert refused.json() == {"error": f"This session has {kind.each} {kind.name} open: close one."}
    assert session.get(f"{stage.url}/api/session", timeout=10).status_code == 200
    assert _open(stage, stage.logged_in("watch"), kind.path).status_code == 200, "another session has its own"


@KINDS
def test_all_sessions_together_open_so_many_and_no_more(stage: Stage, opened: ExitStack, kind: Kind) -> None:
    for _ in range(kind.together // kind.each):
        answers = _at_once(stage, stage.logged_in("watch"), kind.path, kind.each, opened)
        assert {one.status_code for one in answers} == {200}
    another = _open(stage, stage.logged_in("drill"), kind.path)
    assert another.status_code == 503
    assert another.json() == {"error": f"{kind.together} {kind.name} are open in all: close one."}


@KINDS
def test_a_place_is_free_again_once_its_reader_has_gone(stage: Stage, opened: ExitStack, kind: Kind) -> None:
    session = stage.logged_in("watch")
    answers = _at_once(stage, session, kind.path, kind.each, opened)
    assert _open(stage, session, kind.path).status_code == 429
    answers[0].close()
    deadline = time.monotonic() + 20
    while (again := _open(stage, session, kind.path)).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    opened.callback(again.close)


def test_what_is_refused_holds_no_place(stage: Stage, opened: ExitStack) -> None:
    session = stage.logged_in("watch")
    nobody = "/api/serial?machine=nobody"
    codes = [_open(stage, session, nobody).status_code for _ in range(SERIAL_EACH + 1)]
    assert codes == [409] * (SERIAL_EACH + 1)
    assert _at_once(stage, session, SERIAL.path, SERIAL_EACH, opened)[-1].status_code == 200
