"""When Corosync may start after a boot, by the script itself, as a node runs it."""

import os
import subprocess
from pathlib import Path

import pytest

from halab.provisioners.corosync.conf import Member, render_corosync_conf
from halab.provisioners.corosync.late_start import LATE_START, START_AT_ONCE, START_LATE, UNIT, WAIT, is_late

NODES = tuple(Member(name=f"node{n}", address=f"192.0.2.{n}", node_id=n) for n in range(1, 7))


def conf(nodes: int, token_ms: int | None, **totem: str) -> str:
    return render_corosync_conf("demo", token_ms, NODES[:nodes], {f"totem.{key}": v for key, v in totem.items()})


BY_PCS = conf(3, 10000, consensus="15000").replace("    ", "\t").replace(": ", ":")


@pytest.mark.parametrize(
    ("text", "uptime", "waited_s"),
    [
        (conf(2, 10000), "5.20 9.00\n", 20),  # 10 + 12, and 3 more
        (conf(2, 10000), "24.99 9.00\n", 1),
        (conf(2, 10000), "25.00 9.00\n", 0),
        (conf(2, 10000), "86400.00 9.00\n", 0),
        (conf(1, 10000), "0.00 0.00\n", 25),
        (conf(3, 10000), "0.00 0.00\n", 27),  # 10.65 + 12.78
        (conf(6, 10000), "0.00 0.00\n", 31),  # 12.6 + 15.12
        (conf(2, None), "0.00 0.00\n", 10),  # corosync's own 3 s
        (conf(2, 10000, consensus="30000"), "0.00 0.00\n", 43),
        (conf(3, 10000, consensus="12000"), "0.00 0.00\n", 26),  # does not grow with the nodes
        (conf(3, 10000, token_coefficient="0"), "0.00 0.00\n", 25),
        (BY_PCS, "0.00 0.00\n", 29),
        (conf(2, 10000).replace("token:", "# token: 90000\n    token:"), "0.00 0.00\n", 25),
    ],
)
def test_wait(tmp_path: Path, text: str, uptime: str, waited_s: int) -> None:
    slept = tmp_path / "bin" / "sleep"
    slept.parent.mkdir()
    slept.write_text('#!/bin/sh\necho "$1"\n')
    slept.chmod(0o755)
    files = {"corosync.conf": text, "uptime": uptime, "wait": WAIT}
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    env = {"PATH": f"{slept.parent}:{os.environ['PATH']}"}
    command = ["sh", *(str(tmp_path / name) for name in ("wait", "corosync.conf", "uptime"))]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert int(done.stdout or 0) == waited_s


def below(root: Path, lines: str) -> str:
    """What lines of shell print with their files in a folder instead of /etc."""
    done = subprocess.run(["sh", "-ec", lines.replace("/etc/", f"{root}/")], capture_output=True, text=True, check=True)
    return done.stdout.replace(f"{root}/", "/etc/")


def test_it_is_seen_as_it_is_written_and_goes(tmp_path: Path) -> None:
    assert not is_late(below(tmp_path, LATE_START.lines))
    below(tmp_path, START_LATE)
    assert is_late(below(tmp_path, LATE_START.lines))
    script, unit = tmp_path / "halab/corosync-wait", tmp_path / "systemd/system/corosync.service.d/halab.conf"
    assert unit.read_text() == UNIT.replace("/etc/", f"{tmp_path}/")
    script.chmod(0o644)  # systemd could not run it
    assert not is_late(below(tmp_path, LATE_START.lines))
    below(tmp_path, START_LATE)
    unit.unlink()
    assert not is_late(below(tmp_path, LATE_START.lines))
    below(tmp_path, START_AT_ONCE)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
