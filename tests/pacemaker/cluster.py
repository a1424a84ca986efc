"""A real Corosync and Pacemaker on nodes that are namespaces: nothing is installed on this host."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from halab.provisioners.corosync.conf import Member, render_corosync_conf
from halab.provisioners.engine.command import Command, Result, Secret
from halab.provisioners.engine.errors import ConnectError
from halab.provisioners.engine.host import Host, Pace
from tests.pacemaker.system import System

HERE = Path(__file__).parent
_NETWORK = "10.99.1"
# A node here may neither be a real-time process nor have a handle of the kernel's for its network.
_OPTIONS = {
    "system.sched_rr": "no",
    "system.move_to_root_cgroup": "no",
    "system.allow_knet_handle_fallback": "yes",
    "logging.to_syslog": "no",
    "logging.to_logfile": "yes",
    "logging.logfile": "/var/log/corosync/corosync.log",
}
T = TypeVar("T")


def until(what: str, look: Callable[[], T | None], deadline_s: float = 90.0) -> T:
    """What `look` gives, once it gives something."""
    deadline = time.monotonic() + deadline_s
    while not (seen := look()):
        assert time.monotonic() < deadline, f"no {what} within {deadline_s:.0f} s"
        time.sleep(0.2)
    return seen


@dataclass
class Node:
    """A node, as halab reaches a machine: a transport."""

    name: str
    address: str
    process: subprocess.Popen[bytes]

    @property
    def init(self) -> int:
        """The process that all others of the node end with; raises ConnectError when there is none."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        found = children.read_text().split() if children.exists() else []
        if not found:
            raise ConnectError(f"{self.name} has no power")
        return int(found[0])

    def run(self, command: Command, timeout_s: float) -> Result:
        enter = ["nsenter", f"--target={self.init}", "--all", "--root", "--wd"]
        stdin = command.stdin.reveal() if isinstance(command.stdin, Secret) else command.stdin
        done = subprocess.run(
            [*enter, *map(str, command.argv)],
            input=stdin or "",
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
            check=False,
        )
        return Result(command, done.returncode, done.stdout, done.stderr)

    def put(self, path: str, content: bytes, mode: int, owner: str) -> None:
        raise AssertionError(f"nothing is to be written: {path}")

    def ask(self, *argv: str) -> str:
        """What a command prints; AssertionError unless it succeeds."""
        done = self.run(Command(argv), 60.0)
        assert done.rc == 0, f"{self.name}: {argv}: {done.stdout}{done.stderr}"
        return done.stdout


@dataclass
class RealCluster:
    """Nodes on one network. Whoever a fence agent asks for is switched off, for good."""

    system: System
    directory: Path
    names: tuple[str, ...]
    nodes: dict[str, Node] = field(default_factory=dict)
    fenced: list[tuple[str, str]] = field(default_factory=list)
    """Who was, and who asked for it."""
    _fabric: subprocess.Popen[bytes] | None = None
    _over: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Bring it up; returns when all nodes are online and there is quorum."""
        (self.directory / "power").mkdir()
        shutil.copy(HERE / "fence_pen", self.directory)
        members = [Member(name=n, address=f"{_NETWORK}.{i}", node_id=i) for i, n in enumerate(self.names, 1)]
        conf, key = render_corosync_conf("pen", None, members, _OPTIONS), secrets.token_bytes(256)
        bridge = "ip link add fabric type bridge && ip link set fabric up && exec sleep infinity"
        self._fabric = _unshared("--net", "sh", "-c", bridge)
        for member in members:
            place = self.directory / member.name
            (place / "conf").mkdir(parents=True)
            (place / "conf/corosync.conf").write_text(conf)
            (place / "conf/authkey").write_bytes(key)
            process = _unshared(
                *("--net", "--mount", "--propagation=private", "--uts", "--ipc", "--pid", "--fork", "--kill-child"),
                *("--mount-proc", str(HERE / "node"), str(self.system.root), str(place), member.name, member.address),
                log=place / "log",
            )
            self.nodes[member.name] = Node(member.name, member.address, process)
        for number, node in enumerate(self.nodes.values(), 1):
            self._plug_in(number, node)
        threading.Thread(target=self._switch, daemon=True).start()
        until("cluster of all", lambda: all(self.online(name) == set(self.names) for name in self.names))

    def _plug_in(self, number: int, node: Node) -> None:
        assert self._fabric is not None
        own = Path("/proc/self/ns/net").readlink()
        for pid in (self._fabric.pid, node.process.pid):
            until("namespace", lambda pid=pid: Path(f"/proc/{pid}/ns/net").readlink() != own)  # type: ignore[misc]
        inside = ["nsenter", f"--net=/proc/{self._fabric.pid}/ns/net", "ip", "link"]
        until(
            "bridge",
            lambda: subprocess.run([*inside, "show", "fabric"], capture_output=True, check=False).returncode == 0,
        )
        end = ["type", "veth", "peer", "name", "eth0", "netns", str(node.process.pid)]
        subprocess.run([*inside, "add", f"port{number}", *end], check=True)
        subprocess.run([*inside, "set", f"port{number}", "master", "fabric", "up"], check=True)

    def _switch(self) -> None:
        """The power switch."""
        while not self._over.wait(0.05):
            for asked in (self.directory / "power").glob("[!.]*"):
                self.fenced.append((asked.name, asked.read_text().strip()))
                self.power_off(asked.name)
                asked.unlink()

    def hold_the_switch(self) -> None:
        """Whoever asks it to fence waits, until all is stopped."""
        self._over.set()

    def power_off(self, name: str) -> None:
        """Everything on the node ends at once."""
        node = self.nodes[name]
        if node.process.poll() is None:
            os.kill(node.process.pid, 9)  # its init follows: --kill-child
            node.process.wait()

    def cut(self) -> None:
        """No node sees another one any more."""
        assert self._fabric is not None
        inside = ["nsenter", f"--net=/proc/{self._fabric.pid}/ns/net", "ip", "link", "set", "fabric", "down"]
        subprocess.run(inside, check=True)

    def stop(self) -> None:
        """Nothing of it is left."""
        self._over.set()
        for name in self.nodes:
            self.power_off(name)
        if self._fabric is not None:
            self._fabric.kill()
            self._fabric.wait()

    def host(self, name: str) -> Host:
        """As items see it."""
        return Host(self.nodes[name], platform=self.system.platform, pace=Pace())

    def status(self, name: str) -> ET.Element | None:
        """crm_mon's XML as this node sees it; None while its Pacemaker does not answer."""
        try:
            done = self.nodes[name].run(Command(("crm_mon", "--output-as=xml")), 30.0)
        except ConnectError:
            return None
        return ET.fromstring(done.stdout) if done.rc == 0 else None

    def online(self, name: str) -> set[str]:
        """Who is online with quorum, as this node sees it."""
        root = self.status(name)
        if root is None or root.find("summary/current_dc[@with_quorum='true']") is None:
            return set()
        ready = root.iterfind("nodes/node[@online='true'][@pending='false'][@unclean='false']")
        return {node.get("name", "") for node in ready}

    def runs(self, resource: str, seen_by: str) -> str:
        """The node on which it runs; empty while it does on none."""
        root = self.status(seen_by)
        node = None if root is None else root.find(f".//resource[@id='{resource}'][@role='Started']/node")
        return "" if node is None else node.get("name", "")


PAIR, THREE = ("node1", "node2"), ("node1", "node2", "node3")


@contextmanager
def running(system: System, directory: Path, names: tuple[str, ...] = PAIR) -> Iterator[RealCluster]:
    """A cluster that is up, and gone when the block ends."""
    made = RealCluster(system, directory, names)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def _unshared(*argv: str, log: Path | None = None) -> subprocess.Popen[bytes]:
    with open(log or os.devnull, "wb") as output:
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", *argv]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
