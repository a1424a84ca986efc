"""HTTPS for the Redfish door: cheroot on one address, with the handshake where it holds nobody up."""

from __future__ import annotations

import logging
import socket
import ssl

from cheroot.server import HTTPConnection
from cheroot.ssl import Adapter
from cheroot.ssl.builtin import BuiltinSSLAdapter
from cheroot.wsgi import Server

from halab.provider.fencing.doors.door import freely_bound
from halab.provider.fencing.doors.power import Power
from halab.provider.fencing.doors.redfish import Redfish
from halab.provider.fencing.power_files import PowerFiles
from halab.provisioners.engine.command import Secret

log = logging.getLogger("halab.power")

IDLE_TIMEOUT_S = 10  # also of a TLS handshake
THREADS = 16  # each silent peer holds one for IDLE_TIMEOUT_S
MAX_REQUEST_BYTES = 64 * 1024


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
            except (ssl.SSLEOFError, ConnectionResetError):  # who only looks whether somebody listens
                return False
            except OSError as error:  # ssl.SSLError and time-outs are OSErrors too
                log.warning("no TLS with %s: %s", self.remote_addr, error)
                return False
            self._shaken = True
        return bool(super().communicate())  # type: ignore[no-untyped-call]


class _Server(Server):
    ConnectionClass = Connection

    @staticmethod
    def bind_socket(socket_: socket.socket, bind_addr: tuple[str, int]) -> socket.socket:
        return freely_bound(socket_, bind_addr)

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        log.log(level, "%s", msg, exc_info=traceback)


class RedfishDoor:
    """The Redfish door: listens from the moment it is made."""

    name = "redfish"

    def __init__(self, files: PowerFiles, address: str, port: int, power: Power) -> None:
        self._server = _Server(
            (address, port),
            Redfish(power, lambda user, password: files.accepts(user, Secret(password))),
            numthreads=THREADS,
            max=THREADS,
            timeout=IDLE_TIMEOUT_S,
            request_queue_size=64,
            server_name="halab",
        )
        self._server.max_request_body_size = self._server.max_request_header_size = MAX_REQUEST_BYTES
        self._server.ssl_adapter = TlsAdapter(str(files.certificate), str(files.private_key))
        self._server.prepare()

    @property
    def port(self) -> int:
        """On which it listens: a free one where it was made with 0."""
        return int(self._server.bind_addr[1])

    def serve(self) -> None:
        """Until it fails, or is stopped."""
        self._server.serve()

    def stop(self) -> None:
        """End it, what it answers just now too."""
        self._server.stop()
