"""A plan tells of a file system that has withdrawn, with the remedy."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from halab.provisioners.engine.command import Command, Result, script
from halab.provisioners.engine.host import Host
from halab.provisioners.storage.lvm import LvmDevice, LvmDeviceItem
from halab.provisioners.storage.withdrawn import LOOK, withdrawn

DEVICE = LvmDevice(machine="uuid", vg="vg", device="/dev/vdb")


@dataclass
class Node:
    """Runs the question here, with another folder in the kernel's place."""

    sysfs: Path
    name: str = "node2"

    def run(self, command: Command, timeout_s: float) -> Result:
        here = script(LOOK, str(self.sysfs))
        assert command.argv[:-1] == here.argv[:-1]
        done = subprocess.run(here.argv, capture_output=True, text=True, timeout=timeout_s, check=False)
        return Result(command, done.returncode, done.stdout, done.stderr)

    def put(self, path: str, content: bytes, mode: int, owner: str) -> None:
        raise AssertionError


@pytest.mark.parametrize(
    ("kernel", "told"),
    [
        ({}, []),
        ({"summit:gfs0": "0\n"}, []),
        ({"summit:gfs0": "1\n"}, ["GFS2 summit:gfs0 has withdrawn on node2"]),
        ({"a:b": "1\n", "a:c": "0\n", "a:d": "1\n"}, [f"GFS2 a:{fs} has withdrawn on node2" for fs in "bd"]),
    ],
)
def test_what_has_withdrawn_is_told(tmp_path: Path, kernel: dict[str, str], told: list[str]) -> None:
    for fs, value in kernel.items():
        (tmp_path / fs).mkdir()
        (tmp_path / fs / "withdraw").write_text(value)
    found = list(LvmDeviceItem().warnings(Host(Node(tmp_path)), DEVICE))
    assert [summary for summary, _ in found] == told
    assert all("stonith_admin --reboot node2" in remedy for _, remedy in found)


def test_a_host_without_gfs2_says_nothing(tmp_path: Path) -> None:
    assert list(withdrawn(Host(Node(tmp_path / "nothing")))) == []
