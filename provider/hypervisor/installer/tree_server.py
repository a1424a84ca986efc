"""Serves an installation tree that is a directory on this host to the installer's machine, over HTTP, meanwhile."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from halab.provider.hypervisor.connection import Connection
from halab.provider.hypervisor.network.network_xml import gateway, parse_network
from halab.provisioners.engine.errors import ConfigError, Conflict

log = logging.getLogger(__name__)

_A_TRY = re.compile(r"/+dists/[a-z]+/Release")
"""Debian's installer looks whether an archive has other releases, too."""


@dataclass(frozen=True, slots=True)
class Served:
    """`address`: where the network's machines find the directory; empty: nothing is served.

    `lacked`: the paths that were asked for and are not there, each once, in order.
    """

    address: str = ""
    lacked: dict[str, None] = field(default_factory=dict)


@contextmanager
def served(connection: Connection, network: str, directory: Path | None) -> Iterator[Served]:
    """`directory`, if there is one, for the network's machines.

    It listens on the network's own address on this host only, which nobody outside can reach.
    """
    if directory is None:
        yield Served()
        return
    address = own_address(connection, network)
    try:
        lacked: dict[str, None] = {}
        server = ThreadingHTTPServer((address, 0), partial(_Handler, directory=str(directory), lacked=lacked))
    except OSError as error:
        raise ConfigError(
            f"the tree {directory} cannot be served at {address}",
            f"{error.strerror}. Give an ISO file or a URL.",
            "tree",
        ) from error
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Served(f"http://{address}:{server.server_port}", lacked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def own_address(connection: Connection, name: str) -> str:
    """This host's own address in a network. Raises Conflict if the network does not run."""
    network = connection.network(name)
    if network is None or not network.isActive():
        raise Conflict(f"the network {name!r} does not run", "Make it with halab_network, and refer to it.", "network")
    spec, _mark = parse_network(network.XMLDesc())
    return gateway(spec.cidr)


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, *args: Any, lacked: dict[str, None], directory: str) -> None:
        self._lacked = lacked
        super().__init__(*args, directory=directory)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        if code == HTTPStatus.NOT_FOUND and not _A_TRY.fullmatch(self.path):
            self._lacked[self.path] = None
        super().send_error(code, message, explain)

    def log_message(self, format: str, *args: Any) -> None:
        """To Terraform's log."""
        log.debug(format, *args)
