"""The daemon is killed after a reboot's off and before its on: what the agent says, and that the machine comes up."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import libvirt
import pytest

from halab.provider.fencing.power_supervisor import SERVER_MODULE, python_command
from tests.agents.agents import Agents
from tests.agents.conftest import Doors
from tests.agents.test_agents import METHODS, OFF, ON, Method
from tests.unit.provider.fencing.doors.conftest import OURS

pytestmark = pytest.mark.long

HERE = Path(__file__).parent
XML = (
    f"<domain type='test'><name>node1</name><uuid>{OURS}</uuid><memory>1024</memory><os><type>hvm</type></os></domain>"
)


def until(what: str, look: Callable[[], object], deadline_s: float = 120) -> None:
    end = time.monotonic() + deadline_s
    while not look():
        assert time.monotonic() < end, f"no {what} within {deadline_s:.0f} s"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a libvirtd with libvirt's test driver: what it knows outlives the endpoint's daemon."""
    if os.geteuid() != 0 or not shutil.which("libvirtd"):
        pytest.skip("only as root, where libvirtd is installed")
    place = tmp_path_factory.mktemp("libvirt")
    unshared = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--net", "--propagation=private"]
    with subprocess.Popen(
        [*unshared, str(HERE / "libvirt_of_its_own"), str(place)], stderr=subprocess.DEVNULL
    ) as daemon:
        until("libvirtd", (place / "libvirt-sock").exists)
        yield f"test+unix:///default?socket={place}/libvirt-sock"
        daemon.kill()


@pytest.fixture
def domain(uri: str) -> Iterator[Any]:
    connection = libvirt.open(uri)  # the test driver forgets everything with its last connection
    made = connection.defineXML(XML)
    made.create()
    yield made
    if made.isActive():
        made.destroy()
    made.undefine()
    connection.close()


class Endpoint:
    """Its daemon, and the next one when that has ended, as the supervisor would."""

    def __init__(self, doors: Doors) -> None:
        self._config = str(doors.files.config)
        mortal = subprocess.Popen([sys.executable, str(HERE / "mortal_server.py"), self._config])
        self.ends: list[int] = []
        self.processes = [mortal]
        threading.Thread(target=self._supervise, args=(mortal,), daemon=True).start()

    def _supervise(self, mortal: subprocess.Popen[bytes]) -> None:
        self.ends.append(mortal.wait())
        self.processes.append(subprocess.Popen(python_command(SERVER_MODULE, Path(self._config))))

    def end(self) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait()


def runs(domain: Any) -> tuple[bool, int]:
    """Whether it does, and libvirt's number of that run."""
    return bool(domain.isActive()), domain.ID()


# Multicast is the same door's other listener, and reaches nobody on loopback from another process.
@pytest.mark.parametrize("name", [method for method in METHODS if method != "xvm multicast"])
def test_killed_between_off_and_on(name: str, agents: Agents, tmp_path: Path, uri: str, domain: Any) -> None:
    doors = Doors(tmp_path, uri)
    method = Method(name, agents, doors)
    endpoint = Endpoint(doors)
    try:
        until("endpoint", lambda: method("status").code == ON)
        assert not endpoint.ends
        limits: dict[str, Any] = {} if name == "xvm" else {"power_timeout": 5}
        done = method("reboot", **limits)
        until("death", lambda: endpoint.ends)
        assert endpoint.ends == [-signal.SIGKILL]
        print(f"{name}: killed between off and on, the agent says {done.code}")
        if done.code != 0:
            # As Pacemaker does, which asks twice.
            until("endpoint", lambda: method("status").code in (ON, OFF))
            assert method("reboot", **limits).code == 0, "asked again"
        # A success means that the machine was off. It comes up, whoever has given up.
        until("machine", lambda: runs(domain)[0], deadline_s=90)
        assert method("status").code == ON
    finally:
        endpoint.end()


def test_what_was_to_stay_off_stays_off(agents: Agents, tmp_path: Path, uri: str, domain: Any) -> None:
    """The daemon ends as it should: the next one switches nothing on."""
    doors = Doors(tmp_path, uri)
    method = Method("redfish", agents, doors)
    daemon = subprocess.Popen(python_command(SERVER_MODULE, doors.files.config))
    try:
        until("endpoint", lambda: method("off").code == 0)
        assert not domain.isActive()
        assert doors.files.unfinished.exists()
    finally:
        daemon.terminate()
        daemon.wait()
    assert not doors.files.unfinished.exists()
