"""What a deploy advises can be pasted into a shell."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from halab.cli.change import outputs
from tests.unit.constructs.synthesized import synthesized


def test_what_to_try_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = tmp_path / "my labs/halab"
    (checkout / ".venv/bin").mkdir(parents=True)
    monkeypatch.setattr(outputs, "CHECKOUT", checkout)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/usr/bin")
    steps = outputs.next_steps({"nodes": {"node1": "10.0.0.1", "node2": "10.0.0.2"}})
    words = {shlex.split(line, comments=True)[0] for line in steps}
    assert words == {"my labs/halab/.venv/bin/halab"}


def test_so_is_the_shell_among_the_outputs() -> None:
    shell = synthesized().json["output"]["shell"]["value"]
    path = "${halab_ssh_config.ssh_config.path}"
    assert path in shell
    assert shlex.split(shell.replace(path, "/my labs/ssh_config")) == ["ssh", "-F", "/my labs/ssh_config", "node1"]
