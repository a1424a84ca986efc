"""The systems that the nodes run: Debian releases with their Corosync and Pacemaker, made once by mmdebstrap."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from halab.provisioners.engine.platform import BY_SUITE, Platform

_CACHE = Path(__file__).parents[2] / ".cache/pacemaker"
_PACKAGES = ("corosync", "pacemaker", "pacemaker-cli-utils", "pacemaker-resource-agents", "resource-agents")
_TOOLS = {"mmdebstrap": "mmdebstrap", "unshare": "util-linux", "ip": "iproute2"}
SUITES = {"2.1": "bookworm", "3.0": "trixie"}
"""Pacemaker's version -> the release that has it."""


@dataclass(frozen=True, slots=True)
class System:
    """A release's root, which nobody writes to."""

    pacemaker: str
    root: Path
    platform: Platform


def system(pacemaker: str) -> System:
    """The one with this Pacemaker; made the first time. Skips what this host cannot have."""
    _needs()
    suite = SUITES[pacemaker]
    root = _CACHE / suite
    root.parent.mkdir(parents=True, exist_ok=True)
    with open(_CACHE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another run may be at it; goes with the file
        if not root.is_dir():
            _make(suite, root)
    return System(pacemaker, root, BY_SUITE[suite])


def _needs() -> None:
    if os.geteuid() != 0:
        pytest.skip("nodes that are namespaces: only as root")
    if missing := [package for tool, package in _TOOLS.items() if not shutil.which(tool)]:
        pytest.skip(f"nodes that are namespaces: {', '.join(missing)} is not installed on this host")


def _make(suite: str, root: Path) -> None:
    """It is there only once it is whole: what an interrupted run left is begun anew."""
    new = root.with_name(f"{suite}.new")
    shutil.rmtree(new, ignore_errors=True)
    # What it mounts and starts is in namespaces that end with it, however it ends.
    alone = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
    made = ("mmdebstrap", "--mode=root", "--variant=apt", "--components=main", f"--include={','.join(_PACKAGES)}")
    command = ["setpriv", "--pdeathsig", "KILL", *alone, *made, "--aptopt=APT::Install-Recommends false", suite]
    subprocess.run([*command, str(new)], check=True, timeout=900, env={**os.environ, "LC_ALL": "C"})
    new.rename(root)
