"""Fence agents of this host's Debian release, unpacked into .cache and run from there: nothing is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

# What a release does not have is left out: Debian 12 has all agents in one package, 13 one in each.
_PACKAGES = (
    *("fence-agents", "fence-agents-common", "fence-virt"),
    *(f"fence-agents-{name}" for name in ("wti", "ipmilan", "virsh", "redfish")),
    *("ipmitool", "libfreeipmi17", "freeipmi-common", "inetutils-telnet"),
    *(f"python3-{name}" for name in ("pexpect", "ptyprocess", "pycurl", "requests", "urllib3", "idna", "certifi")),
    *(f"python3-{name}" for name in ("chardet", "charset-normalizer", "six")),
    *("libcurl3-gnutls", "libcurl3t64-gnutls", "libnss3", "libnspr4", "libkrb5-3", "libk5crypto3", "libcom-err2"),
)


@dataclass(frozen=True, slots=True)
class Done:
    """How an agent ended. `took_s` in seconds."""

    code: int
    said: str
    took_s: float


class Agents:
    """Runs agents, with options as on Pacemaker's stdin: NAME=VALUE lines."""

    def __init__(self, root: Path, home: Path) -> None:
        self._root = root
        libraries = next(iter((root / "usr/lib").glob("*-linux-gnu")))
        modules = (root / "usr/share/fence", root / "usr/lib/python3/dist-packages")
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LC_ALL": "C.UTF-8",
            "PYTHONPATH": os.pathsep.join(map(str, modules)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LD_LIBRARY_PATH": str(libraries),
        }

    def path(self, name: str) -> str:
        """A program of theirs: telnet, ipmitool."""
        places = (self._root / place / name for place in ("usr/bin", "usr/sbin"))
        return next(str(place) for place in places if place.exists())

    def __call__(
        self, agent: str, action: str, within_s: float = 60, *, by_pacemaker: bool = False, **options: object
    ) -> Done:
        """Run one action. `by_pacemaker`: as its fencer does, which switches the agents' own limits off."""
        lines = "".join(f"{name}={value}\n" for name, value in {**options, "action": action}.items())
        program = str(self._root / "usr/sbin" / agent)
        command = [program] if agent in ("fence_xvm", "fence_virt") else ["/usr/bin/python3", program]
        more = {"REQUESTS_CA_BUNDLE": str(ca)} if (ca := options.get("ca")) else {}
        fencer = {"PCMK_service": "pacemaker-fenced"} if by_pacemaker else {}
        began = time.monotonic()
        done = subprocess.run(
            command,
            input=lines,
            env=self._environment | more | fencer,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=within_s,
            check=False,
        )
        took_s = time.monotonic() - began
        print(f"{agent} {action}: exit code {done.returncode} after {took_s:.1f} s")
        return Done(done.returncode, done.stdout, took_s)


def unpacked(cache: Path, packages: tuple[str, ...] = _PACKAGES) -> Path:
    """The agents' root below `cache`; fetched once. Skips the tests where there is no apt."""
    root = cache / "root"
    if root.is_dir():
        return root
    if not shutil.which("apt-get"):
        pytest.skip("no apt on this host: the agents of a Debian are tried")
    shutil.rmtree(cache, ignore_errors=True)
    (cache / "packages").mkdir(parents=True)
    known = subprocess.run(["apt-cache", "pkgnames"], capture_output=True, text=True, check=True).stdout.split()
    wanted = sorted({*packages} & {*known})
    subprocess.run(["apt-get", "download", "-qq", *wanted], cwd=cache / "packages", check=True, timeout=300)
    for package in sorted((cache / "packages").glob("*.deb")):
        subprocess.run(["dpkg", "-x", str(package), str(cache / "new")], check=True)
    (cache / "new").rename(root)
    return root
