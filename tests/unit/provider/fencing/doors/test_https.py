"""The Redfish door over real TLS on loopback: who is slow, who hangs up, who comes in crowds, who does not know."""

from __future__ import annotations

import base64
import contextlib
import logging
import random
import socket
import ssl
import threading
import time
from collections.abc import Iterator

import pytest
import requests

from halab.provider.fencing.certificates import issue
from halab.provider.fencing.doors import https
from halab.provider.fencing.doors.https import RedfishDoor
from halab.provider.fencing.doors.machines import Machines
from halab.provider.fencing.doors.power import Power
from halab.provider.fencing.doors.redfish import Redfish
from halab.provider.fencing.doors.tcp import SEATS_PER_PEER
from halab.provider.fencing.power_files import PowerFiles
from halab.provisioners.engine.command import Secret
from tests.unit.provider.fencing.doors.conftest import OURS, PASSWORD, USER, Allow, Domains
from tests.unit.provider.fencing.doors.test_dialogues import Recording

ADDRESS = "127.0.0.1"
REQUEST_S = 3.0  # a busy host takes a second for a handshake
SYSTEMS = "/redfish/v1/Systems"
RESET = f"{SYSTEMS}/{OURS}/Actions/ComputerSystem.Reset"


@pytest.fixture
def door(files: PowerFiles, power: Power, domains: Domains, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedfishDoor]:
    monkeypatch.setattr(https, "REQUEST_S", REQUEST_S)
    monkeypatch.setattr(https, "PAUSE_S", 0.3)
    issued = issue("summit", ADDRESS)
    files.write(files.private_key, Secret(issued.private_key))
    files.write(files.certificate, issued.certificate)
    files.write(files.authority, issued.authority)
    made = RedfishDoor(files, ADDRESS, 0, power)
    thread = threading.Thread(target=made.serve, daemon=True)
    thread.start()
    yield made
    made.stop()
    thread.join(5)
    assert not thread.is_alive()


def plain(door: RedfishDoor) -> socket.socket:
    return socket.create_connection((ADDRESS, door.port), timeout=20)


def tls(door: RedfishDoor) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(plain(door))


def hung_up(connection: socket.socket) -> None:
    """Returns when the door has ended a connection."""
    with contextlib.suppress(OSError):  # what we had said was not read to its end; how TLS tells that differs
        while connection.recv(1024):
            pass


def slowly(connection: socket.socket, said: bytes) -> None:
    """A byte now and then, until the door hangs up: each pause is far shorter than any time limit for one read."""
    with contextlib.suppress(OSError):
        connection.sendall(said)
        for _ in range(400):
            connection.sendall(b"x")
            time.sleep(0.05)


def get(door: RedfishDoor, files: PowerFiles, path: str = SYSTEMS, password: str = PASSWORD) -> requests.Response:
    url = f"https://{ADDRESS}:{door.port}{path}"
    return requests.get(url, auth=(USER, password), verify=str(files.authority), timeout=10)


def test_an_answer_ends_its_connection(door: RedfishDoor, files: PowerFiles) -> None:
    answer = get(door, files, f"{SYSTEMS}/{OURS}")
    assert (answer.status_code, answer.json()["PowerState"]) == (200, "On")
    assert answer.headers["Connection"] == "close"


def test_the_word_that_a_password_is_wrong_comes_late(door: RedfishDoor, files: PowerFiles) -> None:
    began = time.monotonic()
    assert get(door, files, password="another-password").status_code == 401
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize(("said", "warned"), [(b"", False), (b"GET / HTTP/1.0\r\n\r\n", True)])
def test_who_only_looks_is_no_warning(
    door: RedfishDoor, said: bytes, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), plain(door) as connection:
        connection.sendall(said)
        if not said:
            connection.shutdown(socket.SHUT_WR)
        hung_up(connection)
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert ["no TLS with 127.0.0.1" in message for message in told] == [True] * warned


@pytest.mark.parametrize("greets", [True, False])
def test_who_sends_a_byte_now_and_then_has_no_more_time(door: RedfishDoor, greets: bool) -> None:
    """A time limit for each read would never end."""
    began = time.monotonic()
    with tls(door) if greets else plain(door) as connection:
        said = b"GET / HTTP/1.1\r\nX: " if greets else b"\x16\x03\x01\x02\x00"
        slowly(connection, said)
        assert REQUEST_S - 0.1 < time.monotonic() - began < 4 * REQUEST_S


def test_one_peer_has_its_seats_and_others_wait_for_none_of_them(
    door: RedfishDoor, files: PowerFiles, caplog: pytest.LogCaptureFixture
) -> None:
    silent = [plain(door) for _ in range(SEATS_PER_PEER + 20)]
    assert sum(one.recv(1) == b"" for one in silent[SEATS_PER_PEER:]) == 20, "hung up on at once"
    for one in silent[:SEATS_PER_PEER]:
        assert one.recv(1) == b"", "after its time"
        one.close()
    assert get(door, files).status_code == 200
    for one in silent:
        one.close()


def test_who_hangs_up_in_the_middle_is_a_line_in_the_log(
    door: RedfishDoor, files: PowerFiles, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        for said in (b"GET /red", b"POST / HTTP/1.1\r\nContent-Length: 900\r\n\r\n{", b"\0\xff\r\n\r\n"):
            with tls(door) as connection:
                connection.sendall(said)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
        assert get(door, files).status_code == 200
    assert [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR] == []


def fuzzed(power: Power, seed: int, requests_: int) -> int:
    """Throw random and mutated requests at the door's parser and its application; how many answers were a 2xx."""
    chance, well = random.Random(seed), 0
    server = https._Server((ADDRESS, 0), Redfish(power, lambda user, password: (user, password) == (USER, PASSWORD)))
    server.max_request_body_size = server.max_request_header_size = https.MAX_REQUEST_BYTES
    right = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    for _ in range(requests_):
        body = chance.choice((b"", b"{", b'{"ResetType": "Onward"}', b"[" * 2000, chance.randbytes(40)))
        verb, path = chance.choice(("GET", "POST", "HEAD", "PUT")), chance.choice((SYSTEMS, "/redfish/v1", RESET, "/"))
        lines = [f"{verb} {path} HTTP/1.1", "Host: x", f"Authorization: Basic {chance.choice((right, 'eA==', ''))}"]
        lines.append(
            chance.choice((f"Content-Length: {len(body)}", "Transfer-Encoding: chunked", "Content-Length: -1", ""))
        )
        data = bytearray("\r\n".join([*lines, "", ""]).encode() + body)
        for _ in range(chance.randrange(4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        well += _said(server, bytes(data)).split(b" ")[1:2] in ([b"200"], [b"204"])
    return well


def _said(server: https._Server, data: bytes) -> bytes:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):  # as the door takes it: the peer has hung up
            https.answer(server, ours, "peer")  # type: ignore[arg-type]  # without TLS
        return theirs.recv(1 << 16)


def test_nothing_that_is_thrown_at_it_raises_or_switches(
    files: PowerFiles, allow: Allow, caplog: pytest.LogCaptureFixture
) -> None:
    power = Recording(Machines(files))
    assert fuzzed(power, 1, 2000) > 20
    assert power.asked == []
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
