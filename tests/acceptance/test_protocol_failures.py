"""What fails, is killed or interrupted in any resource type, with real terraform and the demo provider."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from halab.provider.protocol import Ctx, Failure, State
from tests.acceptance import demo_provider
from tests.acceptance.boxes import EVERYTHING, SECRET, WAIT_S, fails_with, write
from tests.acceptance.demo_provider import Demo

if TYPE_CHECKING:
    from tests.acceptance.conftest import Terraform


@pytest.fixture
def provider() -> Demo:
    return Demo()


class TestFailures:
    def test_partial_create_is_tainted_not_lost(self, terraform: Terraform, provider: Demo) -> None:
        write(terraform, size="20")
        provider.on("created", fails_with(Failure("The lid is stuck", "Use force.", ("size",))))
        error = terraform.fails("apply").error
        assert (error.summary, error.detail, error.line) == ("The lid is stuck", "Use force.", "size = 20")

        first = provider.boxes()[0]["id"]
        entry = terraform.state()["demo_box.a"]
        assert entry["tainted"] is True
        assert entry["values"]["id"] == first
        provider.calm()
        assert terraform.plan().actions == {"demo_box.a": ["delete", "create"]}
        terraform.apply()
        assert [box["id"] for box in provider.boxes()] != [first]
        assert len(provider.boxes()) == 1

    def test_create_that_made_nothing(self, terraform: Terraform, provider: Demo) -> None:
        write(terraform, size="20")
        provider.on("create", fails_with(Failure("No room")))
        assert terraform.fails("apply").error.summary == "No room"
        assert terraform.state() == {}

    def test_failed_update_keeps_the_prior_state(self, terraform: Terraform, provider: Demo) -> None:
        write(terraform, size="20")
        terraform.apply()
        write(terraform, size="30")
        provider.on("update", fails_with(Failure("No room")))
        assert terraform.fails("apply").error.summary == "No room"
        assert terraform.resource("demo_box.a")["size"] == 20
        provider.calm()
        assert terraform.plan().actions == {"demo_box.a": ["update"]}

    def test_failed_delete_keeps_the_object(self, terraform: Terraform, provider: Demo) -> None:
        write(terraform, size="20")
        terraform.apply()
        provider.on("delete", fails_with(Failure("It is nailed down")))
        assert terraform.fails("apply", "-destroy").error.summary == "It is nailed down"
        assert "tainted" not in terraform.state()["demo_box.a"]
        provider.calm()
        terraform.destroy()

    def test_destroy_can_be_refused_at_plan(self, terraform: Terraform) -> None:
        write(terraform, tags='{ keep = "yes" }')
        terraform.apply()
        assert terraform.fails("plan", "-destroy").error.summary == "The box is protected"

    def test_exception_is_one_clean_diagnostic(self, terraform: Terraform, provider: Demo) -> None:
        write(terraform, password=f'"{SECRET}"', token=f'"{SECRET}-token"')
        message = f"cannot parse {SECRET!r}, {SECRET}-token, {SECRET}-key"
        provider.on("created", fails_with(ValueError(message)))
        outcome = terraform.fails("apply")
        error = outcome.error
        assert error.summary == "Bug in the provider: ValueError in create demo_box"
        assert error.address == "demo_box.a"
        assert "cannot parse '(sensitive value)'" in error.detail
        assert "acceptance/demo_provider.py" in error.detail
        assert "not in your configuration" in error.detail
        assert SECRET not in outcome.text
        assert terraform.state()["demo_box.a"]["tainted"] is True

    def test_error_of_the_same_shape_is_shown_as_it_is(self, terraform: Terraform, provider: Demo) -> None:
        class NodeDown(Exception):
            summary, detail, attribute = "node2 does not answer", "Power it on.", "size"

        write(terraform, size="20")
        provider.on("create", fails_with(NodeDown()))
        error = terraform.fails("apply").error
        assert (error.summary, error.detail, error.line) == ("node2 does not answer", "Power it on.", "size = 20")

    def test_state_that_does_not_fit_is_reported_and_kept(self, terraform: Terraform, provider: Demo) -> None:
        def spoil(_ctx: Ctx, state: State) -> None:
            state["groups"] = "not a set"

        write(terraform, groups='["x"]')
        provider.on("created", spoil)
        errors = terraform.fails("apply").errors
        assert "groups: expected a set, got str" in errors[0].detail
        assert terraform.resource("demo_box.a")["id"] == provider.boxes()[0]["id"]


class TestParallel:
    def test_creates_run_at_once(self, terraform: Terraform, provider: Demo) -> None:
        count = 20
        together = threading.Barrier(count)
        provider.on("create", lambda _ctx, _state: (together.wait(WAIT_S), None)[1])
        write(terraform, *(f'name = "box{index}"' for index in range(count)))
        terraform.apply(f"-parallelism={count}")
        assert len(provider.boxes()) == count


class TestInterrupt:
    """Ctrl-C while an object is being created: it is in the state afterwards."""

    @staticmethod
    def _interrupt(terraform: Terraform, exists: threading.Event) -> Any:
        running = terraform.start("apply")
        assert exists.wait(WAIT_S)
        running.interrupt()
        return running.wait()

    def test_create_that_gives_up_is_tainted(self, terraform: Terraform, provider: Demo) -> None:
        exists = threading.Event()

        def pause(ctx: Ctx, _state: State) -> None:
            exists.set()
            ctx.sleep(WAIT_S)

        provider.on("created", pause)
        write(terraform, size="20")
        outcome = self._interrupt(terraform, exists)
        assert "Interrupted" in {error.summary for error in outcome.errors}
        entry = terraform.state()["demo_box.a"]
        assert (entry["values"]["id"], entry["tainted"]) == (provider.boxes()[0]["id"], True)
        provider.calm()
        terraform.destroy()
        assert provider.boxes() == []

    def test_create_that_finishes_is_whole(self, terraform: Terraform, provider: Demo) -> None:
        exists = threading.Event()

        def finish(ctx: Ctx, _state: State) -> None:
            exists.set()
            assert ctx.stop.wait(WAIT_S)

        provider.on("created", finish)
        write(terraform, size="20")
        self._interrupt(terraform, exists)
        assert "tainted" not in terraform.state()["demo_box.a"]
        provider.calm()
        assert terraform.plan().actions == {}


class TestInstalled:
    """Started by terraform itself, through a launcher in a local mirror."""

    COMMAND = (sys.executable, demo_provider.__file__)

    @staticmethod
    def _wait_for(pause_file: Path) -> int:
        """The provider's process id, once the box exists."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            if pause_file.exists() and pause_file.read_text():
                return int(pause_file.read_text())
            time.sleep(0.02)
        pytest.fail(f"{pause_file} did not appear within {WAIT_S:.0f} s")

    @staticmethod
    def _wait_until_ended(pid: int) -> None:
        deadline = time.monotonic() + WAIT_S
        while Path(f"/proc/{pid}").exists():
            assert time.monotonic() < deadline, f"the provider {pid} still runs"
            time.sleep(0.02)

    def test_life_cycle(self, install: Callable[..., Terraform]) -> None:
        terraform = install(Demo.address, self.COMMAND)
        write(terraform, **EVERYTHING)
        terraform.init()
        terraform.apply()
        assert terraform.plan().actions == {}
        terraform.destroy()
        write(terraform, size="0")
        assert terraform.fails("validate").error.line == "size = 0"

    def test_ctrl_c_during_create(self, install: Callable[..., Terraform], tmp_path: Path) -> None:
        pause_file = tmp_path / "paused"
        terraform = install(Demo.address, self.COMMAND, {"DEMO_PAUSE_FILE": str(pause_file)})
        write(terraform, size="20")
        terraform.init()
        running = terraform.start("apply")
        pid = self._wait_for(pause_file)
        running.interrupt()
        running.wait()
        assert terraform.state()["demo_box.a"]["tainted"] is True
        self._wait_until_ended(pid)

    def test_provider_ends_when_terraform_is_killed(self, install: Callable[..., Terraform], tmp_path: Path) -> None:
        pause_file = tmp_path / "paused"
        terraform = install(Demo.address, self.COMMAND, {"DEMO_PAUSE_FILE": str(pause_file)})
        write(terraform, size="20")
        terraform.init()
        running = terraform.start("apply")
        pid = self._wait_for(pause_file)
        os.kill(running.process.pid, signal.SIGKILL)
        running.wait()
        self._wait_until_ended(pid)
