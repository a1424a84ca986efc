"""`halab console`: serves the lab's page on this host until Ctrl-C, and prints the link that opens it."""

from __future__ import annotations

import contextlib
import socket
import sys
from pathlib import Path

import uvicorn

from halab.cli.console.access import Access
from halab.cli.console.contract import Role
from halab.cli.console.doing import Doing
from halab.cli.console.server import Console
from halab.cli.console.watching import Watch
from halab.cli.lab.state import StateUnusable, instances
from halab.cli.look.deployed import NothingDeployed, deployed
from halab.cli.look.place import place
from halab.constructs.settings import SettingsError

_LOOPBACK = "127.0.0.1"
_SECRET = "hacluster-password"
_GRACE_S = 1  # open streams do not keep it


def main(port: int = 0, watch_only: bool = False) -> int:
    """0: ended by Ctrl-C; 1: there is no lab, or the port is taken. `port` 0: a free one."""
    try:
        where = place()
        deployed(where.state)
        listening = _listen(port)
    except (SettingsError, NothingDeployed, StateUnusable) as error:
        return _refused(str(error))
    except OSError as error:
        return _refused(f"port {port} of {_LOOPBACK} cannot be used ({error.strerror}); --port takes another")
    role: Role = "watch" if watch_only else "drill"
    person: Role = "watch" if watch_only else "operate"
    access, number = Access(password=lambda: password(where.state), role=person), listening.getsockname()[1]
    watch = Watch(where)
    console = Console(where, Doing(where, watch), access, number)
    link = f"http://{_LOOPBACK}:{number}/#{access.link(role)}"
    print(f"The console of {where.lab}, for this host alone. The link opens it once, within ten minutes:", flush=True)
    print(f"\n  {link}\n\nWho knows hacluster's password logs in without it. Ctrl-C ends it.", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        Server(console).run(sockets=[listening])
    return 0


class Server(uvicorn.Server):
    """Serves a console; its end ends the streams of open pages, too."""

    def __init__(self, console: Console) -> None:
        self._console = console
        super().__init__(
            uvicorn.Config(
                console.app, log_level="warning", access_log=False, server_header=False,
                timeout_graceful_shutdown=_GRACE_S,
            )
        )  # fmt: skip

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does it."""
        self._console.end()
        await super().shutdown(sockets)


def password(state: Path) -> str | None:
    """hacluster's, as the lab's state has it. StateUnusable."""
    found = (one.attributes for one in instances(state) if one.type == "halab_secret")
    return next((one["value"] for one in found if one["name"] == _SECRET), None)


def _listen(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((_LOOPBACK, port))
    return listening


def _refused(why: str) -> int:
    print(f"error: {why}", file=sys.stderr)
    return 1
