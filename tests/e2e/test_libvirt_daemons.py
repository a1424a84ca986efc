"""libvirt's daemons where no systemd runs them: what a lab has started ends with it, what was there stays."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from halab.cli import libvirt_daemons
from tests.e2e.endpoint_client import eventually
from tests.e2e.lab import hypervisor

NAMES = ("libvirtd", "virtlogd")


def pid(name: str) -> int | None:
    """The running daemon's number."""
    said = subprocess.run(["pidof", name], capture_output=True, text=True, check=False).stdout.split()
    return int(said[0]) if said else None


def end(*names: str) -> None:
    for name in names:
        if number := pid(name):
            os.kill(number, signal.SIGTERM)
    eventually(f"end of {names}", lambda: not any(map(pid, names)))


def start(name: str) -> None:
    """Up to an answer: a libvirtd that is told to end while it begins may miss it."""
    subprocess.run([name, "--daemon"], check=True)
    argv = ["virsh", "--connect", libvirt_daemons.URI, "version"]
    if name == "libvirtd":
        eventually("answer", lambda: subprocess.run(argv, capture_output=True, check=False).returncode == 0)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Path]:
    """Where what was started is noted. The sandbox's own daemons run again afterwards."""
    yield tmp_path / "libvirt.json"
    for name in ("virtlogd", "libvirtd"):
        if pid(name) is None:
            start(name)


def quiet(said: str) -> None:
    raise AssertionError(said)


def test_daemons_that_were_there_stay(record: Path) -> None:
    before = [pid(name) for name in NAMES]
    libvirt_daemons.ensure(record)
    libvirt_daemons.stop(record, quiet)
    assert [pid(name) for name in NAMES] == before
    assert None not in before


def test_what_was_started_ends(record: Path) -> None:
    end(*NAMES)
    libvirt_daemons.ensure(record)
    assert None not in [pid(name) for name in NAMES]
    libvirt_daemons.stop(record, quiet)
    assert [pid(name) for name in NAMES] == [None, None]
    assert not record.exists()


def test_a_log_daemon_that_was_there_stays(record: Path) -> None:
    end("libvirtd")
    theirs = pid("virtlogd")
    libvirt_daemons.ensure(record)
    libvirt_daemons.stop(record, quiet)
    assert [pid(name) for name in NAMES] == [None, theirs]


def test_a_libvirtd_that_another_has_started_since_stays(record: Path) -> None:
    end("libvirtd")
    libvirt_daemons.ensure(record)
    end("libvirtd")
    start("libvirtd")
    theirs = pid("libvirtd")
    libvirt_daemons.stop(record, quiet)
    assert pid("libvirtd") == theirs


def test_what_is_in_use_stays(record: Path) -> None:
    end("libvirtd")
    libvirt_daemons.ensure(record)
    with hypervisor() as connection:
        network = connection.networkCreateXML("<network><name>theirs</name><bridge name='theirs0'/></network>")
        said: list[str] = []
        libvirt_daemons.stop(record, said.append)
        assert said == ["libvirtd stays, in use by: theirs"]
        assert network.isActive()
        network.destroy()
    libvirt_daemons.stop(record, quiet)
    assert pid("libvirtd") is None
