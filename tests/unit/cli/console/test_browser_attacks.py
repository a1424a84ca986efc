"""An attacker's page in the browser of somebody who is logged in, and names that want to be HTML."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext

from halab.cli.look.snapshot import Snapshot
from tests.browser import chromium, needs_chromium
from tests.unit.cli.look.samples import RUNNING, lab, member

from .recorded import Stage, served

pytestmark = needs_chromium
HTML = "<img src=x onerror=\"document.title='owned'\">"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium("--host-resolver-rules=MAP evil.test 127.0.0.1") as started:
        yield started


@contextmanager
def _strangers_page(text: str) -> Iterator[int]:
    """The port of another server on this host, which the browser takes for the same site."""

    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Stranger)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _logged_in(browser: Browser, stage: Stage) -> BrowserContext:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{stage.url}/#{stage.access.link('operate')}")
    page.wait_for_selector(".grid")
    return context


def _attack(url: str) -> str:
    """What a page can send without being allowed to, all at once; it notes whatever it could read."""
    wish = json.dumps({"action": "standby", "node": "node1", "version": "0.1"})
    return f"""<form id=f method=post enctype="text/plain" action="{url}/api/act" target=frame>
<input name='{escape(wish[:-1])}, "x":"' value='"}}'></form><iframe name=frame></iframe>
<iframe src="{url}/"></iframe><script>
const read = [], all = {{credentials: "include"}}, body = {json.dumps(wish)};
const note = (answer) => answer.text().then((text) => text && read.push(text)), fine = () => null;
window.read = read;
window.tried = Promise.all([
  fetch("{url}/api/session", all).then(note).catch(fine),
  fetch("{url}/api/session", {{...all, mode: "no-cors"}}).then(note).catch(fine),
  fetch("{url}/api/act", {{...all, method: "POST", mode: "no-cors", body}}).then(note).catch(fine),
  fetch("{url}/api/act", {{...all, method: "POST", headers: {{"content-type": "application/json"}}, body}})
    .then(note).catch(fine),
  new Promise((done) => {{
    const events = new EventSource("{url}/api/events", {{withCredentials: true}});
    events.onmessage = (event) => {{ read.push(event.data); done(); }};
    events.onerror = () => done();
  }}),
  new Promise((done) => {{
    const socket = new WebSocket("{url.replace("http", "ws")}/api/events");
    socket.onopen = () => {{ read.push("a socket"); done(); }};
    socket.onerror = () => done();
  }}),
]);
document.getElementById("f").submit();
</script>"""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "evil.test"])
def test_a_strangers_page_reads_and_does_nothing(browser: Browser, stage: Stage, host: str) -> None:
    context = _logged_in(browser, stage)
    said = stage.place.console_audit.read_text()
    tried, statuses = set[str](), set[int]()
    with _strangers_page(_attack(stage.url)) as port:
        page = context.new_page()
        page.on("request", lambda asked: tried.add(asked.method + urlsplit(asked.url).path))
        page.on("response", lambda answer: statuses.add(answer.status) if "/api/" in answer.url else None)
        page.goto(f"http://{host}:{port}/")
        page.evaluate("window.tried")
        page.wait_for_load_state("networkidle")
        assert page.evaluate("window.read") == []
    assert tried >= {"GET/api/session", "POST/api/act", "GET/api/events"}
    assert statuses == {403}
    assert stage.place.console_audit.read_text() == said
    context.close()


def test_a_name_that_was_bent_to_this_host_gets_nothing(browser: Browser, stage: Stage) -> None:
    """DNS rebinding: the stranger's name leads here, so that its page would be the same origin."""
    page = browser.new_page()
    answer = page.goto(f"http://evil.test:{urlsplit(stage.url).port}/")
    assert answer is not None
    assert (answer.status, answer.json()) == (403, {"error": "this console does not go by that name"})
    page.close()


def _named() -> Snapshot:
    """A lab with a resource, an agent and a member that are named as HTML."""
    resource = (
        f'<resources><resource id="{escape(f"web{HTML}")}" resource_agent="{escape(f"ocf:{HTML}")}" role="Started" '
        'active="true" orphaned="false" blocked="false" maintenance="false" managed="true" failed="false" '
        f'nodes_running_on="1"><node name="{escape(f"node3{HTML}")}" id="3" cached="true"/></resource></resources>'
    )
    assert RUNNING.count("<node_history/>") == 1
    told = RUNNING.replace("<node_history/>", f"{resource}<node_history/>")
    return lab(*(member(number, cluster=told) for number in (1, 2, 3)))


def test_no_name_is_read_as_html(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path, _named(), declared=["another"]) as stage:
        page = browser.new_page()
        page.goto(f"{stage.url}/#{stage.access.link('operate')}")
        for text in (f"web{HTML}", f"ocf:{HTML}", f"node3{HTML}"):
            page.get_by_text(text).first.wait_for()
        assert page.locator("main img, dialog img").count() == 0
        assert page.locator("[data-card=Resources] .name .tag").all_inner_texts() == ["added"]
        assert "owned" not in page.title()
        page.close()


def test_a_session_that_is_over_is_told_in_its_page(browser: Browser, stage: Stage) -> None:
    context = _logged_in(browser, stage)
    page = context.pages[0]
    page.evaluate(
        """fetch("/api/logout", {method: "POST", headers: {"content-type": "application/json"}, body: "{}"})"""
    )
    page.get_by_text("The session has ended").wait_for(timeout=15_000)
    assert page.locator(".grid").count() == 0
    context.close()
