"""hacluster at the door: with the password, without it, and guessing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from halab.cli.console.access import Access

from .recorded import PASSWORD, Stage, served


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Stage]:
    """One where no log-in has failed yet."""
    with served(tmp_path) as where:
        yield where


def _log_in(stage: Stage, **given: object) -> requests.Response:
    return requests.post(f"{stage.url}/api/login", json=given, headers={"origin": stage.url}, timeout=10)


def test_hacluster_logs_in_and_may_not_drill(fresh: Stage) -> None:
    answer = _log_in(fresh, user="hacluster", password=PASSWORD)
    assert (answer.status_code, answer.json()) == (200, {"lab": "summit", "role": "operate"})
    assert "HttpOnly" in answer.headers["set-cookie"]
    text = fresh.place.console_audit.read_text()
    assert json.loads(text) | {"at": 0} == {"at": 0, "event": "log-in", "by": "hacluster"}
    assert PASSWORD not in text


@pytest.mark.parametrize(
    "given",
    [
        {"user": "hacluster", "password": "wrong"},
        {"user": "hacluster", "password": ""},
        {"user": "hacluster"},
        {"user": "hacluster", "password": [PASSWORD]},
        {"user": "root", "password": PASSWORD},
        {"user": None, "password": PASSWORD},
        {"user": "hacluster", "token": PASSWORD},
        {"token": PASSWORD},
    ],
)
def test_who_is_not_hacluster_does_not_get_in(fresh: Stage, given: dict[str, object]) -> None:
    assert _log_in(fresh, **given).status_code == 401
    assert '"log-in refused"' in fresh.place.console_audit.read_text()


def test_guessed_passwords_are_slowed_down_and_written_down(fresh: Stage) -> None:
    codes = [_log_in(fresh, user="hacluster", password="x").status_code for _ in range(5)]
    late = _log_in(fresh, user="hacluster", password=PASSWORD)
    assert [*codes, late.status_code] == [401] * 5 + [429]
    assert int(late.headers["retry-after"]) > 0
    said = [json.loads(line)["event"] for line in fresh.place.console_audit.read_text().splitlines()]
    assert said == ["log-in refused"] * 5 + ["log-in slowed down"]


@pytest.mark.parametrize("password", [None, ""])
def test_without_a_password_nobody_gets_in_by_it(password: str | None) -> None:
    access = Access(password=lambda: password)
    assert access.log_in_as("hacluster", "") is None


def test_who_looks_only_stays_so() -> None:
    access = Access(password=lambda: PASSWORD, role="watch")
    cookie = access.log_in_as("hacluster", PASSWORD)
    assert cookie
    assert access.role(cookie) == "watch"
