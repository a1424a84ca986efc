"""The provider as a program of its own, for tests of what only a process shows: one guest that answers at once.

DOUBLE_URI is the libvirt to look at, DOUBLE_MUTE=1 makes the guest fall silent.
"""

from __future__ import annotations

import os
from functools import cached_property

from halab.provider.guests.hosts import Hosts
from halab.provider.hypervisor.connection import Connection
from halab.provider.lab import HalabProvider
from halab.provider.protocol import serve
from halab.provisioners.engine.command import Command, Result
from halab.provisioners.engine.errors import ConnectError, HostKeyError
from halab.provisioners.engine.host import Pace
from halab.provisioners.engine.ssh import Address

OS_RELEASE = 'ID=debian\nVERSION_ID="13"\n'


class Silent:
    """A guest on which every file holds "text of" and its path."""

    def __init__(self, address: Address, pace: Pace) -> None:
        del pace
        self.name = address.name

    def run(self, command: Command, timeout_s: float) -> Result:
        del timeout_s
        if os.environ.get("DOUBLE_MUTE"):
            raise ConnectError(f"{self.name} runs but does not answer", "Reset it.")
        if os.environ.get("DOUBLE_STRANGE"):
            raise HostKeyError(f"{self.name} shows another host key", "Replace it.")
        path = command.argv[-1]
        return Result(command, 0, OS_RELEASE if path == "/etc/os-release" else f"644 root:root\ntext of {path}", "")

    def put(self, path: str, content: bytes, mode: int, owner: str) -> None:
        """It has it already."""


class OneGuest(HalabProvider):
    """The provider on a libvirt of the test driver."""

    @cached_property
    def _connection(self) -> Connection:
        return Connection(os.environ["DOUBLE_URI"])

    @cached_property
    def _hosts(self) -> Hosts:
        return Hosts(self.inventory, self.keys, self.time_scale, dial=Silent, agendas=self.agendas)


if __name__ == "__main__":
    serve(OneGuest())
