"""The daemon of a fencing endpoint: `python -m halab.provider.fencing.power_server CONFIG`.

It serves HTTPS on one address until SIGTERM. Everything it needs stands in files beside CONFIG (see power_files):
nothing secret is in its arguments or environment.
"""

from __future__ import annotations

import logging
import logging.handlers
import signal
import socket
import ssl
import sys
from pathlib import Path
from typing import Any

from cheroot.server import HTTPConnection
from cheroot.ssl import Adapter
from cheroot.ssl.builtin import BuiltinSSLAdapter
from cheroot.wsgi import Server

from halab.provider.fencing.power import application
from halab.provider.fencing.power_files import PowerConfig, PowerFiles

log = logging.getLogger("halab.power")

IDLE_TIMEOUT_S = 10  # also of a TLS handshake
THREADS = 16  # each silent peer holds one for IDLE_TIMEOUT_S
MAX_REQUEST_BYTES = 64 * 1024
LOG_BYTES = 1024 * 1024


class TlsAdapter(BuiltinSSLAdapter):
    """TLS whose handshake is left to the worker thread.

    cheroot's own adapter shakes hands in the thread that accepts: one peer that connects and says nothing (a node that
    crashed just then) would block all fencing until the time-out.
    """

    def __init__(self, certificate: str, private_key: str) -> None:
        Adapter.__init__(self, certificate, private_key)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.load_cert_chain(certificate, private_key)

    def wrap(self, sock: socket.socket) -> tuple[ssl.SSLSocket, dict[str, str]]:
        wrapped = self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        return wrapped, {"wsgi.url_scheme": "https", "HTTPS": "on"}


class Connection(HTTPConnection):
    """A connection that shakes hands before its first request."""

    _shaken = False

    def communicate(self) -> bool:
        if not self._shaken:
            try:
                self.socket.do_handshake()
            except OSError as error:  # ssl.SSLError and time-outs are OSErrors too
                log.warning("no TLS with %s: %s", self.remote_addr, error)
                return False
            self._shaken = True
        return bool(super().communicate())  # type: ignore[no-untyped-call]


class PowerServer(Server):
    """cheroot on one address, which may appear later than we do."""

    ConnectionClass = Connection

    @staticmethod
    def bind_socket(socket_: socket.socket, bind_addr: tuple[str, int]) -> socket.socket:
        # The lab's bridge may be made after us (host start, network restarted): listen on its address all the same.
        socket_.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
        socket_.bind(bind_addr)
        return socket_

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        log.log(level, "%s", msg, exc_info=traceback)


_IP_FREEBIND = 15  # linux/in.h; the socket module has no name for it before Python 3.14


def server(files: PowerFiles, config: PowerConfig) -> PowerServer:
    """The server, not yet listening."""
    made = PowerServer(
        (config.address, config.port),
        application(files, config.uri),
        numthreads=THREADS,
        max=THREADS,
        timeout=IDLE_TIMEOUT_S,
        request_queue_size=64,
        server_name="halab",
    )
    made.max_request_body_size = made.max_request_header_size = MAX_REQUEST_BYTES
    made.ssl_adapter = TlsAdapter(str(files.certificate), str(files.private_key))
    return made


def _log_to(files: PowerFiles, config: PowerConfig) -> None:
    """To the journal through stderr under systemd, to a bounded file otherwise."""
    handler: logging.Handler = logging.StreamHandler()
    if config.supervision == "supervisor":
        handler = logging.handlers.RotatingFileHandler(files.log, maxBytes=LOG_BYTES, backupCount=1)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", handlers=[handler])


def _end(*_: Any) -> None:
    raise SystemExit(0)


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
        made = server(files, config)
        log.info("serving %d machines of lab %s at https://%s:%d", len(config.machines), config.lab, *made.bind_addr)
        made.safe_start()
    except Exception:
        log.exception("the fencing endpoint ends")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
