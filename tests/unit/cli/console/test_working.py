"""What takes a while: a plan and drills, started by who may, followed on the page, and the drills' recordings."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser

from halab.cli.console.contract import Job
from halab.cli.console.jobs import Jobs
from halab.cli.console.refusing import Refused
from tests.browser import needs_chromium, violations

from .recorded import Stage, served

RECORDED = Path(__file__).parents[3] / "data/drills"
RUN = "20260101T000000-crash-active"
# Says which words it got, waits for a file, and ends as `halab diff` does when there are changes.
_PROGRAM = """
import pathlib, sys, time
print("halab", *sys.argv[2:], flush=True)
while not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.02)
print("<b>batch-limit</b> would change"); sys.exit(4)
"""


@pytest.fixture
def go(tmp_path: Path) -> Path:
    return tmp_path / "go"


@pytest.fixture
def working(tmp_path: Path, go: Path) -> Iterator[Stage]:
    """A console whose commands wait for the file `go`; one drill was recorded."""
    shutil.copytree(RECORDED / "debian-13-crash", tmp_path / "drills" / RUN)
    with served(tmp_path, declared=["web"], jobs=_jobs(tmp_path, go)) as stage:
        yield stage
    go.touch()


def _jobs(folder: Path, go: Path) -> Jobs:
    return Jobs(folder / "console-job.log", folder / "audit.jsonl", (sys.executable, "-c", _PROGRAM, str(go)))


def _ended(jobs: Jobs) -> Job:
    deadline = time.monotonic() + 30
    while (job := jobs.now()).code is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return job


def test_one_command_at_a_time_and_its_words_are_kept(tmp_path: Path, go: Path) -> None:
    jobs = _jobs(tmp_path, go)
    assert jobs.now() == Job("", "", 0)
    assert jobs.start("operate", "diff", "--exit-code").code is None
    with pytest.raises(Refused, match="`halab diff --exit-code` is under way"):
        jobs.start("drill", "drill", "run", "pause")
    go.touch()
    job = _ended(jobs)
    assert (job.command, job.code) == ("halab diff --exit-code", 4)
    assert job.text == "halab diff --exit-code\n<b>batch-limit</b> would change\n"
    assert (tmp_path / "console-job.log").stat().st_mode & 0o777 == 0o600
    jobs.start("drill", "drill", "run", "pause")
    assert "batch-limit" not in jobs.now().text or _ended(jobs).command == "halab drill run pause"
    _ended(jobs)


def _audit(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.mark.parametrize(
    ("words", "code", "event", "result"),
    [
        (("diff", "--exit-code"), 0, "done", "nothing would change"),
        (("diff", "--exit-code"), 4, "done", "something would change"),
        (("diff", "--exit-code"), 1, "failed", "could not be carried out"),
        (("drill", "run", "pause"), 0, "done", "passed"),
        (("drill", "run", "pause"), 3, "failed", "did not pass"),
        (("drill", "run", "pause"), 4, "failed", "could not be carried out"),
        (("drill", "run", "pause"), -9, "failed", "ended by signal 9"),
    ],
)
def test_the_audit_log_says_how_it_ended(
    tmp_path: Path, words: tuple[str, ...], code: int, event: str, result: str
) -> None:
    program = f"import os, signal, sys; os.kill(os.getpid(), {-code}) if {code} < 0 else sys.exit({code})"
    audit = tmp_path / "audit.jsonl"
    jobs = Jobs(tmp_path / "console-job.log", audit, (sys.executable, "-c", program))
    jobs.start("drill", *words)
    assert _ended(jobs).code == (128 - code if code < 0 else code)
    (said,) = _audit(audit)
    assert (said["event"], said["result"], said["role"]) == (event, result, "drill")
    assert said["command"] == " ".join(("halab", *words))
    assert audit.stat().st_mode & 0o777 == 0o600


def test_the_end_is_written_down_when_the_console_has_ended_before(tmp_path: Path, go: Path) -> None:
    audit = tmp_path / "audit.jsonl"
    console = (
        "import sys; from pathlib import Path; from halab.cli.console.jobs import Jobs\n"
        f"Jobs(Path(sys.argv[1]), Path(sys.argv[2]), (sys.executable, '-c', {_PROGRAM!r}, sys.argv[3]))"
        ".start('operate', 'diff')"
    )
    argv = [sys.executable, "-c", console, str(tmp_path / "job.log"), str(audit), str(go)]
    subprocess.run(argv, check=True, timeout=30)
    assert not audit.exists()
    go.touch()
    deadline = time.monotonic() + 30
    while not audit.exists() or not audit.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert [(one["event"], one["result"]) for one in _audit(audit)] == [("done", "something would change")]


def test_one_that_is_refused_is_written_down_as_well(working: Stage, go: Path) -> None:
    session = working.logged_in("drill")
    codes = [session.post(f"{working.url}/api/drill", json={"name": "pause"}, timeout=10).status_code for _ in (1, 2)]
    assert codes == [200, 409]
    said = [one for one in _audit(working.place.console_audit) if one["event"] == "failed"]
    assert [one["result"] for one in said] == ["`halab drill run pause` is under way: wait for its end."]


@pytest.mark.parametrize(
    ("path", "role", "status"),
    [
        ("/api/diff", "watch", 403),
        ("/api/drill", "watch", 403),
        ("/api/drill", "operate", 403),
        ("/api/diff", "operate", 200),
        ("/api/drill", "drill", 200),
    ],
)
def test_who_may_start_what(working: Stage, path: str, role: str, status: int) -> None:
    session = working.logged_in(role)  # type: ignore[arg-type]
    answer = session.post(f"{working.url}{path}", json={"name": "pause"}, timeout=10)
    assert answer.status_code == status
    audit = [json.loads(line) for line in working.place.console_audit.read_text().splitlines()]
    begun = [(one["role"], one["command"]) for one in audit if one["event"] == "begin"]
    command = "halab diff --exit-code" if path == "/api/diff" else "halab drill run pause"
    assert begun == ([(role, command)] if status == 200 else [])


@pytest.mark.parametrize("given", [{}, [], {"name": 1}, {"name": "--all"}, {"name": "pause --keep"}])
def test_only_a_drill_that_there_is_can_be_started(working: Stage, given: object) -> None:
    answer = working.logged_in("drill").post(f"{working.url}/api/drill", json=given, timeout=10)
    assert answer.status_code == 409


def _get(stage: Stage, path: str) -> requests.Response:
    return stage.logged_in("watch").get(stage.url + path, timeout=10)


def test_a_recorded_drill_is_told_and_drawn(working: Stage) -> None:
    (run,) = _get(working, "/api/drills").json()["runs"]
    assert run["name"] == RUN
    assert "site was away" in run["told"]
    report = _get(working, f"/api/report?run={RUN}")
    assert report.status_code == 200
    assert "<svg" in report.text
    policy = report.headers["content-security-policy"]
    assert "sandbox" in policy
    assert "script-src" not in policy
    assert policy.startswith("default-src 'none'")


def test_a_recording_that_cannot_be_read_is_told_and_hides_no_other(working: Stage) -> None:
    broken = working.place.state.parent / "drills/20260102T000000-pause/events.jsonl"
    broken.parent.mkdir()
    broken.write_text("{")
    told = [(run["name"], run["result"]) for run in _get(working, "/api/drills").json()["runs"]]
    assert told == [(broken.parent.name, ""), (RUN, told[1][1])]
    assert told[1][1]
    assert _get(working, f"/api/report?run={broken.parent.name}").status_code == 502


@pytest.mark.parametrize("lacking", ["must_be_fenced", "roles", "t"])
def test_a_recording_that_lacks_something_hides_no_other(working: Stage, lacking: str) -> None:
    folder = working.place.state.parent / "drills"
    first, *rest = (folder / RUN / "events.jsonl").read_text().splitlines(keepends=True)
    about = {name: value for name, value in json.loads(first).items() if name != lacking}
    damaged = folder / "20260102T000000-pause/events.jsonl"
    damaged.parent.mkdir()
    damaged.write_text("".join((json.dumps(about) + "\n", *rest)))
    told = [(run["name"], bool(run["result"])) for run in _get(working, "/api/drills").json()["runs"]]
    assert told == [(damaged.parent.name, False), (RUN, True)]


def test_a_drill_that_is_under_way_has_no_result_yet(working: Stage) -> None:
    folder = working.place.state.parent / "drills"
    lines = (folder / RUN / "events.jsonl").read_text().splitlines(keepends=True)
    begun = folder / "20260102T000000-crash-active/events.jsonl"
    begun.parent.mkdir()
    begun.write_text("".join(lines[:100]) + lines[100][:9])
    run, _ = _get(working, "/api/drills").json()["runs"]
    assert (run["name"], run["result"]) == (begun.parent.name, "")
    assert "under way" in run["told"]


@pytest.mark.parametrize("name", ["", "..", "../drills", f"./{RUN}", "nothing", "%2e%2e%2fkey"])
def test_nothing_but_a_recording_is_shown(working: Stage, name: str) -> None:
    assert _get(working, f"/api/report?run={name}").status_code == 404


def _deployed(stage: Stage, *names: str) -> None:
    """The state of a lab with these nodes, and a target."""
    rows = [dict(id=name, hostname=name, name=name, address="", cluster="summit") for name in names]
    rows.append(dict(id="target", hostname="target", name="target", address="", cluster=""))
    instances = [{"attributes": row} for row in rows]
    resources = [{"mode": "managed", "type": "halab_machine", "instances": instances}]
    stage.place.state.write_text(json.dumps({"version": 4, "resources": resources, "outputs": {}}))


@pytest.mark.parametrize(
    ("nodes", "wanted"),
    [
        ((), {}),  # nothing can tell
        (("node1", "node2", "node3"), {"split-half": ["four nodes, or six, eight and so on (node_count)"]}),
        (("node1", "node2", "node3", "node4"), {"split-half": []}),
    ],
)
def test_a_drill_that_the_lab_is_not_made_for_says_what_it_wants(
    working: Stage, nodes: tuple[str, ...], wanted: dict[str, list[str]]
) -> None:
    if nodes:
        _deployed(working, *nodes)
    kinds = {one["name"]: one["wants"] for one in _get(working, "/api/drills").json()["kinds"]}
    assert {name: kinds[name] for name in wanted} == wanted
    assert kinds["crash-active"] == []
    assert nodes or not any(kinds.values())


@needs_chromium
def test_a_drill_that_the_lab_is_not_made_for_is_not_offered(browser: Browser, working: Stage) -> None:
    _deployed(working, "node1", "node2", "node3")
    page = browser.new_page()
    page.goto(f"{working.url}/#{working.access.link('drill')}")
    page.get_by_role("button", name="Drills").click()
    kind = page.locator('[data-drill="split-half"]')
    kind.locator("summary").click()
    kind.get_by_text("It is for a lab with four nodes, or six, eight and so on (node_count).").wait_for()
    assert kind.get_by_role("button", name="Start").count() == 0
    assert violations(page) == []
    page.close()


@needs_chromium
def test_a_plan_and_a_drill_are_followed_on_the_page(browser: Browser, working: Stage, go: Path) -> None:
    page, wrong = browser.new_page(), list[str]()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(f"{working.url}/#{working.access.link('drill')}")
    page.get_by_role("button", name="What would a deploy change?").click()
    dialog = page.locator("#dialog")
    dialog.get_by_text("It is under way.").wait_for()
    go.touch()
    dialog.get_by_text("This is what a deploy would change; nothing was changed.").wait_for()
    assert "<b>batch-limit</b> would change" in dialog.locator("pre").inner_text()
    assert violations(page) == []
    dialog.get_by_role("button", name="Close").click()
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("button", name="Drills").click()
    dialog.locator(f'[data-run="{RUN}"]').get_by_text("the site was away").wait_for()
    kind = dialog.locator('[data-drill="pause"]')
    kind.locator("summary").click()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    kind.get_by_role("button", name="Start").click()
    assert dialog.locator("pre").inner_text() == "halab drill run pause"
    dialog.get_by_role("button", name="Break it").click()
    dialog.get_by_text("It could not be carried out.").wait_for()  # 4 is no exit code of a drill
    assert wrong == []
    page.close()
