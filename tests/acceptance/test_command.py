"""deploy, diff, output and destroy as a user calls them, with real Terraform, on a stack that needs no machine."""

from __future__ import annotations

import json
import os
import pty
import sys
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from halab.cli import libvirt_daemons
from halab.cli.change import deploy, destroy, diff, outputs, run
from halab.cli.checkpoint.commands import Commands
from halab.cli.checkpoint.of_a_deploy import NotHealthy
from halab.cli.lab import this_lab
from halab.cli.lab.state import locked
from halab.cli.leftovers import sweep
from halab.constructs.settings import Settings
from halab.provider.run.console_service import ConsoleConfig, ConsoleService
from halab.provider.run.folder import LabFolder

STACK: dict[str, Any] = {
    "resource": {
        "terraform_data": {
            "kept": {"input": "a"},
            "made_anew": {"input": "b", "triggers_replace": "1"},
            "failing": {"input": "c", "provisioner": {"local-exec": {"when": "destroy", "command": "[ ! -e stuck ]"}}},
        }
    },
    "output": {"nodes": {"value": {"alpha": "10.0.0.1", "beta": "10.0.0.2"}}},
}
DECLINED, DIFFERENT = 3, 4


class Checkout:
    """A checkout of its own with one lab. What is asked of libvirt is left out: there is no machine."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path, self._monkeypatch = path, monkeypatch
        (path / "cdktf.json").write_text(json.dumps({"app": f"{sys.executable} app.py"}))
        self.settings = Settings(name="small")
        self.folder: LabFolder = this_lab.lab_folder(self.settings, path)
        self.libvirt: list[str] = []
        monkeypatch.chdir(path)
        for module in (run, outputs, destroy):
            monkeypatch.setattr(module, "CHECKOUT", path)
        for module in (run, outputs):
            monkeypatch.setattr(module, "lab_settings", lambda: self.settings)
            monkeypatch.setattr(module, "lab_folder", lambda settings: this_lab.lab_folder(settings, path))
        for module in (deploy, destroy):
            monkeypatch.setattr(module, "all_labs", lambda: this_lab.all_labs(path))
        monkeypatch.setattr(libvirt_daemons, "ensure", lambda record: self.libvirt.append("ensured"))
        monkeypatch.setattr(libvirt_daemons, "stop", lambda record, tell: self.libvirt.append("stopped"))
        monkeypatch.setattr(sweep, "found", lambda settings, state: [])
        self.describe(STACK)

    def describe(self, stack: Mapping[str, Any], **settings: Any) -> None:
        """What its app writes from now on, and its settings."""
        self.settings = Settings(name="small", **settings)
        whole = {"terraform": {"backend": {"local": {"path": str(self.folder.state)}}}, **stack}
        (self.path / "app.py").write_text(
            "import os, pathlib\n"
            "folder = pathlib.Path(os.environ['CDKTF_OUTDIR'], 'stacks/small')\n"
            "folder.mkdir(parents=True, exist_ok=True)\n"
            f"(folder / 'cdk.tf.json').write_text({json.dumps(whole)!r})\n"
        )

    def replacing(self, **settings: Any) -> None:
        data = STACK["resource"]["terraform_data"]
        anew = {**data, "made_anew": {"input": "b", "triggers_replace": "2"}}
        self.describe({**STACK, "resource": {"terraform_data": anew}}, **settings)

    def ids(self) -> dict[str, str]:
        state = json.loads(self.folder.state.read_text())
        return {one["name"]: one["instances"][0]["attributes"]["id"] for one in state["resources"]}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    monkeypatch.setattr(sys, "stdin", open(os.devnull))  # noqa: SIM115
    return Checkout(tmp_path, monkeypatch)


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A person at a terminal, who answers."""

    def answer(text: str) -> None:
        controller, terminal = pty.openpty()
        os.write(controller, f"{text}\n".encode())
        monkeypatch.setattr(sys, "stdin", os.fdopen(terminal))
        monkeypatch.setattr("halab.cli.change.consent.can_ask", lambda screen: True)

    return answer


def test_a_first_deploy_asks_nothing_and_a_second_changes_nothing(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    assert deploy.main(yes=False) == 0
    first, before = capsys.readouterr().out, checkout.ids()
    assert "nodes: alpha 10.0.0.1, beta 10.0.0.2" in first
    assert "ssh alpha" in first
    assert deploy.main(yes=False) == 0
    assert "No changes" in capsys.readouterr().out
    assert checkout.ids() == before
    files = [path for path in checkout.folder.path.rglob("*") if path.stat().st_mode & 0o077]
    assert not files


def test_nothing_is_lost_unasked(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    deploy.main(yes=False)
    before = checkout.ids()
    checkout.replacing(token_ms=20000)
    capsys.readouterr()
    assert deploy.main(yes=False) == DECLINED
    said = capsys.readouterr()
    assert "The lab was deployed with token_ms nothing, now it says 20000." in said.out
    assert "1 terraform data would be replaced: made_anew" in said.out
    assert "halab deploy --yes" in said.err
    assert checkout.ids() == before
    assert deploy.main(yes=True) == 0
    after = checkout.ids()
    assert {name for name in after if after[name] != before[name]} == {"made_anew"}
    capsys.readouterr()
    assert deploy.main(yes=False) == 0
    assert "was deployed with" not in capsys.readouterr().out


@pytest.mark.parametrize(("text", "code"), [("y", 0), ("n", DECLINED), ("", DECLINED)])
def test_a_person_decides(
    checkout: Checkout, answering: Callable[[str], None], text: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy.main(yes=False)
    before = checkout.ids()
    checkout.replacing()
    answering(text)
    assert deploy.main(yes=False) == code
    assert "Go on? [y/N]" in capsys.readouterr().out
    assert (checkout.ids() == before) == (code == DECLINED)


def test_a_setting_that_differs_is_confirmed_by_a_person_though_nothing_is_lost(
    checkout: Checkout, answering: Callable[[str], None]
) -> None:
    deploy.main(yes=False)
    data = {**STACK["resource"]["terraform_data"], "kept": {"input": "other"}}
    changed = {**STACK, "resource": {"terraform_data": data}}
    checkout.describe(changed, vcpus=2)
    answering("n")
    assert deploy.main(yes=False) == DECLINED
    checkout.describe(changed)
    answering("n")
    assert deploy.main(yes=False) == 0  # what drifted is put back unasked


def test_a_diff_tells_and_changes_nothing(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    deploy.main(yes=False)
    checkout.folder.progress.write_text("of the deploy\n")
    kept = [checkout.folder.state, checkout.folder.progress, checkout.folder.log("deploy")]
    before = [file.read_bytes() for file in kept]
    assert diff.main(as_json=False, exit_code=True) == 0
    checkout.replacing(vcpus=2)
    capsys.readouterr()
    assert diff.main(as_json=True, exit_code=True) == DIFFERENT
    found = json.loads(capsys.readouterr().out)
    assert found["settings"] == [{"name": "vcpus", "was": 1, "now": 2}]
    assert [(one["address"], one["actions"]) for one in found["changes"]] == [
        ("terraform_data.made_anew", ["delete", "create"])
    ]
    assert diff.main(as_json=False, exit_code=False) == 0
    assert "# terraform_data.made_anew must be replaced" in capsys.readouterr().out
    assert [file.read_bytes() for file in kept] == before
    assert "made_anew" in checkout.folder.log("diff").read_text()
    assert not list((checkout.path / "cdktf.out").rglob("plan")), "it holds secrets"


def test_output_for_programs(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    assert outputs.main(as_json=True) == 1
    assert not (checkout.path / ".halab").exists()
    deploy.main(yes=False)
    capsys.readouterr()
    assert outputs.main(as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == {"nodes": {"alpha": "10.0.0.1", "beta": "10.0.0.2"}}


def test_a_destroy_is_confirmed_and_leaves_nothing(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    deploy.main(yes=False)
    before = checkout.ids()
    assert destroy.main(yes=False) == DECLINED
    assert checkout.ids() == before
    assert "The lab 'small' goes, with all that is in it" in capsys.readouterr().out
    assert destroy.main(yes=True) == 0
    assert not (checkout.path / ".halab").exists()
    assert checkout.libvirt[-1] == "stopped"


def test_a_destroy_ends_the_console_that_runs_as_a_service(checkout: Checkout) -> None:
    deploy.main(yes=False)
    service = ConsoleService(checkout.folder)
    service.start(ConsoleConfig(0, watch_only=False, environment={}))
    try:
        assert service.supervised()
        assert destroy.main(yes=True) == 0
        assert not service.runs()
        assert not (checkout.path / ".halab").exists()
    finally:
        service.end()


def test_a_destroy_that_fails_keeps_what_the_next_one_needs(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy.main(yes=False)
    stuck = checkout.path / "cdktf.out/stacks/small/stuck"
    stuck.touch()
    assert destroy.main(yes=True) == 1
    said = capsys.readouterr()
    assert "│ Error: local-exec provisioner error" in said.out
    assert "with terraform_data.failing," in said.out
    assert "stopped" not in checkout.libvirt
    assert list(checkout.ids()) == ["failing"]
    assert checkout.folder.log("destroy").exists()
    stuck.unlink()
    assert destroy.main(yes=True) == 0
    assert not (checkout.path / ".halab").exists()


class Starting(BaseHTTPRequestHandler):
    """A site whose cluster is still starting: nobody serves it at first."""

    refusals = 2

    def do_GET(self) -> None:
        Starting.refusals -= 1
        self.send_response(503 if Starting.refusals >= 0 else 200)
        self.send_header("X-Served-By", "beta")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def test_a_deploy_ends_when_the_site_answers_or_says_that_it_does_not(
    checkout: Checkout, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploy, "_POLL_S", 0.01)
    with HTTPServer(("127.0.0.1", 0), Starting) as server:
        url = f"http://127.0.0.1:{server.server_port}/"
        checkout.describe({**STACK, "output": {"site_url": {"value": url}}})
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        code = deploy.main(yes=False)
        server.shutdown()
        thread.join()
    assert (code, Starting.refusals) == (0, -1)
    assert "served now by: beta" in capsys.readouterr().out
    monkeypatch.setattr(deploy, "SITE_DEADLINE_S", 0.05)
    assert deploy.main(yes=False) == 0
    assert f"{url} does not answer yet" in capsys.readouterr().out


def test_a_checkpoint_is_made_after_the_deploy_and_only_when_asked(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made: list[dict[str, str]] = []

    def saving(commands: Commands, _look: object, _deadline_s: float) -> None:
        made.append(checkout.ids())
        with locked(commands.folder.state):
            commands.tell("saved")

    uri = f"test:///{checkout.path}/node.xml"
    (checkout.path / "node.xml").write_text("<node/>")
    monkeypatch.setattr(deploy, "place", lambda: SimpleNamespace(uri=uri, lab="small"))
    monkeypatch.setattr(deploy, "save_deployed", saving)
    assert deploy.main(yes=False) == 0
    assert not made
    assert deploy.main(yes=False, checkpoint=True) == 0
    assert made == [checkout.ids()]
    assert capsys.readouterr().out.endswith("saved\n")

    def ill(*_: object) -> None:
        raise NotHealthy("The lab is deployed; no checkpoint was made")

    monkeypatch.setattr(deploy, "save_deployed", ill)
    assert deploy.main(yes=False, checkpoint=True) == 1
    assert "no checkpoint was made" in capsys.readouterr().err
