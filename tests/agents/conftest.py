"""All doors on loopback, in this process, at libvirt's own test driver."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from pathlib import Path

import pytest

from halab.provider.fencing import power_server
from halab.provider.fencing.certificates import issue
from halab.provider.fencing.doors import secrets
from halab.provider.fencing.doors.door import serve_until_one_ends
from halab.provider.fencing.doors.machines import Machines
from halab.provider.fencing.doors.multicast import MulticastDoor
from halab.provider.fencing.doors.names import DEFAULT_PORTS, PLUGS
from halab.provider.fencing.doors.power import Power
from halab.provider.fencing.doors.xvm import Xvm
from halab.provider.fencing.power_files import PowerConfig, PowerFiles
from halab.provisioners.engine.command import Secret
from tests.agents.agents import Agents, unpacked
from tests.unit.provider.fencing.doors.conftest import GONE, OURS, PASSWORD, USER, domains

__all__ = ["domains"]

ADDRESS = "127.0.0.1"


@pytest.fixture(scope="session")
def agents(tmp_path_factory: pytest.TempPathFactory) -> Agents:
    return Agents(unpacked(Path(__file__).parents[2] / ".cache/agents"), tmp_path_factory.mktemp("home"))


_ports = iter(range(20000, 32000, PLUGS + 1))  # below those that the kernel gives to clients


def free_port() -> int:
    """A port that nobody has, nor the sixteen UDP ports after it."""
    for port in _ports:
        with contextlib.ExitStack() as held, contextlib.suppress(OSError):
            held.enter_context(socket.create_server((ADDRESS, port)))
            for number in range(port, port + PLUGS + 1):
                held.enter_context(socket.socket(type=socket.SOCK_DGRAM)).bind((ADDRESS, number))
            return port
    raise AssertionError("no ports are left")


class Doors:
    """The doors of one endpoint, and what opens them."""

    def __init__(self, directory: Path, uri: str = "test:///shared") -> None:
        self.files = PowerFiles(directory / "fencing" / "summit")
        self.files.make_directory()
        self.ports = {door: free_port() for door in DEFAULT_PORTS}
        self.config = PowerConfig("summit", ADDRESS, free_port(), uri, (OURS, GONE), "supervisor", doors=self.ports)
        issued = issue("summit", ADDRESS)
        self.files.write(self.files.private_key, Secret(issued.private_key))
        self.files.write(self.files.certificate, issued.certificate)
        self.files.write(self.files.authority, issued.authority)
        self.files.write(self.files.config, self.config.dump())
        self.files.write(self.files.known, json.dumps({GONE: "node2"}))
        self.files.write_password(USER, Secret(PASSWORD))
        secrets.make(self.files, self.ports)
        # fence_xvm is called back at the port that it asks at, and here that is the TCP door's.
        self.multicast_port = free_port()

    def open(self) -> None:
        """Listen and serve, until this process ends."""
        opened = power_server.doors(self.files, self.config)
        xvm = Xvm(Power(self.config.uri, Machines(self.files)), secrets.read(self.files, "xvm").encode())
        opened.append(MulticastDoor(ADDRESS, self.multicast_port, xvm))
        threading.Thread(target=serve_until_one_ends, args=(opened,), daemon=True).start()

    def secret(self, name: str) -> Path:
        """The file of a secret."""
        return self.files.secret(name)


@pytest.fixture
def doors(tmp_path: Path, domains: object) -> Doors:
    made = Doors(tmp_path)
    made.open()
    return made
