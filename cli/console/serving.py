"""`halab console`: serves the lab's page on this host until Ctrl-C, and prints the link that opens it."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import uvicorn

from halab.cli.console.access import Access
from halab.cli.console.contract import Role
from halab.cli.console.doing import Doing
from halab.cli.console.server import Console
from halab.cli.console.watching import Watch
from halab.cli.lab.state import StateUnusable, instances
from halab.cli.look.deployed import NothingDeployed, deployed
from halab.cli.look.place import Place, place
from halab.constructs.settings import SettingsError

LOOPBACK = "127.0.0.1"
_SECRET = "hacluster-password"
_GRACE_S = 1  # open streams do not keep it


def main(port: int = 0, watch_only: bool = False) -> int:
    """0: ended by Ctrl-C; 1: there is no lab, or the port is taken. `port` 0: a free one."""
    try:
        where = place()
        deployed(where.state)
        taken = listening(port)
    except (SettingsError, NothingDeployed, StateUnusable) as error:
        return _refused(str(error))
    except OSError as error:
        return _refused(f"port {port} of {LOOPBACK} cannot be used ({error.strerror}); --port takes another")
    access, console = _console(where, taken, watch_only)
    link = f"http://{LOOPBACK}:{taken.getsockname()[1]}/#{access.link('watch' if watch_only else 'drill')}"
    print(f"The console of {where.lab}, for this host alone. The link opens it once, within ten minutes:", flush=True)
    print(f"\n  {link}\n\nWho knows hacluster's password logs in without it. Ctrl-C ends it.", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        Server(console).run(sockets=[taken])
    return 0


def served(where: Place, port: int, watch_only: bool, take: Callable[[bytes], Role | None]) -> None:
    """Until SIGTERM; `take` as in Access. OSError: the port."""
    taken = listening(port)
    Server(_console(where, taken, watch_only, take)[1]).run(sockets=[taken])


def _console(
    where: Place, taken: socket.socket, watch_only: bool, take: Callable[[bytes], Role | None] = lambda token: None
) -> tuple[Access, Console]:
    person: Role = "watch" if watch_only else "operate"
    access = Access(password=lambda: password(where.state), role=person, take=take)
    return access, Console(where, Doing(where, Watch(where)), access, taken.getsockname()[1])


class Server(uvicorn.Server):
    """Serves a console; its end ends the streams of open pages, too."""

    def __init__(self, console: Console) -> None:
        self._console = console
        super().__init__(
            uvicorn.Config(
                console.app, log_config=None, log_level="warning", access_log=False, server_header=False,
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


def listening(port: int) -> socket.socket:
    """Bound to the port; 0: to a free one. OSError."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((LOOPBACK, port))
        bound.listen()  # with SO_REUSEADDR it is this call that meets another listener
    except OSError:
        bound.close()
        raise
    return bound


def _refused(why: str) -> int:
    print(f"error: {why}", file=sys.stderr)
    return 1
