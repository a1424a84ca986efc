"""A fencing endpoint that lies: it says that it has switched a machine, and has not.

It has the certificate and the password of the lab's own endpoint, which goes on beside it and is not changed. It lives
as long as the drill: whoever was led to it finds a closed port afterwards, and never a lie.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from halab.cli.drill.declaration import Lie
from halab.provider.fencing import power_port
from halab.provider.fencing.doors.https import RedfishDoor
from halab.provider.fencing.doors.machines import Machines
from halab.provider.fencing.doors.names import Spot
from halab.provider.fencing.doors.power import Action, Power
from halab.provider.fencing.power_files import PowerConfig, PowerFiles
from halab.provisioners.engine.errors import ConfigError

Heard = Callable[[str, Action], None]
"""Hears UUID and action of what is said to be done."""


class LyingPower(Power):
    """Switches nothing."""

    def __init__(self, uri: str, machines: Machines, lie: Lie, heard: Heard) -> None:
        super().__init__(uri, machines)
        self._lie, self._heard = lie, heard
        self._said: dict[str, bool] = {}

    def is_on(self, uuid: str) -> bool:
        """The truth; with the lie `state` what it has said last. Raises PowerFailed."""
        truth = super().is_on(uuid)
        return self._said.get(uuid, truth) if self._lie == "state" else truth

    def switch(self, uuid: str, action: Action) -> None:
        """Nothing happens. Raises PowerFailed for a machine of others."""
        self._allowed(uuid)
        self._said[uuid] = action != "off"
        self._heard(uuid, action)


@contextmanager
def lying(folder: Path, lie: Lie, heard: Heard, within_s: float) -> Iterator[int]:
    """The port of an endpoint that lies beside the one whose files are in `folder`, while the block runs.

    Where firewalld runs, it lets guests in for `within_s` and then shuts by itself. ConfigError: there is no endpoint.
    """
    files = PowerFiles(folder)
    config = files.read_config()
    if config is None:
        raise ConfigError("The lab has no fencing endpoint that could lie", f"There is no {files.config}.")
    power = LyingPower(config.uri, Machines(files), lie, heard)
    door = RedfishDoor(files, config.address, 0, power)
    with ExitStack() as stack:
        stack.callback(door.stop)
        threading.Thread(target=door.serve, name="lying endpoint", daemon=True).start()
        _let_in(config, door.port, within_s)
        yield door.port


def _let_in(config: PowerConfig, port: int, within_s: float) -> None:
    spot = Spot("tcp", config.address, port, port)
    if power_port.is_open(spot) is False:
        power_port.open_for(spot, within_s)
