"""The power back end at libvirt's own test driver."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import libvirt
import pytest

from halab.provider.fencing.doors.machines import Machines
from halab.provider.fencing.doors.power import Power
from halab.provider.fencing.power_files import PowerConfig, PowerFiles
from halab.provisioners.engine.command import Secret

OURS, FOREIGN = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
GONE = "33333333-3333-4333-8333-333333333333"
USER, PASSWORD = "fence", "one-password"
SHUT_OFF, RUNNING = 5, 1

NODE = """<node>
{domains}
<cpu><mhz>1000</mhz><model>x</model><active>1</active><nodes>1</nodes><sockets>1</sockets><cores>1</cores></cpu>
<memory>1048576</memory></node>"""
DOMAIN = (
    '<domain type="test" xmlns:test="http://libvirt.org/schemas/domain/test/1.0"><name>{name}</name>'
    "<uuid>{uuid}</uuid><memory>1024</memory><os><type>hvm</type></os>"
    "<test:runstate>{state}</test:runstate></domain>"
)

Allow = Callable[..., None]
Domains = Callable[[str], Any]


@pytest.fixture
def files(tmp_path: Path) -> PowerFiles:
    made = PowerFiles(tmp_path / "fencing" / "summit")
    made.make_directory()
    made.write_password(USER, Secret(PASSWORD))
    made.write(made.known, json.dumps({GONE: "node2"}))
    return made


@pytest.fixture
def allow(files: PowerFiles) -> Allow:
    def write(*machines: str) -> None:
        config = PowerConfig("summit", "127.0.0.1", 8000, "qemu:///system", machines, "supervisor")
        files.write(files.config, config.dump())

    write(OURS, GONE)
    return write


class Borrowed:
    """A test:///FILE connection starts from the file each time it is opened: share one, and let nobody close it."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def close(self) -> None:
        pass


@pytest.fixture
def domains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Domains]:
    """libvirt's test driver with both domains running; the connection held open keeps its state shared."""
    node = tmp_path / "node.xml"
    both = ((OURS, "node1", RUNNING), (FOREIGN, "foreign", RUNNING))
    node.write_text(NODE.format(domains="".join(DOMAIN.format(uuid=u, name=n, state=s) for u, n, s in both)))
    connection = libvirt.open(f"test://{node}")
    monkeypatch.setattr(libvirt, "open", lambda _: Borrowed(connection))
    yield connection.lookupByUUIDString
    connection.close()


@pytest.fixture
def power(files: PowerFiles, allow: Allow) -> Power:
    return Power("qemu:///system", Machines(files))
