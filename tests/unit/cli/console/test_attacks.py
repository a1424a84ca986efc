"""What an attacker sends: another site's page, another name for this host, an old cookie, a guessed link."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from halab.cli.console.access import IDLE_S, LINK_S, LONGEST_S, Access, TooMany
from halab.cli.console.guard import HEADERS

from .recorded import Stage, served

TOLD = (
    *("/api/session", "/api/events", "/api/properties", "/api/agents", "/api/agent?name=x", "/api/levels"),
    *("/api/fence-agents", "/api/fence-agent?name=x", "/api/device?name=x", "/api/constraints"),
    *("/api/job", "/api/drills", "/api/report?run=x", "/api/serial?machine=node1", "/api/history?look"),
)
CHANGING = ("/api/preview", "/api/act", "/api/try", "/api/diff", "/api/drill")
STANDBY = {"action": "standby", "node": "node1"}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with served(tmp_path_factory.mktemp("console")) as where:
        yield where


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Stage]:
    """One where no log-in has failed yet."""
    with served(tmp_path) as where:
        yield where


def _raw(stage: Stage, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> tuple[int, str]:
    """A request with exactly these headers."""
    connection = http.client.HTTPConnection(urlsplit(stage.url).netloc, timeout=10)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders(body or None)
    answer = connection.getresponse()
    text = answer.read(2000).decode()
    connection.close()
    return answer.status, text


def _own(stage: Stage, session: requests.Session) -> dict[str, str]:
    cookie = "; ".join(f"{name}={value}" for name, value in session.cookies.items())
    return {"host": urlsplit(stage.url).netloc, "origin": stage.url, "sec-fetch-site": "same-origin",
            "content-type": "application/json", "cookie": cookie}  # fmt: skip


def test_the_page_itself_is_listened_to(stage: Stage) -> None:
    body = json.dumps(STANDBY).encode()
    headers = {**_own(stage, stage.logged_in("watch")), "content-length": str(len(body))}
    assert _raw(stage, "POST", "/api/preview", headers, body) == (
        403,
        '{"error":"This session may look, and change nothing."}',
    )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"host": "evil.test"}, "name"),
        ({"host": "127.0.0.1"}, "name"),
        ({"host": "localhost.evil.test:80"}, "name"),
        ({"origin": "http://evil.test"}, "another site"),
        ({"origin": "null"}, "another site"),
        ({"origin": "http://127.0.0.1:1"}, "another site"),
        ({"origin": ""}, "this page"),
        ({"sec-fetch-site": "cross-site"}, "this page"),
        ({"sec-fetch-site": "same-site"}, "this page"),
        ({"sec-fetch-site": "none"}, "this page"),
        ({"content-type": "text/plain"}, "JSON"),
        ({"content-type": "application/x-www-form-urlencoded"}, "JSON"),
        ({"content-type": ""}, "JSON"),
        ({"content-length": "1000000"}, "length"),
        ({"content-length": "²"}, "length"),
    ],
)
@pytest.mark.parametrize(
    "path", ["/api/preview", "/api/act", "/api/try", "/api/diff", "/api/drill", "/api/login", "/api/logout"]
)
def test_other_sites_and_names_are_refused_with_a_good_cookie(
    stage: Stage, path: str, changes: dict[str, str], why: str
) -> None:
    body = json.dumps(STANDBY).encode()
    headers = {**_own(stage, stage.logged_in()), "content-length": str(len(body)), **changes}
    if headers["content-length"] == "²":  # the server's own parser refuses it before we do
        headers["content-length"] = "x"
        assert _raw(stage, "POST", path, headers)[0] == 400
        return
    status, text = _raw(stage, "POST", path, {k: v for k, v in headers.items() if v}, body)
    assert status == 403
    assert why in text


@pytest.mark.parametrize("path", TOLD)
@pytest.mark.parametrize("changes", [{"host": "evil.test"}, {"sec-fetch-site": "cross-site"}, {"origin": "http://x"}])
def test_nothing_is_told_to_other_sites(stage: Stage, path: str, changes: dict[str, str]) -> None:
    status, text = _raw(stage, "GET", path, {**_own(stage, stage.logged_in()), **changes})
    assert status == 403
    assert "node1" not in text


@pytest.mark.parametrize("origin", ["http://evil.test", ""])
@pytest.mark.parametrize("path", ["/api/events", "/"])
def test_no_web_socket_is_opened(stage: Stage, path: str, origin: str) -> None:
    """A browser asks nobody before it opens one to another site, and sends its cookies."""
    upgrade = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13",
               "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip
    own = {**_own(stage, stage.logged_in()), **upgrade, "origin": origin or stage.url}
    status, text = _raw(stage, "GET", path, {**own, "sec-fetch-site": "cross-site" if origin else "same-origin"})
    assert status == (403 if origin else 200)  # never 101: it stays a plain request
    assert "node1" not in text or not origin


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(stage: Stage, method: str) -> None:
    assert _raw(stage, method, "/api/act", _own(stage, stage.logged_in()))[0] in (403, 405)


def test_without_a_session_there_is_nothing(stage: Stage) -> None:
    headers = {"origin": stage.url, "sec-fetch-site": "same-origin"}
    for path in TOLD:
        assert requests.get(stage.url + path, headers=headers, timeout=10).status_code == 401
    for path in CHANGING:
        answer = requests.post(stage.url + path, json={**STANDBY, "version": "0.1"}, headers=headers, timeout=10)
        assert answer.status_code == 401


def test_a_link_opens_once(fresh: Stage) -> None:
    token = fresh.access.link("operate")
    headers = {"origin": fresh.url}
    first, second = (
        requests.post(f"{fresh.url}/api/login", json={"token": token}, headers=headers, timeout=10) for _ in range(2)
    )
    assert (first.status_code, second.status_code) == (200, 401)
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert token not in cookie
    assert token not in fresh.place.console_audit.read_text()
    assert fresh.place.console_audit.stat().st_mode & 0o777 == 0o600


def test_guessed_links_are_slowed_down(fresh: Stage) -> None:
    codes = [
        requests.post(f"{fresh.url}/api/login", json={"token": "x"}, headers={"origin": fresh.url}, timeout=10)
        for _ in range(6)
    ]
    assert [one.status_code for one in codes] == [401] * 5 + [429]
    assert int(codes[-1].headers["retry-after"]) > 0


@pytest.mark.parametrize("token", [None, 1, [], {}, "", "x" * 10_000])
def test_what_is_no_token_opens_nothing(fresh: Stage, token: object) -> None:
    answer = requests.post(f"{fresh.url}/api/login", json={"token": token}, headers={"origin": fresh.url}, timeout=10)
    assert answer.status_code == 401


def test_a_session_ends_with_its_log_out(stage: Stage) -> None:
    session = stage.logged_in()
    cookie = dict(session.cookies)
    assert session.post(f"{stage.url}/api/logout", json={}, timeout=10).status_code == 200
    assert requests.get(f"{stage.url}/api/session", cookies=cookie, timeout=10).status_code == 401


@pytest.mark.parametrize(
    "wish",
    [
        {"action": "standby", "node": "node1; reboot"},
        {"action": "standby", "node": "--all"},
        {"action": "standby"},
        {"action": "standby", "node": "node1", "resource": "x"},
        {"action": "standby", "node": ["node1"]},
        {"action": "standby", "node": "target"},
        {"action": "__class__", "node": "node1"},
        {"action": "disable", "resource": "$(reboot)"},
        {"action": "property", "name": "batch-limit"},
        {"action": "property-unset", "name": "batch-limit", "value": "1"},
        {"action": "standby", "node": "node1", "value": "1"},
        [],
        "standby",
    ],
)
def test_only_what_the_lab_has_can_be_named(stage: Stage, wish: object) -> None:
    answer = stage.logged_in().post(f"{stage.url}/api/preview", json=wish, timeout=10)
    assert answer.status_code == 409


def test_who_only_watches_tries_no_device(stage: Stage) -> None:
    answer = stage.logged_in("watch").post(f"{stage.url}/api/try", json={"name": "fence-node1"}, timeout=10)
    assert answer.status_code == 403


@pytest.mark.parametrize("given", [{}, [], {"name": 1}, {"name": "--list"}, {"name": "$(reboot)"}])
def test_only_a_device_is_tried(stage: Stage, given: object) -> None:
    assert stage.logged_in().post(f"{stage.url}/api/try", json=given, timeout=10).status_code == 409


def test_an_action_that_was_not_shown_is_refused(stage: Stage) -> None:
    answer = stage.logged_in().post(f"{stage.url}/api/act", json=STANDBY, timeout=10)
    assert (answer.status_code, answer.json()) == (409, {"error": "It was not shown before what this would do."})


def test_all_answers_bind_the_browser(stage: Stage) -> None:
    for path in ("/", "/app.js", "/api/session", "/nothing", "/../pyproject.toml", "/%2e%2e/server.py"):
        answer = requests.get(stage.url + path, timeout=10)
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert "starlette" not in answer.text


def test_sessions_and_links_grow_old() -> None:
    now = 1000.0
    access = Access(lambda: now)
    late, link = access.link("operate"), access.link("watch")
    cookie = access.log_in(link)
    assert cookie
    assert access.role(cookie) == "watch"
    now += IDLE_S - 1
    assert access.role(cookie) == "watch"
    now += IDLE_S + 1
    assert access.role(cookie) is None
    assert now > LINK_S
    assert access.log_in(late) is None


def test_no_session_lasts_for_ever() -> None:
    now = 0.0
    access = Access(lambda: now)
    cookie = access.log_in(access.link("operate"))
    assert cookie
    while now < LONGEST_S:
        assert access.role(cookie) == "operate"
        now += IDLE_S / 2
    now += 1
    assert access.role(cookie) is None


def test_a_wait_ends() -> None:
    now = 0.0
    access = Access(lambda: now)
    for _ in range(5):
        assert access.log_in("x") is None
    good = access.link("watch")
    with pytest.raises(TooMany):
        access.log_in(good)
    now = 61.0
    assert access.log_in(good)
