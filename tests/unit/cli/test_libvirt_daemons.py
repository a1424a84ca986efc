"""Where this user has no right on libvirt, that is said at once, and nothing is asked or started; what runs stays.

tests/e2e/test_libvirt_daemons.py starts and ends libvirt's own daemons.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from halab.cli import libvirt_daemons
from halab.cli.libvirt_daemons import LibvirtUnavailable

# In a terminal's session a program can open /dev/tty, and polkit's agent would ask there.
VIRSH = """#!/bin/sh
if (: </dev/tty) 2>/dev/null; then echo asked >>"$TOUCHED"; fi
echo 'error: failed to connect to the hypervisor' >&2
echo "error: $COMPLAINT" >&2
exit 1
"""
DENIALS = (
    "authentication unavailable: no polkit agent available to authenticate action 'org.libvirt.unix.manage'",
    "authentication failed: access denied by policy",
    "authentication cancelled: user cancelled authentication process",
    "Failed to connect socket to '/var/run/libvirt/libvirt-sock': Permission denied",
)


@pytest.fixture
def touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What was done beside asking virsh; a PATH in which virsh refuses and whatever starts something tells it."""
    scripts = dict.fromkeys(("sudo", "systemctl", "libvirtd", "virtlogd"), '#!/bin/sh\necho "$0 $*" >>"$TOUCHED"\n')
    for name, script in [("virsh", VIRSH), *scripts.items()]:
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("TOUCHED", str(tmp_path / "touched"))
    return tmp_path / "touched"


@pytest.mark.parametrize("denial", DENIALS)
def test_a_denial_is_told_at_once(denial: str, touched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPLAINT", denial)
    began = time.monotonic()
    with pytest.raises(LibvirtUnavailable, match="may not use libvirt") as caught:
        libvirt_daemons.ensure(tmp_path / "record")
    assert time.monotonic() - began < libvirt_daemons.ANSWER_TIMEOUT_S / 2
    assert denial in str(caught.value)
    assert "log in again" in str(caught.value)
    assert not touched.exists()
    assert not (tmp_path / "record").exists()


def test_virsh_cannot_ask_on_the_users_terminal(touched: Path, tmp_path: Path) -> None:
    program = (
        "import pathlib, sys; from halab.cli import libvirt_daemons as d\n"
        "assert open('/dev/tty').isatty()\n"
        "try: d.ensure(pathlib.Path(sys.argv[1]))\n"
        "except d.LibvirtUnavailable: sys.exit(7)"
    )
    in_terminal = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
    argv = [sys.executable, "-c", in_terminal, sys.executable, "-c", program, str(tmp_path / "record")]
    result = subprocess.run(
        argv, env={**os.environ, "COMPLAINT": DENIALS[0]}, stdin=subprocess.DEVNULL, timeout=60, check=False
    )
    assert result.returncode == 7
    assert not touched.exists()


# A daemon's process bears its name, its number stands in its pid file, and a second one refuses to start.
DAEMON = """#!/bin/sh
name=$(basename "$0")
if [ "$1" = --daemon ]; then
    if kill -0 "$(cat "$RUN/$name.pid" 2>/dev/null)" 2>/dev/null; then echo "already running" >&2; exit 1; fi
    setsid "$0" >/dev/null 2>&1 </dev/null &
    while [ ! -e "$RUN/$name.pid" ]; do sleep 0.01; done
    exit
fi
trap 'rm "$RUN/$name.pid"; exit' TERM
echo $$ >"$RUN/$name.new" && mv "$RUN/$name.new" "$RUN/$name.pid"
while :; do sleep 0.05; done
"""
ANSWERS = """#!/bin/sh
kill -0 "$(cat "$RUN/libvirtd.pid" 2>/dev/null)" 2>/dev/null || { echo 'no libvirtd' >&2; exit 1; }
"""


class Daemons:
    """A place for pid files, and a PATH with both daemons, a virsh that knows whether libvirtd runs, and sudo."""

    def __init__(self, run: Path) -> None:
        self.run = run

    def pid(self, name: str) -> int | None:
        file = self.run / f"{name}.pid"
        return int(file.read_text()) if file.exists() else None

    def start(self, name: str) -> int:
        """As its owner does."""
        subprocess.run([name, "--daemon"], check=True)
        pid = self.pid(name)
        assert pid is not None
        return pid


@pytest.fixture
def daemons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemons]:
    programs, run = tmp_path / "bin", tmp_path / "run"
    programs.mkdir()
    run.mkdir()
    scripts = {"libvirtd": DAEMON, "virtlogd": DAEMON, "virsh": ANSWERS, "sudo": '#!/bin/sh\nexec "$@"\n'}
    for name, script in scripts.items():
        (programs / name).write_text(script)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("RUN", str(run))
    monkeypatch.setattr(libvirt_daemons, "RUN", run)
    made = Daemons(run)
    yield made
    for name in ("libvirtd", "virtlogd"):
        if (pid := made.pid(name)) is not None:
            os.kill(pid, signal.SIGTERM)


def quiet(said: str) -> None:
    raise AssertionError(said)


def test_daemons_that_were_there_stay(daemons: Daemons, tmp_path: Path) -> None:
    theirs = [daemons.start("virtlogd"), daemons.start("libvirtd")]
    libvirt_daemons.ensure(tmp_path / "record")
    assert not (tmp_path / "record").exists()
    libvirt_daemons.stop(tmp_path / "record", quiet)
    assert [daemons.pid("virtlogd"), daemons.pid("libvirtd")] == theirs


def test_of_two_daemons_the_one_that_was_there_stays(daemons: Daemons, tmp_path: Path) -> None:
    theirs = daemons.start("virtlogd")
    libvirt_daemons.ensure(tmp_path / "record")
    assert daemons.pid("libvirtd") is not None
    libvirt_daemons.stop(tmp_path / "record", quiet)
    assert (daemons.pid("virtlogd"), daemons.pid("libvirtd")) == (theirs, None)
    assert not (tmp_path / "record").exists()


def test_a_later_daemon_with_the_same_number_stays(daemons: Daemons, tmp_path: Path) -> None:
    """After a restart of the host a number that was noted may be anybody's."""
    theirs, record = daemons.start("libvirtd"), tmp_path / "record"
    noted = {"name": "libvirtd", "pid": theirs, "start_ticks": 1}
    record.write_text(json.dumps({"daemons": [noted], "networks": []}))
    libvirt_daemons.stop(record, quiet)
    assert daemons.pid("libvirtd") == theirs
    assert not record.exists()
