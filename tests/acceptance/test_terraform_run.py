"""How the command runs Terraform, with real Terraform: it is interrupted once, awaited, and no state is lost."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from halab.cli.terraform.events import Change, Diagnostic
from halab.cli.terraform.log import Log
from halab.cli.terraform.run import Stopped, Terraform, TerraformFailed

DEADLINE_S = 60.0
UNDER_WAY = "under-way"

# What a user of Terraform's has without any provider. `slow` is under way until it is stopped or its time is over.
STACK = {
    "terraform": {"backend": {"local": {"path": "../../../the.tfstate"}}},
    "resource": {
        "terraform_data": {
            "quick": {"input": "a"},
            "slow": {
                "input": "${terraform_data.quick.output}",
                "provisioner": {"local-exec": {"command": f"echo $PPID > {UNDER_WAY}; exec sleep 5"}},
            },
        }
    },
    "output": {"said": {"value": "${terraform_data.quick.output}"}, "hidden": {"value": "x", "sensitive": True}},
}
PROGRAM = """
import sys
from pathlib import Path
from tests.acceptance.test_terraform_run import apply
sys.exit(apply(Path(sys.argv[1])))
"""


@dataclass
class Told:
    """Notes what it is told."""

    diagnostics: list[Diagnostic]
    events: list[Mapping[str, Any]]
    lines: list[str]

    def diagnostic(self, told: Diagnostic) -> None:
        self.diagnostics.append(told)

    def event(self, event: Mapping[str, Any]) -> None:
        self.events.append(event)

    def line(self, text: str) -> None:
        self.lines.append(text)
        print(text, flush=True)

    def refresh(self) -> None:
        """Draws nothing."""


def terraform(checkout: Path, told: Told) -> Terraform:
    return Terraform(checkout, "stack", os.environ, Log(checkout / "log", told.line), told)


def apply(checkout: Path) -> int:
    """Runs in a process of its own, which is then sent signals."""
    told = Told([], [], [])
    runner = terraform(checkout, told)
    try:
        runner.prepare()
        with runner.planned():
            runner.apply()
    except Stopped as stopped:
        return stopped.exit_code
    return 0


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose app writes STACK."""
    (tmp_path / "cdktf.json").write_text(json.dumps({"app": f"{sys.executable} app.py"}))
    write_app(tmp_path, STACK)
    return tmp_path


def write_app(checkout: Path, stack: Mapping[str, Any]) -> None:
    (checkout / "app.py").write_text(
        "import os, pathlib\n"
        "folder = pathlib.Path(os.environ['CDKTF_OUTDIR'], 'stacks/stack')\n"
        "folder.mkdir(parents=True, exist_ok=True)\n"
        f"(folder / 'cdk.tf.json').write_text({json.dumps(stack)!r})\n"
    )


def instances(checkout: Path) -> dict[str, str]:
    """Resource -> its status in the state; empty when it is sound."""
    state = json.loads((checkout / "the.tfstate").read_text())
    return {one["name"]: one["instances"][0].get("status", "") for one in state["resources"]}


def until(what: Callable[[], object]) -> None:
    end = time.monotonic() + DEADLINE_S
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


def terraform_of(checkout: Path) -> int:
    """The process that applies, once something is under way."""
    note = checkout / "cdktf.out/stacks/stack" / UNDER_WAY
    until(lambda: note.exists() and note.read_text().strip())
    return int(note.read_text())


@pytest.fixture
def under_way(checkout: Path) -> Iterator[subprocess.Popen[bytes]]:
    """An apply in the middle of its second resource."""
    argv = [sys.executable, "-c", PROGRAM, str(checkout)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as process:
        terraform_of(checkout)
        yield process
        process.kill()


def test_what_is_planned_and_applied_is_told(checkout: Path) -> None:
    (checkout / "cdktf.out/stacks/stack").mkdir(parents=True)
    old = checkout / "cdktf.out/stacks/stack/plan"
    old.write_text("of a run that was killed")
    told = Told([], [], [])
    runner = terraform(checkout, told)
    runner.prepare()
    assert not old.exists()
    with runner.planned() as changes:
        assert changes == [
            Change("terraform_data.quick", "terraform_data", "create"),
            Change("terraform_data.slow", "terraform_data", "create"),
        ]
        planned = json.loads(runner.shown_plan("-json"))
        assert [one["change"]["actions"] for one in planned["resource_changes"]] == [["create"], ["create"]]
        runner.apply()
    assert not old.exists()
    assert runner.outputs == {"said": "a"}
    assert instances(checkout) == {"quick": "", "slow": ""}
    assert "terraform_data.quick: Creation complete" in (checkout / "log").read_text()
    loose = [path for path in [checkout / "the.tfstate", checkout / "log"] if path.stat().st_mode & 0o077]
    assert not loose
    with runner.planned() as changes:
        assert changes == []
    runner.destroy()
    assert instances(checkout) == {}


def test_an_error_is_a_diagnostic_with_its_resource(checkout: Path) -> None:
    condition = {"condition": "${var.yes}", "error_message": "It has to be yes."}
    resource = {"terraform_data": {"a": {"lifecycle": {"precondition": [condition]}}}}
    wrong = {"resource": resource, "variable": {"yes": {"default": False}}}
    write_app(checkout, wrong)
    told = Told([], [], [])
    runner = terraform(checkout, told)
    runner.prepare()
    with pytest.raises(TerraformFailed, match=r"^$"), runner.planned():
        raise AssertionError("there is no plan")
    assert [(one.severity, one.summary, one.detail) for one in told.diagnostics] == [
        ("error", "Resource precondition failed", "It has to be yes.")
    ]


def test_what_terraform_says_before_it_can_speak_json_is_told(checkout: Path) -> None:
    write_app(checkout, {"terraform": {"backend": {"nowhere": {}}}})
    with pytest.raises(TerraformFailed, match=r"terraform init failed:(?s:.*)nowhere"):
        terraform(checkout, Told([], [], [])).prepare()
    (checkout / "app.py").write_text("raise SystemExit('node_count: 0 is too small')")
    with pytest.raises(TerraformFailed, match="cannot be written:\nnode_count: 0 is too small"):
        terraform(checkout, Told([], [], [])).prepare()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_become_one_interrupt_and_the_state_is_saved(
    under_way: subprocess.Popen[bytes], checkout: Path, number: signal.Signals
) -> None:
    """Terraform gives up at a second one, and forgets what is under way."""
    pid = terraform_of(checkout)
    assert under_way.stdout is not None
    under_way.send_signal(number)
    assert b"finished and saved first" in under_way.stdout.readline()
    under_way.send_signal(signal.SIGINT)
    # On a host that is very busy the second one comes when all is over already, and ends what is left of the process.
    assert under_way.wait(DEADLINE_S) in (128 + number, -signal.SIGINT)
    assert not Path(f"/proc/{pid}").exists()
    assert instances(checkout) == {"quick": "", "slow": "tainted"}


def test_the_terminals_ctrl_c_does_not_reach_terraform(checkout: Path) -> None:
    argv = [sys.executable, "-c", PROGRAM, str(checkout)]
    controller, terminal = pty.openpty()
    with subprocess.Popen(
        ["setsid", "--ctty", "--wait", *argv], stdin=terminal, stdout=terminal, cwd=Path(__file__).parents[2]
    ) as process:
        os.close(terminal)
        terraform_of(checkout)
        for _ in range(3):
            os.write(controller, b"\x03")
        assert process.wait(DEADLINE_S) == 130
    os.close(controller)
    assert instances(checkout) == {"quick": "", "slow": "tainted"}


def test_a_terminal_that_is_closed_stops_it_in_order(checkout: Path) -> None:
    argv = [sys.executable, "-c", PROGRAM, str(checkout)]
    controller, terminal = pty.openpty()
    with subprocess.Popen(
        ["setsid", "--ctty", "--wait", *argv], stdin=terminal, stdout=terminal, cwd=Path(__file__).parents[2]
    ) as process:
        os.close(terminal)
        pid = terraform_of(checkout)
        os.close(controller)
        process.wait(DEADLINE_S)
    until(lambda: not Path(f"/proc/{pid}").exists())
    assert instances(checkout) == {"quick": "", "slow": "tainted"}


def test_terraform_goes_on_to_its_end_when_the_command_is_killed(
    under_way: subprocess.Popen[bytes], checkout: Path
) -> None:
    pid = terraform_of(checkout)
    under_way.kill()
    until(lambda: not Path(f"/proc/{pid}").exists())
    assert instances(checkout) == {"quick": "", "slow": ""}


def test_a_command_that_is_killed_after_an_interrupt_loses_nothing(
    under_way: subprocess.Popen[bytes], checkout: Path
) -> None:
    pid = terraform_of(checkout)
    assert under_way.stdout is not None
    under_way.send_signal(signal.SIGTERM)
    under_way.stdout.readline()
    under_way.kill()
    until(lambda: not Path(f"/proc/{pid}").exists())
    assert instances(checkout) == {"quick": "", "slow": "tainted"}


def test_a_signal_before_the_apply_changes_nothing(checkout: Path) -> None:
    app = (checkout / "app.py").read_text()
    (checkout / "app.py").write_text(f"{app}import time; open('began', 'w'); time.sleep(1)\n")
    argv = [sys.executable, "-c", PROGRAM, str(checkout)]
    with subprocess.Popen(argv, cwd=Path(__file__).parents[2]) as process:
        until(lambda: (checkout / "began").exists())
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE_S) == 130
    assert not (checkout / "the.tfstate").exists()
