"""The guest's part, run here: what hangs is left behind, and the answer comes all the same."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from halab.cli.look import guest

# The part that tries one mount, with a limit ($4) that the tests can wait for.
_TRY = guest._LOOK[guest._LOOK.index("try() {") : guest._LOOK.index("# Without quorum every look")]
_ASK = 'rc=0; IFS= read -r -t "$4" said < <(try "$1" "$2" "$3") || rc=$?; echo "$rc $said"'


def _tried(lock: Path, point: Path, device: Path, limit_s: float = 15) -> str:
    argv = ["bash", "-euc", f"{_TRY}\n{_ASK}", "halab", str(lock), str(point), str(device), str(limit_s)]
    # communicate() returns when nobody holds the outputs any more: so does sshd end a session.
    return subprocess.run(argv, capture_output=True, text=True, timeout=20, check=True).stdout.strip()


def _world(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("lock", "mount"):
        (tmp_path / name).mkdir()
    (tmp_path / "mount/index.html").write_text("page\n")
    return tmp_path / "lock", tmp_path / "mount"


def test_a_mount_that_answers_tells_its_size(tmp_path: Path) -> None:
    device = tmp_path / "device"
    device.write_bytes(bytes(4096))
    rc, *said = _tried(*_world(tmp_path), device).split()
    assert (rc, said[0], len(said)) == ("0", "answers", 4)


def test_a_mount_that_is_gone_is_told_in_the_kernels_words(tmp_path: Path) -> None:
    lock, mount = _world(tmp_path)
    assert _tried(lock, mount / "gone", Path("/dev/zero")).endswith(": No such file or directory")


def test_a_device_that_hangs_is_left_behind_and_asked_once(tmp_path: Path) -> None:
    lock, mount = _world(tmp_path)
    device = tmp_path / "device"
    os.mkfifo(device)  # to open it waits for a writer
    try:
        began = time.monotonic()
        assert int(_tried(lock, mount, device, limit_s=0.5).split()[0]) > 128
        assert _tried(lock, mount, device) == "0 an earlier look still waits for it"
        assert time.monotonic() - began < 10
    finally:
        os.close(os.open(device, os.O_RDWR | os.O_NONBLOCK))  # lets the one that waits go


def test_a_look_at_a_machine_without_anything_ends_well() -> None:
    command = guest.look(("127.0.0.1", 1))
    over_ssh = {**os.environ, "SSH_CLIENT": "192.0.2.1 50000 22", "SHLVL": "0"}
    done = subprocess.run(command.argv, env=over_ssh, capture_output=True, text=True, timeout=30, check=True)
    told = guest.parse(done.stdout)
    assert told.uptime_s > 0
    assert told.endpoint.endswith("Connection refused")
    assert (told.sessions, told.mounts, told.targets, done.stderr) == ((), (), (), "")


@pytest.mark.parametrize(
    ("dlm", "quorumtool_rc", "said"),
    [("0", 0, ""), ("0", 1, ""), ("0", 2, "stands still without quorum"), ("ff", 2, ""), ("55", 2, "")],
)
def test_gfs2_is_left_alone_without_quorum(tmp_path: Path, dlm: str, quorumtool_rc: int, said: str) -> None:
    _, mount = _world(tmp_path)
    (tmp_path / "device").write_bytes(bytes(4096))
    fs, tool = tmp_path / "gfs2/summit:gfs0", tmp_path / "bin/corosync-quorumtool"
    fs.mkdir(parents=True)
    for lockspace, status in (("gfs0", dlm), ("lvm_global", "ff")):
        (tmp_path / "dlm" / lockspace).mkdir(parents=True)
        (tmp_path / "dlm" / lockspace / "recover_status").write_text(f"{status}\n")
    tool.parent.mkdir()
    (fs / "id").write_text("253:1\n")
    (fs / "withdraw").write_text("0\n")
    (tmp_path / "mountinfo").write_text(f"1 2 253:1 / {mount} rw - gfs2 {tmp_path}/device rw\n")
    tool.write_text(f'#!/bin/sh\n[ "$*" = -s ] && exit {quorumtool_rc}\n')
    tool.chmod(0o755)
    text = guest._LOOK.replace("/sys/fs/gfs2", str(tmp_path / "gfs2"))
    text = text.replace("/sys/kernel/dlm", str(tmp_path / "dlm"))
    text = text.replace("/proc/self/mountinfo", str(tmp_path / "mountinfo")).replace("iflag=direct ", "")
    path = {**os.environ, "PATH": f"{tool.parent}:{os.environ['PATH']}"}
    argv = ["bash", "-euc", text, "halab", str(15)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True, env=path)
    (told,) = guest.parse(done.stdout).mounts
    assert (told.point, told.said, told.size_bytes > 0) == (str(mount), said, not said)
