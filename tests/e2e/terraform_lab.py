"""Some of the provider's resources under real terraform, described in JSON: for what needs no whole lab."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from halab.constructs.resource import SOURCE, VERSION

_DEADLINE_S = 600.0  # of a command that installs nothing real


class TerraformLab:
    """One directory with one configuration and its state. `resources`: type -> name -> attributes."""

    def __init__(self, directory: Path, lab: str, time_scale: float, deadline_s: float = _DEADLINE_S) -> None:
        self._deadline_s = deadline_s
        self.directory, self.halab = directory, directory / ".halab"
        self.resources: dict[str, dict[str, dict[str, Any]]] = {}
        self._provider = {
            "lab": lab,
            "directory": str(self.halab),
            "hypervisor": os.environ.get("HALAB_HYPERVISOR", "auto"),
            "time_scale": time_scale,
        }
        self._environment = {**os.environ, "CHECKPOINT_DISABLE": "1", "TF_LOG_PROVIDER": "INFO"}
        self._environment["TF_LOG_PATH"] = str(directory / "terraform.log")
        if not Path(self._environment.get("TF_CLI_CONFIG_FILE", "/")).exists():
            del self._environment["TF_CLI_CONFIG_FILE"]

    def init(self) -> None:
        self._write()
        done = self.wait(self.start("init", "-no-color"))
        assert done.returncode == 0, done.stdout

    def apply(self) -> subprocess.CompletedProcess[str]:
        return self.wait(self.start_apply())

    def start_apply(self) -> subprocess.Popen[str]:
        """An apply that is under way, in a process group of its own."""
        self._write()
        (self.halab / "progress.jsonl").unlink(missing_ok=True)
        return self.start("apply", "-auto-approve", "-no-color", "-input=false")

    def plan_exit_code(self) -> int:
        """0: nothing to change, 2: something, 1: an error."""
        return self.wait(self.start("plan", "-detailed-exitcode", "-no-color", "-input=false")).returncode

    def destroy(self) -> None:
        done = self.wait(self.start("destroy", "-auto-approve", "-no-color", "-input=false"))
        assert done.returncode == 0, done.stdout

    def state(self, kind: str, name: str) -> dict[str, Any]:
        """A resource's attributes."""
        shown = self.wait(self.start("show", "-json"))
        resources = json.loads(shown.stdout)["values"]["root_module"]["resources"]
        return next(dict(r["values"]) for r in resources if (r["type"], r["name"]) == (kind, name))

    def progress(self) -> list[Mapping[str, Any]]:
        """What the provider told of the last apply."""
        try:
            text = (self.halab / "progress.jsonl").read_text()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in text.splitlines()]

    def run(self, *argv: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Any command, in the directory unless told otherwise."""
        return self.wait(self._popen(argv, cwd or self.directory))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return self._popen(("terraform", *arguments), self.directory)

    def _popen(self, argv: Sequence[str], cwd: Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            argv,
            cwd=cwd,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def wait(self, process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
        output, _ = process.communicate(timeout=self._deadline_s)
        print(f"$ {process.args!r}\n{output}", file=sys.stderr)
        return subprocess.CompletedProcess(process.args, process.returncode, output)

    def _write(self) -> None:
        whole = {
            "terraform": {"required_providers": {"halab": {"source": SOURCE, "version": VERSION}}},
            "provider": {"halab": self._provider},
            "resource": self.resources,
        }
        (self.directory / "main.tf.json").write_text(json.dumps(whole, indent=1))


def unwrapped(output: str) -> str:
    """Terraform's diagnostics, as it or cdktf prints them, without colours, frames and line breaks."""
    plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", output)
    return re.sub(r"\s+", " ", re.sub(r"[│╷╵] ?", "", plain))
