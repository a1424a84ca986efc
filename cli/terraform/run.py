"""One command of the user's as Terraform sees it: synth, init, then a plan, an apply or a destroy, told as it comes."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from halab.cli.terraform import events
from halab.cli.terraform.events import Change, Diagnostic
from halab.cli.terraform.log import Log
from halab.cli.terraform.process import Child, StopSignals, find_terraform

POLL_S = 0.2
LOCK_TIMEOUT_S = 300
"""A run that was killed may still be saving what it did."""
LAST_LINES = 40


class TerraformFailed(Exception):
    """It ended with an error. The text says what is not shown yet; it is empty when all of it was."""


class Stopped(Exception):
    """A signal to stop came, and what was under way has ended in order."""

    def __init__(self, exit_code: int) -> None:
        super().__init__("stopped")
        self.exit_code = exit_code


class Audience(Protocol):
    """Who is told."""

    def diagnostic(self, told: Diagnostic) -> None: ...

    def event(self, event: Mapping[str, Any]) -> None:
        """Any event, diagnostics and planned changes among them."""

    def line(self, text: str) -> None: ...

    def refresh(self) -> None:
        """Called again and again while something is under way."""


class Terraform:
    """The stack of one lab below `checkout`/cdktf.out. Runs its programs one after the other."""

    def __init__(self, checkout: Path, stack: str, environment: Mapping[str, str], log: Log, tell: Audience) -> None:
        self._checkout, self._log, self._tell = checkout, log, tell
        self._out = checkout / "cdktf.out"
        self._directory = self._out / "stacks" / stack
        self._plan = self._directory / "plan"
        self._environment = child_environment(environment) | {"CDKTF_OUTDIR": str(self._out)}
        self._said: list[str] = []
        self._told_error = False
        self.outputs: dict[str, Any] = {}
        """What the apply gave, secret outputs left out."""

    def prepare(self) -> None:
        """Writes the stack's configuration and readies Terraform for it. TerraformFailed, Stopped."""
        app = json.loads((self._checkout / "cdktf.json").read_text())["app"]
        self._quietly("the configuration cannot be written", shlex.split(app), self._checkout)
        self._plan.unlink(missing_ok=True)  # of a run that was killed: it holds secrets
        argv = [find_terraform(self._environment), "init", "-input=false", "-no-color"]
        self._quietly("terraform init failed", argv, self._directory)

    @contextlib.contextmanager
    def planned(self) -> Iterator[list[Change]]:
        """What is to change, in the order in which Terraform tells it; the plan is there while the block runs.

        TerraformFailed, Stopped.
        """
        changes: list[Change] = []

        def gather(event: Mapping[str, Any]) -> None:
            if (change := events.change(event)) is not None:
                changes.append(change)

        try:
            self._command("plan", f"-out={self._plan}", each=gather)
            yield changes
        finally:
            self._plan.unlink(missing_ok=True)

    def shown_plan(self, *options: str) -> str:
        """`terraform show` of the plan. TerraformFailed, Stopped."""
        argv = [find_terraform(self._environment), "show", *options, str(self._plan)]
        return self._quietly("terraform show failed", argv, self._directory)

    def apply(self) -> None:
        """What was planned. TerraformFailed, Stopped."""
        self._command("apply", str(self._plan))

    def destroy(self) -> None:
        """Everything that is in the state. TerraformFailed, Stopped."""
        self._command("destroy", "-auto-approve")

    def _command(
        self, verb: str, *arguments: str, each: Callable[[Mapping[str, Any]], None] = lambda event: None
    ) -> None:
        options = [verb, "-json", "-input=false", f"-lock-timeout={LOCK_TIMEOUT_S}s"]

        def take(line: str) -> None:
            event = events.parse(line)
            if event is None:
                self._keep(line)
                return
            each(event)
            self._hear(event)

        argv = [find_terraform(self._environment), *options, *arguments]
        code = self._run(argv, self._directory, take, interrupted=True, last=verb != "plan")
        if code:
            raise TerraformFailed("" if self._told_error else "\n".join(self._said[-LAST_LINES:]))

    def _hear(self, event: Mapping[str, Any]) -> None:
        self._log.write(events.text(event))
        if event["type"] == "outputs":
            values = event["outputs"].items()
            self.outputs = {name: one["value"] for name, one in values if not one["sensitive"] and "value" in one}
        if (told := events.diagnostic(event)) is not None:
            self._told_error = self._told_error or told.is_error
            self._tell.diagnostic(told)
        self._tell.event(event)

    def _quietly(self, what: str, argv: Sequence[str], directory: Path) -> str:
        """What it prints, which nobody needs to see unless it fails."""
        said: list[str] = []

        def take(line: str) -> None:
            said.append(line)

        if self._run(argv, directory, take):
            for line in said:
                self._keep(line)
            raise TerraformFailed("\n".join([f"{what}:", *said[-LAST_LINES:]]))
        return "\n".join(said)

    def _keep(self, line: str) -> None:
        self._log.write(line)
        self._said.append(line)

    def _run(
        self,
        argv: Sequence[str],
        directory: Path,
        take: Callable[[str], None],
        interrupted: bool = False,
        last: bool = False,
    ) -> int:
        """The exit code. A signal to stop is passed on if `interrupted`: what takes seconds only ends by itself.

        Stopped: there was one, unless the `last` program has done all of its work all the same.
        """
        with StopSignals() as signals:
            child, answered, ended = Child(argv, directory, self._environment), 0, False
            while not ended:
                ended = child.ended_within(POLL_S)
                for line in child.new_lines():
                    take(line)
                pressed = signals.count  # another one may come while this one is answered
                if interrupted and pressed > answered and not ended:
                    self._pass_on(child)
                    answered = pressed
                self._tell.refresh()
            code, rest = child.close()
            if rest:
                take(rest)
        if signals.count and (code or not last):
            raise Stopped(signals.exit_code)
        return code

    def _pass_on(self, child: Child) -> None:
        if child.interrupt():
            self._tell.line("interrupted: what is under way is finished and saved first")
        else:
            self._tell.line("still waiting for what is under way; nothing is lost")


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """No calls home, and no complaint about a configuration of Terraform's that is not there."""
    kept = dict(environment)
    if not Path(kept.get("TF_CLI_CONFIG_FILE", os.devnull)).exists():
        del kept["TF_CLI_CONFIG_FILE"]  # Terraform prints an error block about it at every call
    return kept | {
        "CHECKPOINT_DISABLE": "1",
        "TF_IN_AUTOMATION": "1",
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
    }
