"""The benchmark's course: what it refuses, what it runs, and the watch over the site."""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from halab.cli.bench import bench
from halab.cli.bench.bench import BenchFailed, no_op, refuse_deployed
from halab.cli.bench.report import Measured
from halab.cli.change import destroy
from halab.cli.watch import site as site_module
from halab.cli.watch.site import SiteWatch
from halab.constructs.settings import Settings
from halab.provisioners.engine.errors import TimedOut


def test_a_deployed_lab_is_left_alone(tmp_path: Path) -> None:
    refuse_deployed(tmp_path)
    (tmp_path / ".halab/summit").mkdir(parents=True)
    (tmp_path / ".halab/summit/terraform.tfstate").write_text(json.dumps({"resources": [{"type": "halab_machine"}]}))
    with pytest.raises(BenchFailed, match="make destroy first"):
        refuse_deployed(tmp_path)


# --- the end, whatever happened ---


class Course:
    """A benchmark whose deploy and destroy only note that they were called."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, checkout: Path) -> None:
        self.destroyed = 0
        self.error: Exception | None = None
        monkeypatch.setattr(bench, "CHECKOUT", checkout)
        monkeypatch.setattr(bench, "RESULT", checkout / "artifacts/bench.json")
        monkeypatch.setattr(bench, "lab_settings", Settings)
        monkeypatch.setattr(bench, "measure", self.measure)
        monkeypatch.setattr(destroy, "main", self.destroy)

    def measure(self, _settings: Settings, _measured: Measured) -> None:
        if self.error:
            raise self.error

    def destroy(self, yes: bool) -> int:
        assert yes
        self.destroyed += 1
        return 0


@pytest.fixture
def course(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Course:
    return Course(monkeypatch, tmp_path)


@pytest.mark.parametrize(("arguments", "destroyed"), [([], 1), (["--keep"], 0)])
def test_the_lab_goes_unless_it_is_to_stay(course: Course, arguments: list[str], destroyed: int) -> None:
    assert bench.main(arguments) == 0
    assert course.destroyed == destroyed


@pytest.mark.parametrize("error", [BenchFailed("no"), TimedOut("no node2"), TimeoutError("no answer")])
def test_the_lab_goes_also_after_a_failure(course: Course, tmp_path: Path, error: Exception) -> None:
    course.error = error
    assert bench.main([]) == 1
    assert course.destroyed == 1
    assert json.loads((tmp_path / "artifacts/bench.json").read_text())["deploy"] is None


def test_a_mistake_of_ours_is_shown_after_the_lab_has_gone(course: Course) -> None:
    course.error = KeyError("oops")
    with pytest.raises(KeyError):
        bench.main([])
    assert course.destroyed == 1


def test_nothing_is_destroyed_that_it_did_not_deploy(course: Course, tmp_path: Path) -> None:
    (tmp_path / ".halab/mine").mkdir(parents=True)
    (tmp_path / ".halab/mine/terraform.tfstate").write_text(json.dumps({"resources": [{"type": "halab_machine"}]}))
    assert bench.main([]) == 1
    assert course.destroyed == 0


# --- no-op ---


@pytest.fixture
def npx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An npx that notes how it was called and then does what the file `script` says.

    It stands where the checkout's own one does, on a host whose Node does not fit.
    """
    program = tmp_path / "bin/npx"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$@" >> "$(dirname "$0")/calls"\n. "$(dirname "$0")/script"\n')
    program.chmod(0o755)
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    return program.parent


def test_synth_and_diff_are_timed_after_a_run_for_warming_up(npx: Path) -> None:
    (npx / "script").write_text("echo 'No changes. Your infrastructure matches the configuration.'")
    times = no_op()
    assert times.synth_s > 0
    assert times.diff_s > 0
    assert (npx / "calls").read_text().split("\n") == ["cdktf synth", "cdktf diff", "cdktf synth", "cdktf diff", ""]


@pytest.mark.parametrize(
    ("script", "message"),
    [("echo '1 to change'", "shows changes right after the deploy"), ("echo wrong; exit 3", "exit code 3")],
)
def test_a_diff_that_is_no_no_op_is_an_error(npx: Path, script: str, message: str) -> None:
    (npx / "script").write_text(script)
    with pytest.raises(BenchFailed, match=message):
        no_op()


# --- the checkpoint ---


def test_a_checkpoint_that_fails_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text('#!/bin/sh\necho "$@" >> "$(dirname "$0")/calls"\ncase "$5" in restore) exit 1;; esac\n')
    program.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(program))
    monkeypatch.setattr(bench, "CHECKOUT", tmp_path)
    with pytest.raises(BenchFailed, match="halab checkpoint restore failed"):
        bench.checkpoint()
    program.write_text('#!/bin/sh\necho "$4 $5 $6" >> "$(dirname "$0")/acts"\n')
    times = bench.checkpoint()
    assert min(times.save_s, times.restore_s) > 0
    acts = (tmp_path / "acts").read_text().splitlines()
    assert acts == [f"checkpoint {act} bench" for act in ("save", "restore", "remove")]


# --- the site ---


class Site(BaseHTTPRequestHandler):
    """Answers as Apache on a node does; fails first, then node1 serves, then node2."""

    answers: Iterator[tuple[int, str]]

    def do_GET(self) -> None:
        status, node = next(self.answers)
        self.send_response(status)
        if node:
            self.send_header("X-Served-By", node)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextlib.contextmanager
def serving(*answers: tuple[int, str]) -> Iterator[str]:
    handler = type("Handler", (Site,), {"answers": iter(answers)})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_the_first_answer_that_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_module, "POLL_S", 0.01)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9/")
    answers = [(503, "node1"), (200, ""), (200, "node1"), (200, "node2")]
    with serving(*answers) as url, SiteWatch(url, lambda node: node != "node1") as site:
        assert site.wait(10) == site.answered_at
    assert site.served_by == "node2"


def test_a_site_that_does_not_answer() -> None:
    with serving() as url:
        pass
    with SiteWatch(url) as site, pytest.raises(TimeoutError, match="did not answer within 0 s"):
        site.wait(0.05)
