"""Where this user has no right on libvirt, that is said at once, and nothing is asked or started.

tests/e2e/test_libvirt_daemons.py starts and ends real daemons.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
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
