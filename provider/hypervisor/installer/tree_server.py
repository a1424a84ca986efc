"""Serves an installation tree that is a directory on this host to the installer's machine, over HTTP, meanwhile."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from halab.provider.hypervisor.connection import Connection
from halab.provider.hypervisor.network.network_xml import gateway, parse_network
from halab.provisioners.engine.errors import ConfigError, Conflict

log = logging.getLogger(__name__)


@contextmanager
def served(connection: Connection, network: str, directory: Path | None) -> Iterator[str]:
    """The address at which the network's machines find `directory`; nothing is served (and it is empty) without one.

    It listens on the network's own address on this host only, which nobody outside can reach.
    """
    if directory is None:
        yield ""
        return
    address = _address(connection, network)
    try:
        server = ThreadingHTTPServer((address, 0), partial(_Handler, directory=str(directory)))
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
        yield f"http://{address}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _address(connection: Connection, name: str) -> str:
    network = connection.network(name)
    if network is None or not network.isActive():
        raise Conflict(f"the network {name!r} does not run", "Make it with halab_network, and refer to it.", "network")
    spec, _mark = parse_network(network.XMLDesc())
    return gateway(spec.cidr)


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """To Terraform's log."""
        log.debug(format, *args)
