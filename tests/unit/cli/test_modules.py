"""Modules that a person calls with `python -m`, beside the command: --help acts on nothing there, too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
# halab calls these itself, with what only it can give; examples and main.py are the user's, the CDK calls them.
CALLED_BY_HALAB = {
    "cli/console/daemon.py",
    "cli/console/recorded_job.py",
    "cli/console/supervisor.py",
    "images/initramfs.py",
    "images/kernel.py",
    "provider/__main__.py",
    "provider/fencing/power_server.py",
    "provider/fencing/power_supervisor.py",
    "provider/hypervisor/sweep.py",
}
FOLDERS = ("cli", "constructs", "images", "provider", "provisioners")
CALLABLE = sorted(
    str(path.relative_to(CHECKOUT))
    for folder in FOLDERS
    for path in (CHECKOUT / folder).rglob("*.py")
    if '\nif __name__ == "__main__":' in path.read_text()
)
# Ends with 99 before anything is written, removed, connected to or started.
PROBE = """
import os, runpy, sys

ACTS = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "shutil.rmtree", "subprocess.Popen", "os.exec", "os.fork",
        "os.posix_spawn", "os.system", "os.kill", "pty.spawn", "socket.connect")

def watch(event, given):
    if event in ACTS or (event == "open" and given[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)):
        os.write(2, f"{event} {given}\\n".encode())
        os._exit(99)

sys.argv = [sys.argv[1], "--help"]
sys.addaudithook(watch)
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("file", [file for file in CALLABLE if file not in CALLED_BY_HALAB])
def test_help_acts_on_nothing(file: str) -> None:
    module = "halab." + file.removesuffix(".py").replace("/", ".")
    argv = [sys.executable, "-B", "-c", PROBE, module]
    done = subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "usage:" in done.stdout.lower()


def test_what_is_called_by_halab_is_there() -> None:
    assert set(CALLABLE) >= CALLED_BY_HALAB
