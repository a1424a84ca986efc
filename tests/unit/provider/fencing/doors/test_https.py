"""Who comes to the Redfish door without TLS, over a real pair of sockets."""

from __future__ import annotations

import logging
import socket
import ssl
import threading

import pytest

from halab.provider.fencing.doors.https import Connection


def _communicates(said: bytes) -> bool:
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(said)
    connection = Connection.__new__(Connection)
    connection.socket = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).wrap_socket(
        ours, server_side=True, do_handshake_on_connect=False
    )
    connection.remote_addr = "192.0.2.1"
    with connection.socket:
        return connection.communicate()


@pytest.mark.parametrize(("said", "warned"), [(b"", False), (b"GET / HTTP/1.0\r\n\r\n", True)])
def test_who_only_looks_is_no_warning(said: bytes, warned: bool, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert not _communicates(said)
    here = threading.get_ident()  # doors of other tests still end in threads of their own, and say so
    said_here = [record.getMessage() for record in caplog.records if record.thread == here]
    assert ["no TLS with 192.0.2.1" in message for message in said_here] == [True] * warned
