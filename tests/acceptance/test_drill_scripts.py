"""The scripts of drills, for real where no cluster is needed: they take effect, prove it, and are undone."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from halab.cli.drill.catalogue import DRILLS
from halab.cli.drill.catalogue.network import BITES
from halab.cli.drill.declaration import Guest

pytestmark = pytest.mark.skipif(
    b"tests/e2e/sandbox" not in Path("/proc/1/cmdline").read_bytes(), reason="only inside tests/e2e/sandbox"
)

_OTHERS = "10.9.9.12,10.9.9.13"
_ARGUMENTS = ("halab", "10.9.9.11", _OTHERS, "10.9.9.10", "summit", "10.9.9.1", "8000", _OTHERS, "9000")
# Two ends of one cable in one namespace, and one more namespace at its far end.
_NETWORK = """
ip link set lo up
ip link add near type veth peer name far
ip link set far netns "$1"
ip addr add 10.9.9.11/24 dev near
ip link set near up
nsenter --net="/proc/$1/ns/net" sh -euc '
ip link set lo up
for last in 1 10 12 13; do ip addr add "10.9.9.$last/24" dev far; done
ip link set far up'
"""
_SEND = """
import contextlib, socket, sys
for address in sys.argv[1:]:
    for port in (5405, 3260, 8000):
        for kind, times in ((socket.SOCK_DGRAM, 60), (socket.SOCK_STREAM, 5)):
            for _ in range(times):
                with socket.socket(socket.AF_INET, kind) as way, contextlib.suppress(OSError):
                    way.setblocking(False)
                    way.connect((address, port))
                    way.send(bytes(1200))
"""
_RULED = [
    pytest.param(one, id=drill.name)
    for drill in DRILLS.values()
    for one in drill.injections
    if isinstance(one, Guest) and "nft -f" in one.do and "systemd-run" not in one.do and "dnat" not in one.do
]


@pytest.fixture
def networks() -> Iterator[tuple[int, int]]:
    """Process numbers of two network namespaces: the node's, and one in which all others are."""
    holders = [subprocess.Popen(["unshare", "--net", "sleep", "600"]) for _ in range(2)]
    try:
        near, far = (holder.pid for holder in holders)
        own = Path("/proc/self/ns/net").readlink()
        while any(Path(f"/proc/{pid}/ns/net").readlink() == own for pid in (near, far)):
            time.sleep(0.01)
        subprocess.run(["nsenter", f"--net=/proc/{near}/ns/net", "sh", "-euc", _NETWORK, "halab", str(far)], check=True)
        yield near, far
    finally:
        for holder in holders:
            holder.kill()
            holder.wait()


def _in(network: int, *argv: str) -> int:
    return subprocess.run(["nsenter", f"--net=/proc/{network}/ns/net", *argv], check=False, timeout=60).returncode


@pytest.mark.parametrize("injection", _RULED)
def test_rules_bite_and_go(injection: Guest, networks: tuple[int, int]) -> None:
    near, far = networks

    def script(text: str) -> int:
        return _in(near, "sh", "-euc", text, *_ARGUMENTS)

    assert script(injection.took) != 0, "nothing is there yet"
    assert script(injection.do) == 0
    table = subprocess.run(
        ["nsenter", f"--net=/proc/{near}/ns/net", "nft", "-j", "list", "table", "inet", "halab_drill"],
        check=True, capture_output=True,
    ).stdout  # fmt: skip
    assert b'"packets": 0' in table, "a counter proves that a rule bites"
    _in(near, "python3", "-c", _SEND, *(f"10.9.9.{last}" for last in (1, 10, 12, 13)))
    _in(far, "python3", "-c", _SEND, "10.9.9.11")
    assert _in(near, "sh", "-c", BITES) == 0
    assert script(injection.took) == 0
    assert script(injection.undo) == 0
    assert script(injection.took) != 0
    assert script(injection.undo) == 0, "the timer in the guest may undo it once more"


_ASK = """
import socket, sys, time
began = time.monotonic()
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=50) as way:
    for _ in range(4):
        way.sendall(b"x")
        assert way.recv(1) == b"x"
print(time.monotonic() - began)
"""
_ECHO = """
import socket, sys
with socket.create_server((sys.argv[1], int(sys.argv[2]))) as door:
    print(flush=True)
    with door.accept()[0] as way:
        while got := way.recv(100):
            way.sendall(got)
"""


_LISTEN = """
import socket, sys
with socket.create_server((sys.argv[1], int(sys.argv[2]))) as door:
    print(flush=True)
    while True:
        with door.accept()[0] as way:
            while got := way.recv(100):
                way.sendall(got)
"""


def test_a_slow_endpoint_answers_in_the_end(networks: tuple[int, int]) -> None:
    near, far = networks
    slow, _ = DRILLS["fencing-slow"].injections
    assert isinstance(slow, Guest)
    inside = ["nsenter", f"--net=/proc/{far}/ns/net", "python3", "-c", _ECHO, "10.9.9.1", "8000"]
    with subprocess.Popen(inside, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.readline()
        assert _in(near, "sh", "-euc", slow.do, *_ARGUMENTS) == 0
        ask = ["nsenter", f"--net=/proc/{near}/ns/net", "python3", "-c", _ASK, "10.9.9.1", "8000"]
        told = subprocess.run(ask, check=True, capture_output=True, text=True, timeout=60).stdout
        assert 0.5 < float(told) < 50, "four questions and answers, five packets a second"
        assert server.wait(10) == 0


@pytest.mark.parametrize("name", ["fencing-idle", "fencing-lies"])
def test_who_asks_the_endpoint_asks_the_one_that_lies(name: str, networks: tuple[int, int]) -> None:
    near, far = networks
    misled = DRILLS[name].injections[0]
    assert isinstance(misled, Guest)

    def script(text: str) -> int:
        return _in(near, "sh", "-euc", text, *_ARGUMENTS)

    ask = ["nsenter", f"--net=/proc/{near}/ns/net", "python3", "-c", _ASK, "10.9.9.1", "8000"]
    assert subprocess.run(ask, capture_output=True, check=False).returncode != 0, (
        "nobody listens at the endpoint's port"
    )
    assert script(misled.do) == 0
    assert script(misled.took) != 0, "nobody lies yet"
    inside = ["nsenter", f"--net=/proc/{far}/ns/net", "python3", "-c", _LISTEN, "10.9.9.1", "9000"]
    with subprocess.Popen(inside, stdout=subprocess.PIPE) as liar:
        assert liar.stdout is not None
        liar.stdout.readline()
        assert script(misled.took) == 0
        assert subprocess.run(ask, capture_output=True, check=False).returncode == 0
        assert script(misled.undo) == 0
        assert script(misled.took) != 0
        assert script(misled.undo) == 0, "the timer in the guest may undo it once more"
        liar.kill()


# Arguments: the address to send to, the sizes to send; prints those that came, the last one always.
_SIZES = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
    way.bind((sys.argv[1], 7000))
    print(flush=True)
    seen = []
    while not seen or seen[-1] != 1:
        seen.append(len(way.recv(9000)))
    print(*seen)
"""
_SEND_SIZES = """
import contextlib, socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
    for size in (500, 1200, 1):
        with contextlib.suppress(PermissionError):  # what a rule drops on its way out
            way.sendto(bytes(size), (sys.argv[1], 7000))
"""


def _arrives(near: int, far: int) -> str:
    inside = ["nsenter", f"--net=/proc/{far}/ns/net", "python3", "-c", _SIZES, "10.9.9.12"]
    with subprocess.Popen(inside, stdout=subprocess.PIPE, text=True) as hearer:
        assert hearer.stdout is not None
        hearer.stdout.readline()
        assert _in(near, "python3", "-c", _SEND_SIZES, "10.9.9.12") == 0
        return hearer.communicate(timeout=20)[0].strip()


def test_what_goes_through_a_hole_is_small(networks: tuple[int, int]) -> None:
    near, far = networks
    (hole,) = DRILLS["mtu-hole"].injections
    assert isinstance(hole, Guest)
    assert _arrives(near, far) == "500 1200 1"
    assert _in(near, "sh", "-euc", hole.do, *_ARGUMENTS) == 0
    assert _arrives(near, far) == "500 1"
    assert _in(near, "sh", "-euc", hole.undo, *_ARGUMENTS) == 0
    assert _arrives(near, far) == "500 1200 1"


@pytest.mark.parametrize(
    ("name", "program"),
    [("controld-killed", "pacemaker-controld"), ("corosync-stopped", "corosync"), ("apache-hung", "apache2")],
)
def test_processes_are_killed_or_stand_still(name: str, program: str, tmp_path: Path) -> None:
    (injection,) = DRILLS[name].injections
    assert isinstance(injection, Guest)
    copy = shutil.copy("/bin/sleep", tmp_path / program)
    with subprocess.Popen([copy, "600"]) as process:
        assert _sh(injection.do) == 0
        assert _sh(injection.took) == 0
        if injection.undo:
            assert _state(process.pid) == "T"
            assert _sh(injection.undo) == 0
            assert _state(process.pid) in ("R", "S")
            process.kill()
        assert process.wait(10) == -9


def test_a_disk_is_filled_and_emptied(tmp_path: Path) -> None:
    (injection,) = DRILLS["disk-full"].injections
    assert isinstance(injection, Guest)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "small", tmp_path], check=True)
    try:
        do, took, undo = (
            text.replace("/var", str(tmp_path)) for text in (injection.do, injection.took, injection.undo)
        )
        assert _sh(took) != 0
        assert _sh(do) == 0
        assert _sh(took) == 0
        assert _sh(undo) == 0
        assert _sh(took) != 0
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def _sh(text: str) -> int:
    return subprocess.run(["sh", "-euc", text, *_ARGUMENTS], check=False, timeout=60).returncode


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
