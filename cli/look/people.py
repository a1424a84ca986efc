"""What a person does with a machine of the lab: a shell, its console log, the site in a browser."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from halab.cli.lab.state import StateUnusable
from halab.cli.look.deployed import Deployed, KnownMachine, NothingDeployed, deployed
from halab.cli.look.place import place
from halab.constructs.settings import SettingsError
from halab.provisioners.engine.errors import HalabError

if TYPE_CHECKING:
    from halab.provider.hypervisor.connection import Connection

_FOLLOW_S = 0.5


class NoSuchMachine(Exception):
    """The lab has no machine of that name; the text lists those that it has."""


_ERRORS = (SettingsError, StateUnusable, NothingDeployed, NoSuchMachine, HalabError)


def ssh(node: str, arguments: Sequence[str]) -> int:
    """Becomes ssh(1) with the lab's configuration; its exit code is ssh's (255: no connection). 1: no such machine."""
    try:
        where = place()
        machine = named(deployed(where.state), node)
    except _ERRORS as error:
        return _refused(error)
    # ssh(1) takes options behind the name, too; from the command's first word on it passes everything.
    return _become(["ssh", "-F", str(where.ssh_config), machine.name, *arguments])


def _become(argv: list[str]) -> NoReturn:
    os.execvp(argv[0], argv)


def serial(node: str, follow: bool) -> int:
    """Prints the machine's console log, which libvirt reads for whoever may talk to it. 1: it cannot be read."""
    from halab.provider.hypervisor.connection import Connection

    try:
        where = place()
        machine = named(deployed(where.state), node)
        _print_log(Connection(where.uri), machine, follow)
    except _ERRORS as error:
        return _refused(error)
    except KeyboardInterrupt:
        return 0
    return 0


def _print_log(connection: Connection, machine: KnownMachine, follow: bool) -> None:
    from halab.provider.hypervisor.connection import doing
    from halab.provider.hypervisor.machine.console import Console

    log = Console(connection, machine.console_log)
    with doing(f"read the console log of {machine.name}"):
        if not log.exists():
            raise NoSuchMachine(f"{machine.name} has no console log: libvirt knows no {machine.console_log}")
        while True:
            sys.stdout.buffer.write(log.news())
            sys.stdout.buffer.flush()
            if not follow:
                return
            time.sleep(_FOLLOW_S)


def open_site() -> int:
    """Opens the site in the desktop's browser where there is one, and prints its address. 1: the lab has no site."""
    try:
        url = deployed(place().state).site_url
    except _ERRORS as error:
        return _refused(error)
    if not url:
        print("error: the lab has no site yet: no deploy has come to its end", file=sys.stderr)
        return 1
    print(url)
    desktop = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if not desktop or shutil.which("xdg-open") is None:
        return 0
    return subprocess.run(["xdg-open", url], check=False).returncode


def named(lab: Deployed, name: str) -> KnownMachine:
    """The machine of that name. NoSuchMachine."""
    if (machine := lab.machine(name)) is None:
        raise NoSuchMachine(f"the lab has no machine {name!r}; it has {', '.join(lab.names)}")
    return machine


def _refused(error: Exception) -> int:
    text = f"{error.summary}. {error.detail}" if isinstance(error, HalabError) else str(error)
    print(f"error: {text}", file=sys.stderr)
    return 1
