"""The shield around terraform, run for real on a pseudo terminal as cdktf runs it."""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from halab.cli.terraform.shield import find_terraform, without_missing_configuration

# Stands for terraform while it applies: a SIGINT ends it in order, a while later; a second one would be counted.
TERRAFORM = f"""#!{sys.executable}
import contextlib, os, pathlib, signal, sys, time
interrupts = []
signal.signal(signal.SIGINT, lambda *_: interrupts.append(1))
os.write(1, b"running")
deadline = time.monotonic() + 60
while not interrupts and time.monotonic() < deadline:
    time.sleep(0.05)
for _ in range(10):
    time.sleep(0.05)
    for descriptor in (1, 2):
        with contextlib.suppress(BrokenPipeError):
            os.write(descriptor, b"saving")
pathlib.Path(os.environ["STATE"]).write_text(str(len(interrupts)))
sys.exit(3)
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    terraform = tmp_path / "terraform"
    terraform.write_text(TERRAFORM)
    terraform.chmod(0o755)
    return {**os.environ, "HALAB_TERRAFORM": str(terraform), "STATE": str(tmp_path / "state")}


def start(environment: Mapping[str, str]) -> tuple[subprocess.Popen[bytes], int]:
    controller, terminal = pty.openpty()
    argv = ["setsid", "--ctty", sys.executable, "-m", "halab.cli.terraform.shield", "apply"]
    shield = subprocess.Popen(argv, stdin=terminal, stdout=terminal, stderr=terminal, env=environment)
    os.close(terminal)
    seen = b""
    while b"running" not in seen:
        seen += os.read(controller, 1000)
    return shield, controller


def test_a_hang_up_and_more_signals_become_one_interrupt(environment: dict[str, str]) -> None:
    shield, controller = start(environment)
    os.close(controller)  # what the end of cdktf does: SIGHUP, and an output that nobody reads
    for number in (signal.SIGINT, signal.SIGTERM):
        shield.send_signal(number)
    assert shield.wait(timeout=20) == 3
    assert Path(environment["STATE"]).read_text() == "1"


def test_ctrl_c_on_the_terminal(environment: dict[str, str]) -> None:
    shield, controller = start(environment)
    os.write(controller, b"\x03\x03")
    assert shield.wait(timeout=20) == 3
    assert Path(environment["STATE"]).read_text() == "1"
    assert Path(environment["STATE"]).stat().st_mode & 0o777 == 0o600
    os.close(controller)


def test_terraform_ends_in_order_when_the_shield_is_killed(environment: dict[str, str]) -> None:
    shield, controller = start(environment)
    shield.kill()
    shield.wait(timeout=20)
    deadline = time.monotonic() + 20
    state = Path(environment["STATE"])
    while not (state.exists() and state.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert state.read_text() == "1"
    os.close(controller)


def test_the_pid_file_is_there_only_meanwhile(environment: dict[str, str], tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    shield, controller = start({**environment, "HALAB_SHIELD_PID": str(pid_file)})
    assert int(pid_file.read_text()) == shield.pid
    shield.send_signal(signal.SIGINT)
    shield.wait(timeout=20)
    assert not pid_file.exists()
    os.close(controller)


def test_finding_terraform(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="HALAB_TERRAFORM"):
        find_terraform({"PATH": str(tmp_path)})
    (tmp_path / "tofu").write_text("#!/bin/sh\n")
    (tmp_path / "tofu").chmod(0o755)
    assert find_terraform({"PATH": str(tmp_path)}) == str(tmp_path / "tofu")


def test_a_missing_configuration_file_is_not_named_to_terraform(tmp_path: Path) -> None:
    there = {"TF_CLI_CONFIG_FILE": str(tmp_path), "A": "b"}
    assert without_missing_configuration(there) == there
    assert without_missing_configuration({**there, "TF_CLI_CONFIG_FILE": "/no/file"}) == {"A": "b"}
    assert without_missing_configuration({}) == {}
