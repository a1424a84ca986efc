"""The IPMI door: one UDP port a plug, a thread for each, and a worker that switches."""

from __future__ import annotations

import logging
import queue
import socket
import threading
import time
from typing import Final

from halab.provider.fencing.doors.door import freely_bound, is_neighbour
from halab.provider.fencing.doors.ipmi import Bmc
from halab.provider.fencing.doors.names import PLUGS
from halab.provider.fencing.doors.power import Action, Power, PowerFailed

log = logging.getLogger("halab.power")

STALE_S: Final = 20.0  # a command that waited longer is dropped: whoever gave it has given up
_WAITING = 8
_DATAGRAM_BYTES = 1024


class _Worker:
    """Switches one plug's machines, one command after the other."""

    def __init__(self, power: Power) -> None:
        self._power = power
        self._commands: queue.Queue[tuple[str, Action, float]] = queue.Queue(_WAITING)
        threading.Thread(target=self._work, daemon=True).start()

    def control(self, machine: str, action: Action) -> bool:
        """Take a command; whether there was room for it."""
        try:
            self._commands.put_nowait((machine, action, time.monotonic()))
        except queue.Full:
            return False
        return True

    def _work(self) -> None:
        while True:
            machine, action, given = self._commands.get()
            if time.monotonic() - given > STALE_S:
                log.error("ipmi: %s of %s waited too long, it is not carried out", action, machine)
                continue
            try:
                self._power.switch(machine, action)
            except PowerFailed as failed:  # the client sees it: the machine's state is not what it waits for
                log.error("ipmi: %s", failed)


class IpmiDoor:
    """BMCs at `port` + 1 and following, by plug. One without a machine says nothing."""

    name = "ipmi"

    def __init__(self, address: str, port: int, power: Power, password: str) -> None:
        self._address, self._power, self._password = address, power, password.encode()
        self._sockets = {plug: self._bound(address, port + plug) for plug in range(1, PLUGS + 1)}
        self._failed: queue.SimpleQueue[BaseException] = queue.SimpleQueue()

    def _bound(self, address: str, port: int) -> socket.socket:
        return freely_bound(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), (address, port), shared=False)

    def serve(self) -> None:
        """Until one of them fails."""
        for plug, bound in self._sockets.items():
            threading.Thread(target=self._serve, args=(plug, bound), daemon=True).start()
        raise self._failed.get()

    def _serve(self, plug: int, bound: socket.socket) -> None:
        worker = _Worker(self._power)
        bmc = Bmc(self._password, lambda: self._power.machines.at_plug(plug), self._power.is_on, worker.control)
        try:
            while True:
                data, (peer, port) = bound.recvfrom(_DATAGRAM_BYTES)
                answer = bmc.datagram(data, peer) if is_neighbour(peer, self._address) else None
                if answer is not None:
                    try:
                        bound.sendto(answer, (peer, port))
                    except OSError as error:  # the peer's way is gone, not ours
                        log.info("ipmi: %s: %s", peer, error)
        except BaseException as error:
            self._failed.put(error)
