"""A cluster without a cluster: Pacemaker's own tools on a CIB in a file, its scheduler playing the nodes."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from halab.provisioners.engine.command import Command, Result, Secret
from halab.provisioners.engine.host import Host, Pace
from halab.provisioners.engine.platform import DEBIAN_13

DATA = Path(__file__).parents[3] / "data" / "pacemaker"
TOOLS = ("cibadmin", "crm_diff", "crm_mon", "crm_simulate", "crm_verify")


@dataclass
class FileCluster:
    """A transport to a CIB file. Before crm_mon looks, crm_simulate carries out what the cluster would do."""

    cib: Path
    nodes: tuple[str, ...] = ("node1", "node2", "node3")
    name: str = "node1"
    commands: list[str] = field(default_factory=list)
    fail: tuple[str, ...] = ()  # operations that crm_simulate lets fail, as its --op-fail takes them

    def run(self, command: Command, timeout_s: float) -> Result:
        self.commands.append(command.argv[0] if command.argv[0] != "sh" else "patch")
        if command.argv[0] == "crm_mon":
            self.react()
        stdin = command.stdin.reveal() if isinstance(command.stdin, Secret) else command.stdin
        done = subprocess.run(
            command.argv, input=stdin, capture_output=True, text=True, timeout=timeout_s, env=self._env(), check=False
        )
        return Result(command, done.returncode, done.stdout, done.stderr)

    def put(self, path: str, content: bytes, mode: int, owner: str) -> None:
        raise AssertionError(f"nothing is to be written: {path}")

    def react(self) -> None:
        self.tool("crm_simulate", "--xml-file", self.cib, "--quorum", "true", "--run", "--simulate",
                  *(f"--op-fail={operation}" for operation in self.fail), "--save-output", self.cib)  # fmt: skip

    def tool(self, *argv: str | Path) -> str:
        """Run one of Pacemaker's tools; give back its stdout."""
        done = subprocess.run(argv, capture_output=True, text=True, env=self._env(), check=False)
        assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
        return done.stdout

    def verify(self) -> None:
        """crm_verify finds nothing wrong, not even a warning."""
        assert self.tool("crm_verify", "--xml-file", self.cib, "-V") == ""

    def _env(self) -> dict[str, str]:
        return {**os.environ, "LC_ALL": "C", "CIB_file": str(self.cib)}


@pytest.fixture
def cluster(tmp_path: Path) -> FileCluster:
    """Three nodes online, one STONITH device, nothing else."""
    if any(shutil.which(tool) is None for tool in TOOLS):
        pytest.skip("Pacemaker's command line tools are not installed (pacemaker, pacemaker-cli-utils)")
    path = tmp_path / "cib.xml"
    path.write_text((DATA / "three-nodes.xml").read_text())
    made = FileCluster(path)
    ups = [arg for node in made.nodes for arg in ("--node-up", node)]
    made.tool("crm_simulate", "--xml-file", path, "--quorum", "true", *ups, "--simulate", "--save-output", path)
    return made


@pytest.fixture
def host(cluster: FileCluster) -> Host:
    return Host(cluster, platform=DEBIAN_13, pace=Pace(pause=lambda _: False))
