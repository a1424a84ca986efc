"""How the provider starts: refusals, and the mode for debugging."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from halab.provider.protocol import Provider, reattachable

PROGRAM = """
from halab.provider.protocol import Provider, serve
class Empty(Provider):
    address = "example.local/test/empty"
serve(Empty())
"""
COOKIE = {"TF_PLUGIN_MAGIC_COOKIE": "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2"}


class Empty(Provider):
    address = "example.local/test/empty"


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        env={"PATH": os.environ["PATH"], **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        pytest.param({}, "Terraform starts it, not a person", id="by a person"),
        pytest.param(COOKIE | {"PLUGIN_PROTOCOL_VERSIONS": "4,5"}, "use Terraform >= 1.0", id="old terraform"),
    ],
)
def test_refuses_to_start(environment: dict[str, str], message: str) -> None:
    process = start(**environment)
    printed, complaint = process.communicate(timeout=30)
    assert (process.returncode, printed) == (1, "")
    assert message in complaint
    assert "Traceback" not in complaint


def test_handshake_and_end(tmp_path: Path) -> None:
    process = start(**COOKIE, PLUGIN_PROTOCOL_VERSIONS="5,6", TMPDIR=str(tmp_path))
    assert process.stdout is not None
    core, protocol, network, socket, kind, certificate = process.stdout.readline().strip().split("|")
    assert (core, protocol, network, kind) == ("1", "6", "unix", "grpc")
    assert not certificate.endswith("=")
    folder = Path(socket).parent
    assert folder.parent == tmp_path
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        process.send_signal(ignored)
    assert process.poll() is None
    process.kill()
    process.communicate()


def test_debug_mode() -> None:
    process = start("--debug")
    assert process.stdout is not None
    name, _, value = process.stdout.readline().strip().partition("=")
    entry = json.loads(value.strip("'"))["example.local/test/empty"]
    assert (name, entry["ProtocolVersion"], entry["Pid"]) == ("TF_REATTACH_PROVIDERS", 6, process.pid)
    socket = Path(entry["Addr"]["String"])
    assert socket.exists()
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert not socket.parent.exists()
    process.communicate()


def test_long_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    with reattachable(Empty()) as entry:
        socket = json.loads(entry)[Empty.address]["Addr"]["String"]
        assert Path(socket).exists()
        assert len(socket) < 108
    assert list(long.iterdir()) == []
