"""libvirt's own test driver in place of a hypervisor: what it supports behaves as libvirt does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import libvirt
import pytest

from halab.provider.hypervisor.connection import Connection
from halab.provider.protocol import Ledger
from halab.provider.run.folder import LabFolder

DATA = Path(__file__).parents[3] / "data" / "hypervisor"


class Configured:
    """A configured provider as the resources see it."""

    def __init__(self, connection: Connection, directory: Path) -> None:
        self.lab, self.connection, self.folder = "summit", connection, LabFolder(directory)
        self.hypervisor, self.time_scale, self.stop = "qemu", 1.0, threading.Event()
        self.destroying_all, self.ledger = False, Ledger()
        self.events: list[tuple[str, str, str]] = []

    def expect(self, machine: str, stop: threading.Event) -> None:
        del machine, stop

    def progress(self, event: str, phase: str, resource: str, name: str, machine: str, detail: str = "") -> None:
        del phase, machine, detail
        self.events.append((event, resource, name))


class Refusing:
    """An object whose every call fails with one error of libvirt's."""

    def __init__(self, code: int, errno: int = 0) -> None:
        self.error = libvirt.libvirtError("it does not work")
        self.error.err = (code, 0, "it does not work", 0, "", None, None, errno, 0)

    def isPersistent(self) -> bool:
        return False

    def name(self) -> str:
        return "refusing"

    def UUIDString(self) -> str:
        return "00000000-0000-4000-8000-000000000001"

    def __getattr__(self, _: str) -> Any:
        def fail(*_: object) -> None:
            raise self.error

        return fail


@pytest.fixture
def connection() -> Iterator[Connection]:
    connection = Connection(f"test:///{quote(str(DATA / 'test-driver.xml'))}")
    yield connection
    connection.close()


@pytest.fixture
def provider(connection: Connection, tmp_path: Path) -> Configured:
    return Configured(connection, tmp_path)
