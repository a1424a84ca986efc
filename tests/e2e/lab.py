"""A deployed lab as its user has it: the commands of README, and every host by SSH."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import libvirt
import requests

from halab.cli.terraform.process import find_terraform
from halab.cli.watch.rest import rest_of
from halab.constructs.settings import load
from halab.provider.run.folder import LabFolder
from halab.provider.run.known_hosts import pinned_key
from halab.provisioners.engine.command import Command, Result, cmd
from halab.provisioners.engine.errors import ConnectError, HalabError
from halab.provisioners.engine.host import Host, Pace
from halab.provisioners.engine.ssh import Address, SshTransport

CHECKOUT = Path(__file__).resolve().parents[2]
STATE = LabFolder.of(CHECKOUT, load({}, os.environ).name).path
"""Where the files of the default lab stand."""
HALAB = CHECKOUT / ".venv/bin/halab"
TERRAFORM = find_terraform(os.environ)
NOT_CONNECTED = 102  # Pacemaker's exit code of a tool that finds no running cluster


def left_of_it() -> list[str]:
    """What a destroyed default lab has left in its folder. Recordings stay, and with them whose folder it is."""
    folder = LabFolder(STATE)
    left, recordings = set(STATE.glob("*")), {folder.drills, folder.suite_logs}
    stays = {*recordings, folder.mark} if left & recordings else set()
    return sorted(one.name for one in left - stays)


class Lab:
    """The lab that this checkout's `make deploy` made. Only usable inside tests/e2e/sandbox."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = dict(environment)
        self.settings = load({}, environment)
        self.folder = LabFolder.of(CHECKOUT, self.settings.name)
        self.nodes = [f"node{number}" for number in range(1, self.settings.node_count + 1)]
        self.site = f"http://{self.settings.site_address}/"
        self._transports: dict[str, SshTransport] = {}

    # --- what a user types ---

    def run(self, *argv: str, timeout_s: float = 2400, silent: bool = False) -> subprocess.CompletedProcess[str]:
        """A command in the checkout; its output is shown in pytest's report when a test fails, unless `silent`."""
        done = subprocess.run(
            argv, cwd=CHECKOUT, env=self.environment, text=True, capture_output=True, timeout=timeout_s, check=False
        )
        if not silent:
            print(f"$ {' '.join(argv)}\n{done.stdout}{done.stderr}", file=sys.stderr)
        return done

    def deploy(self) -> None:
        timeout_s = 9000 if self.settings.image.by_installer else 2400
        self._halab("deploy", timeout_s)

    def destroy(self) -> None:
        self._halab("destroy", 2400)

    def _halab(self, command: str, timeout_s: float) -> None:
        done = self.run(str(HALAB), command, "--yes", timeout_s=timeout_s)
        assert done.returncode == 0, "\n".join((done.stdout + done.stderr).splitlines()[-40:])

    # --- hosts ---

    def address(self, name: str) -> str:
        return self.settings.target_address if name == "target" else self.settings.node_address(int(name[4:]))

    def host(self, name: str) -> Host:
        """A host by SSH, with the lab's own key and pinned host keys."""
        if name not in self._transports:
            key = pinned_key(self.folder.known_hosts.read_text(), name)
            address = Address(name, self.address(name), key, self.folder.private_key)
            self._transports[name] = SshTransport(address, Pace())
        return Host(self._transports[name])

    def reconnect(self) -> None:
        """Forget all connections: a machine that was made anew has another host key."""
        while self._transports:
            self._transports.popitem()[1].close()

    def ask(self, name: str, *argv: str, ok: tuple[int, ...] = (0,), timeout_s: float = 120) -> str:
        """What a command on a host prints."""
        return self.host(name).ask(cmd(*argv, ok=ok, timeout_s=timeout_s)).stdout

    def attempt(self, name: str, command: Command) -> Result | None:
        """What a command on a host says, None when the host does not answer."""
        try:
            return self.host(name).attempt(command)
        except ConnectError:
            self._transports.pop(name).close()  # a mute host is not asked again for a while: forget that
            return None

    def boot_id(self, name: str) -> str | None:
        """Changes with every boot; None when the host does not answer."""
        answer = self.attempt(name, cmd("cat", "/proc/sys/kernel/random/boot_id"))
        return answer.stdout.strip() if answer else None

    def crash(self, name: str) -> None:
        """Its kernel panics."""
        with contextlib.suppress(HalabError):  # a crashed kernel does not answer
            self.host(name).attempt(cmd("sh", "-c", "echo c > /proc/sysrq-trigger", timeout_s=5))

    # --- the cluster ---

    def status(self, by: str = "node1") -> ET.Element:
        """crm_mon's XML."""
        return ET.fromstring(self.ask(by, "crm_mon", "--output-as=xml"))

    def online(self, by: str = "node1") -> set[str]:
        """The nodes that are online as `by` sees it: none while Pacemaker has not started there."""
        said = ET.fromstring(self.ask(by, "crm_mon", "--output-as=xml", ok=(0, NOT_CONNECTED)))
        nodes = said.iterfind("nodes/node")
        return {n.get("name", "") for n in nodes if n.get("online") == "true" and n.get("pending") == "false"}

    def runs_on(self, resource: str, by: str = "node1") -> set[str]:
        """The nodes on which a resource (or an instance of it) is started."""
        return {
            node.get("name", "")
            for found in self.status(by).iter("resource")
            if found.get("id", "").split(":")[0] == resource and found.get("role") == "Started"
            for node in found.iter("node")
        }

    def all_mounted(self, by: str = "node1") -> bool:
        return self.runs_on(f"{self.settings.name}-{self.settings.gfs2.name}", by) == set(self.nodes)

    def served_by(self) -> str | None:
        """The node that serves the site now; None when nobody does."""
        try:
            answer = requests.get(self.site, timeout=3)
        except requests.RequestException:
            return None
        return answer.headers.get("X-Served-By") if answer.ok else None

    def heals(self, by: str = "node1") -> None:
        """Wait until all nodes are online and mount, and the site answers."""
        self.until("all online", lambda: self.online(by) == set(self.nodes), deadline_s=600)
        self.until("GFS2 everywhere", lambda: self.all_mounted(by), deadline_s=600)
        self.until("the site", self.served_by)

    def says_healthy(self) -> bool:
        """Whether `halab status` finds nothing wrong."""
        return self.run(str(HALAB), "status", silent=True).returncode == 0

    def comes_to_rest(self) -> None:
        """Wait until pcsd, which no deploy waits for, has started on all nodes."""
        for node in self.nodes:
            self.host(node).wait(rest_of(node))

    # --- waiting ---

    def until(self, what: str, probe: Callable[[], object], deadline_s: float = 300) -> Any:
        """The first true answer of `probe`; fails when there is none within `deadline_s`."""
        end = time.monotonic() + deadline_s
        while True:
            began = time.monotonic()
            try:
                seen = probe()
            except ConnectError as error:
                seen, last = None, str(error)
            else:
                last = repr(seen)
            if seen:
                return seen
            now = time.monotonic()
            assert now < end, f"no {what} within {deadline_s} s; last: {last}"
            time.sleep(min(max(0.5, now - began), 3.0))  # an emulated host has better things to do than to answer


@contextmanager
def deployed(environment: dict[str, str]) -> Iterator[Lab]:
    """A lab for one module of tests: there is no machine after it, however far its deploy came."""
    lab = Lab(environment)
    try:
        lab.deploy()
        yield lab
    finally:
        lab.destroy()
        with hypervisor() as connection:
            assert connection.listAllDomains() == []


@contextmanager
def hypervisor() -> Iterator[libvirt.virConnect]:
    connection = libvirt.open("qemu:///system")
    try:
        yield connection
    finally:
        connection.close()
