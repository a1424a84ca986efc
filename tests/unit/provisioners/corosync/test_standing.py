"""Whether DLM goes on, as the kernel tells it: asked of a folder in its place, by a real shell."""

from __future__ import annotations

import subprocess
import threading
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest

from halab.provider.registry import ITEMS
from halab.provisioners.corosync.quorate import QUORATE
from halab.provisioners.corosync.standing import (
    PATIENCE_S,
    LocksWait,
    NoQuorum,
    lockspaces_that_stand_still,
    refuse_standing,
)
from halab.provisioners.engine.command import Command, Result
from halab.provisioners.engine.host import Host


@dataclass
class Node:
    """Runs the question here, at once or as patiently as it is asked."""

    sysfs: Path
    patience_s: int = 0
    votes: int = 0
    name: str = "node2"

    def run(self, command: Command, timeout_s: float) -> Result:
        if command == QUORATE:
            return Result(command, self.votes, "", "")
        assert command.argv[-2:] == (str(PATIENCE_S), "/sys/kernel/dlm")
        argv = (*command.argv[:-2], str(self.patience_s), str(self.sysfs))
        done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout_s, check=False)
        return Result(command, done.returncode, done.stdout, done.stderr)

    def put(self, path: str, content: bytes, mode: int, owner: str) -> None:
        raise AssertionError


def _told(sysfs: Path, lockspace: str, status: str) -> Path:
    file = sysfs / lockspace / "recover_status"
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"{status}\n")
    return file


@pytest.mark.parametrize(
    ("kernel", "still"),
    [
        ({}, []),
        # As three nodes of a lab showed them while one of them joined: the node that leads has ff at the end.
        ({"gfs0": "ff", "lvm_global": "ff", "lvm_vg_summit": "ff"}, []),
        ({"gfs0": "55", "lvm_global": "55", "lvm_vg_summit": "55"}, []),
        ({"gfs0": "5", "lvm_global": "15", "lvm_vg_summit": "55"}, []),
        ({"gfs0": "0", "lvm_global": "ff", "lvm_vg_summit": "ff"}, ["gfs0"]),
        ({"gfs0": "0", "lvm_vg_summit": "0"}, ["gfs0", "lvm_vg_summit"]),
    ],
)
def test_a_lockspace_that_was_stopped_stands_still(tmp_path: Path, kernel: dict[str, str], still: list[str]) -> None:
    for lockspace, status in kernel.items():
        _told(tmp_path, lockspace, status)
    host = Host(Node(tmp_path))
    assert lockspaces_that_stand_still(host) == still
    if still:
        with pytest.raises(LocksWait, match=rf"cluster summit stands still \({', '.join(still)}\).*node2.*Fence test"):
            refuse_standing(host, "summit")
    else:
        assert refuse_standing(host, "summit")


def test_one_that_goes_on_within_a_moment_does_not(tmp_path: Path) -> None:
    file = _told(tmp_path, "gfs0", "0")
    timer = threading.Timer(0.5, lambda: file.write_text("ff\n"))
    timer.start()
    began = time.monotonic()
    assert lockspaces_that_stand_still(Host(Node(tmp_path, patience_s=30))) == []
    timer.join()
    assert 0.5 <= time.monotonic() - began < 20
    _told(tmp_path, "gfs0", "0")
    assert lockspaces_that_stand_still(Host(Node(tmp_path, patience_s=1))) == ["gfs0"]


def test_without_quorum_dlm_is_not_asked(tmp_path: Path) -> None:
    _told(tmp_path, "gfs0", "0")
    with pytest.raises(NoQuorum):
        refuse_standing(Host(Node(tmp_path, votes=2)), "summit")
    assert refuse_standing(Host(Node(tmp_path, votes=1)), "summit") is False, "no Corosync answers there"


def test_a_host_without_dlm_has_nothing_that_stands_still(tmp_path: Path) -> None:
    assert lockspaces_that_stand_still(Host(Node(tmp_path / "nothing"))) == []


def test_of_each_resource_on_the_lun_it_is_known_whether_dlm_guards_it() -> None:
    """docs/design/026-when-dlm-stands-still.md has the reasons."""
    items = {name: getattr(import_module(where.split(":")[0]), where.split(":")[1]) for name, where in ITEMS.items()}
    on_lun = {name for name, item in items.items() if item.on_lun}
    under_dlm = {f"halab_{kind}" for kind in ("shared_vg", "logical_volume", "gfs2", "cluster_file")}
    assert {name for name, item in items.items() if item.under_dlm} == under_dlm
    assert {name for name, item in items.items() if item.joins_dlm} == {"halab_lvm_device"}
    unguarded = {
        f"halab_{kind}"
        for kind in ("lvm_device", "multipath", "shared_partition", "sbd_disk", "scsi_key", "scsi_reservation")
    }
    assert on_lun - under_dlm == unguarded
