"""The command line itself: what can be called, and that --help acts on nothing."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from halab.cli.look import status
from halab.cli.main import app

COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
# Modules that hold the words of commands, and load what acts only when it is called.
WORDS_ONLY = {"halab", "halab.cli", "halab.cli.main"} | {
    f"halab.cli.{room}{module}" for room in ("checkpoint", "drill", "exercise") for module in ("", ".app")
}
PROBE = """
import atexit, json, sys
atexit.register(lambda: print("\\n" + json.dumps(sorted(name for name in sys.modules if name.startswith("halab")))))
from halab.cli.main import main
main()
"""


def test_what_can_be_called() -> None:
    assert {"deploy", "diff", "destroy", "output", "sweep", "export", "bench", "clean"} <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_loads_nothing_that_could_act(command: str) -> None:
    argv = [sys.executable, "-c", PROBE, command, "--help"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert f"halab {command}" in done.stdout
    assert set(json.loads(done.stdout.splitlines()[-1])) <= WORDS_ONLY


def test_how_long_status_waits_follows_from_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []

    def main(*given: object) -> int:
        asked.append(given)
        return 0

    monkeypatch.setattr(status, "main", main)
    for words in ([], ["--timeout", "3"]):
        assert CliRunner().invoke(app, ["status", *words]).exit_code == 0
    assert asked == [(False, False, None), (False, False, 3.0)]


def test_an_unknown_option_is_refused_and_nothing_is_done() -> None:
    argv = [sys.executable, "-c", PROBE, "destroy", "--hepl"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "--hepl" in done.stderr
