"""The daemon of a fencing endpoint: `python -m halab.provider.fencing.power_server CONFIG`.

It serves its doors on one address until SIGTERM, or until one of them ends. Everything it needs stands in files beside
CONFIG (see power_files): nothing secret is in its arguments or environment.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import libvirt

from halab.provider.fencing.doors import secrets
from halab.provider.fencing.doors.door import Door, serve_until_one_ends
from halab.provider.fencing.doors.https import RedfishDoor
from halab.provider.fencing.doors.machines import Machines
from halab.provider.fencing.doors.multicast import MulticastDoor, tcp_session
from halab.provider.fencing.doors.names import SSH_USERS
from halab.provider.fencing.doors.power import Power, PowerFailed
from halab.provider.fencing.doors.tcp import TcpDoor, telnet_session
from halab.provider.fencing.doors.udp import IpmiDoor
from halab.provider.fencing.doors.unfinished import Unfinished
from halab.provider.fencing.doors.virsh import Virsh
from halab.provider.fencing.doors.wti import Wti
from halab.provider.fencing.doors.xvm import Xvm
from halab.provider.fencing.power_files import PowerConfig, PowerFiles

log = logging.getLogger("halab.power")

LOG_BYTES = 1024 * 1024


def doors(files: PowerFiles, config: PowerConfig, power: Power | None = None) -> list[Door]:
    """All doors, listening, not yet served."""
    power = power or Power(config.uri, Machines(files))
    opened: list[Door] = [RedfishDoor(files, config.address, config.port, power)]
    for name, port in config.doors.items():
        opened += _DOORS[name](files, config.address, port, power)
    return opened


def _wti(files: PowerFiles, address: str, port: int, power: Power) -> list[Door]:
    password = secrets.read(files, "wti")
    return [TcpDoor("wti", address, port, lambda sock, peer: telnet_session(Wti(power, peer, password), sock))]


def _wti_ssh(files: PowerFiles, address: str, port: int, power: Power) -> list[Door]:
    from halab.provider.fencing.doors.ssh import SshSessions

    host_key, password = secrets.key(files, secrets.HOST_KEY), secrets.read(files, "wti")
    sessions = SshSessions(host_key, SSH_USERS["wti-ssh"], lambda peer: Wti(power, peer, None), password=password)
    return [TcpDoor("wti-ssh", address, port, sessions)]


def _virsh(files: PowerFiles, address: str, port: int, power: Power) -> list[Door]:
    from halab.provider.fencing.doors.ssh import SshSessions

    host_key, client_key = secrets.key(files, secrets.HOST_KEY), secrets.key(files, "virsh")
    sessions = SshSessions(host_key, SSH_USERS["virsh"], lambda peer: Virsh(power, peer), client_key=client_key)
    return [TcpDoor("virsh", address, port, sessions)]


def _ipmi(files: PowerFiles, address: str, port: int, power: Power) -> list[Door]:
    return [IpmiDoor(address, port, power, secrets.read(files, "ipmi"))]


def _xvm(files: PowerFiles, address: str, port: int, power: Power) -> list[Door]:
    xvm = Xvm(power, secrets.read(files, "xvm").encode())
    tcp = TcpDoor("xvm", address, port, lambda sock, peer: tcp_session(xvm, sock, peer))
    return [tcp, MulticastDoor(address, port, xvm)]


_DOORS: dict[str, Callable[[PowerFiles, str, int, Power], list[Door]]] = {
    "wti": _wti,
    "wti-ssh": _wti_ssh,
    "virsh": _virsh,
    "ipmi": _ipmi,
    "xvm": _xvm,
}


def _log_to(files: PowerFiles, config: PowerConfig) -> None:
    """To the journal through stderr under systemd, to a bounded file otherwise."""
    handler: logging.Handler = logging.StreamHandler()
    if config.supervision == "supervisor":
        handler = logging.handlers.RotatingFileHandler(files.log, maxBytes=LOG_BYTES, backupCount=1)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", handlers=[handler])
    libvirt.registerErrorHandler(lambda *_: None, None)  # it would write each to the log, without a time
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # it logs a traceback for each peer that speaks no SSH


def _get_to_know(power: Power) -> None:
    """Each machine is seen once, so that it counts as off when somebody removes it."""
    try:
        power.states()
    except PowerFailed as failed:  # libvirt is not there yet: who asks for a machine later sees it, too
        log.warning("%s", failed)


def _end(*_: Any) -> None:
    logging.shutdown()
    os._exit(0)


def _end_well(unfinished: Unfinished, *_: Any) -> None:
    unfinished.forget()
    _end()


def main(argv: list[str]) -> int:
    """Serve until SIGTERM. Exit code 2: the configuration is missing or wrong."""
    signal.signal(signal.SIGTERM, _end)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # the supervisor blocks signals, and we inherit that
    if len(argv) != 1:
        print("usage: python -m halab.provider.fencing.power_server CONFIG", file=sys.stderr)
        return 2
    files = PowerFiles(Path(argv[0]).parent)
    config = files.read_config()
    if config is None:
        print(f"no configuration at {files.config}", file=sys.stderr)
        return 2
    _log_to(files, config)
    try:
        unfinished = Unfinished(files)
        power = Power(config.uri, Machines(files), watch=unfinished.watch)
        opened = doors(files, config, power)
    except Exception:
        log.exception("the fencing endpoint ends")
        return 1
    signal.signal(signal.SIGTERM, partial(_end_well, unfinished))
    threading.Thread(target=unfinished.finish, args=(power,), daemon=True).start()
    threading.Thread(target=_get_to_know, args=(power,), daemon=True).start()
    names = ", ".join(door.name for door in opened)
    log.info("serving %d machines of lab %s at %s: %s", len(config.machines), config.lab, config.address, names)
    ended = serve_until_one_ends(opened)
    # The supervisor starts all of them again. The other doors' threads may be in the middle of something: no clean-up.
    log.critical("the fencing endpoint ends with its door %s", ended)
    logging.shutdown()
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
