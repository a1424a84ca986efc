"""HTTPS for the Redfish door: a seat for each connection, one request each, and a deadline for it as a whole."""

from __future__ import annotations

import logging
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from cheroot.server import HTTPConnection
from cheroot.wsgi import Server

from halab.provider.fencing.doors.power import Power
from halab.provider.fencing.doors.redfish import Redfish
from halab.provider.fencing.doors.tcp import PAUSE_S, TcpDoor
from halab.provider.fencing.power_files import PowerFiles
from halab.provisioners.engine.command import Secret

log = logging.getLogger("halab.power")

REQUEST_S, WRITE_S = 10.0, 10.0
"""Until a request has come, from its first byte of TLS on; and for each part of an answer."""
MAX_REQUEST_BYTES = 64 * 1024

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class _Tls(ssl.SSLSocket):
    """Reads until a moment (monotonic), however many bytes come before: one a second would hold a seat for hours."""

    until = 0.0

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        left_s = self.until - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("timed out")
        self.settimeout(left_s)
        return super().recv_into(buffer, nbytes, flags)

    def send(self, data: Any, flags: int = 0) -> int:
        self.settimeout(WRITE_S)
        return super().send(data, flags)


class _Server(Server):
    """What cheroot's connections want to know of their server. It serves nobody: the door does."""

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        if isinstance(error := sys.exc_info()[1], OSError):  # the peer hung up, and there may be many such
            log.debug("redfish: %s", error)
        else:
            log.log(level, "%s", msg, exc_info=traceback)


class RedfishDoor:
    """The Redfish door: listens from the moment it is made."""

    name = "redfish"

    def __init__(self, files: PowerFiles, address: str, port: int, power: Power) -> None:
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self._tls.sslsocket_class = _Tls
        self._tls.load_cert_chain(str(files.certificate), str(files.private_key))
        application = Redfish(power, lambda user, password: files.accepts(user, Secret(password)))
        self._server = _Server((address, port), patient(application), server_name="halab")
        self._server.max_request_body_size = self._server.max_request_header_size = MAX_REQUEST_BYTES
        self._door = TcpDoor(self.name, address, port, self._session)

    @property
    def port(self) -> int:
        """On which it listens: a free one where it was made with 0."""
        return self._door.port

    def serve(self) -> None:
        """Until it fails, or is stopped."""
        self._door.serve()

    def stop(self) -> None:
        """Let nobody in any more."""
        self._door.stop()

    def _session(self, plain: socket.socket, peer: str) -> None:
        plain.settimeout(REQUEST_S)
        until = time.monotonic() + REQUEST_S
        # The handshake later: it fails for reasons of its own.
        connection = self._tls.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        assert isinstance(connection, _Tls)
        with connection:
            connection.until = until
            if shaken(connection, peer):
                answer(self._server, connection, peer)


def shaken(connection: ssl.SSLSocket, peer: str) -> bool:
    """Whether there is TLS."""
    try:
        connection.do_handshake()
    except (ssl.SSLEOFError, ConnectionResetError):  # who only looks whether somebody listens
        return False
    except OSError as error:  # ssl.SSLError and time-outs are OSErrors too
        log.warning("no TLS with %s: %s", peer, error)
        return False
    return True


def answer(server: Server, connection: ssl.SSLSocket, peer: str) -> None:
    """One request, and its answer; which says that the connection ends, since the server does not keep any."""
    http = HTTPConnection(server, connection)
    http.remote_addr = peer
    http.communicate()  # type: ignore[no-untyped-call]
    http.close()


def patient(application: Application) -> Application:
    """The application, whose word that a password is wrong comes late."""

    def slowed(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]]) -> Any:
            if status.startswith("401"):
                time.sleep(PAUSE_S)  # who guesses is slowed; the seat is taken meanwhile
            return start_response(status, headers)

        return application(environ, start)

    return slowed
