"""The Redfish application between HTTPS and the power back end, at libvirt's own test driver."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import libvirt
import pytest

from halab.provider.fencing.doors.power import Power
from halab.provider.fencing.doors.redfish import Redfish
from halab.provider.fencing.power_files import PowerFiles
from halab.provisioners.engine.command import Secret
from tests.unit.provider.fencing.doors.conftest import FOREIGN, GONE, OURS, PASSWORD, RUNNING, SHUT_OFF, USER, Allow


class Client:
    """Requests straight into the WSGI application."""

    def __init__(self, files: PowerFiles, power: Power) -> None:
        self.app = Redfish(power, lambda user, password: files.accepts(user, Secret(password)))

    def __call__(self, method: str, path: str, body: bytes = b"", password: str = PASSWORD) -> tuple[int, bytes]:
        from io import BytesIO

        token = base64.b64encode(f"{USER}:{password}".encode()).decode()
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "8000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_AUTHORIZATION": f"Basic {token}",
            "wsgi.input": BytesIO(body),
            "wsgi.errors": BytesIO(),
            "wsgi.url_scheme": "https",
            "wsgi.version": (1, 0),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        seen: list[str] = []
        answer = b"".join(self.app(environ, lambda status, headers, *rest: seen.append(status)))
        return int(seen[0].split()[0]), answer


@pytest.fixture
def client(files: PowerFiles, power: Power) -> Client:
    return Client(files, power)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/redfish/v1", 200),
        ("GET", "/redfish/v1/", 200),
        ("GET", "/redfish/v1/Systems", 200),
        ("GET", f"/redfish/v1/Systems/{OURS}", 200),
        ("GET", f"/redfish/v1/Systems/{FOREIGN}", 404),
        ("GET", "/redfish/v1/Systems/node1", 404),
        ("PATCH", f"/redfish/v1/Systems/{OURS}", 404),
        ("DELETE", f"/redfish/v1/Systems/{OURS}", 404),
        ("GET", "/redfish/v1/Managers", 404),
        ("GET", f"/redfish/v1/Managers/{FOREIGN}", 404),
        ("POST", f"/redfish/v1/Managers/{OURS}/VirtualMedia/Cd/Actions/VirtualMedia.InsertMedia", 404),
        ("PUT", f"/redfish/v1/Systems/{OURS}/Actions/ComputerSystem.Reset", 404),
        ("GET", f"/redfish/v1/Systems/{OURS}/../../Managers", 404),
        ("POST", "/redfish/v1/UpdateService/Actions/UpdateService.SimpleUpdate", 404),
    ],
)
@pytest.mark.usefixtures("domains")
def test_what_is_let_through(client: Client, method: str, path: str, status: int) -> None:
    assert client(method, path, b"{}")[0] == status


@pytest.mark.usefixtures("domains")
def test_without_the_password_nothing_is_told(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    for path in ("/redfish/v1/Systems", f"/redfish/v1/Systems/{OURS}", f"/redfish/v1/Systems/{FOREIGN}"):
        caplog.clear()
        assert client("GET", path, password="guessed-wrong")[0] == 401
        assert [one.levelname for one in caplog.records if "wrong password" in one.message] == ["WARNING"]
        assert "guessed" not in caplog.text


@pytest.mark.parametrize(
    ("before", "reset_type", "status", "after"),
    [
        (RUNNING, "ForceOff", 204, False),
        (SHUT_OFF, "ForceOff", 204, False),
        (RUNNING, "On", 204, True),
        (SHUT_OFF, "On", 204, True),
        (SHUT_OFF, "ForceOn", 204, True),
        (RUNNING, "ForceRestart", 204, True),
        (SHUT_OFF, "ForceRestart", 204, True),
        (RUNNING, "GracefulShutdown", 204, False),
        (SHUT_OFF, "GracefulShutdown", 204, False),
        (SHUT_OFF, "Nmi", 204, False),
        (RUNNING, "PushPowerButton", 400, True),
        (RUNNING, None, 400, True),
    ],
)
def test_power_actions(
    client: Client, domains: Callable[[str], Any], before: int, reset_type: str | None, status: int, after: bool
) -> None:
    if before == SHUT_OFF:
        domains(OURS).destroy()
    body = b'{"ResetType": "%s"}' % reset_type.encode() if reset_type else b"{}"
    assert client("POST", f"/redfish/v1/Systems/{OURS}/Actions/ComputerSystem.Reset", body)[0] == status
    assert bool(domains(OURS).isActive()) is after
    assert domains(FOREIGN).isActive()
    state = b'"PowerState": "On"' if after else b'"PowerState": "Off"'
    assert state in client("GET", f"/redfish/v1/Systems/{OURS}")[1]


@pytest.mark.usefixtures("domains")
def test_the_list_of_machines_is_read_again_when_it_changes(client: Client, allow: Allow) -> None:
    allow(FOREIGN)
    assert client("GET", f"/redfish/v1/Systems/{OURS}")[0] == 404
    assert client("GET", f"/redfish/v1/Systems/{FOREIGN}")[0] == 200


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_text("{")])
@pytest.mark.usefixtures("domains")
def test_a_list_that_cannot_be_read_allows_nothing(
    client: Client, files: PowerFiles, damage: Callable[[Path], Any]
) -> None:
    assert client("GET", f"/redfish/v1/Systems/{OURS}")[0] == 200
    damage(files.config)
    os.utime(files.directory)
    assert client("GET", f"/redfish/v1/Systems/{OURS}")[0] == 404


@pytest.mark.usefixtures("domains")
def test_a_machine_that_is_gone_is_off_and_stays_so(client: Client) -> None:
    """fence_redfish asks for the state, sees it off, cannot switch it on: the node counts as fenced."""
    path = f"/redfish/v1/Systems/{GONE}"
    for reset_type in (b"ForceOff", b"On"):
        body = b'{"ResetType": "%s"}' % reset_type
        assert client("POST", f"{path}/Actions/ComputerSystem.Reset", body)[0] == 204
        status, answer = client("GET", path)
        assert (status, b'"PowerState": "Off"' in answer) == (200, True)


def test_a_hypervisor_that_does_not_answer_is_not_a_missing_machine(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: str) -> Any:
        raise libvirt.libvirtError("Failed to connect socket to '/run/libvirt/libvirt-sock'")

    monkeypatch.setattr(libvirt, "open", refuse)
    status, answer = client("GET", f"/redfish/v1/Systems/{OURS}")
    assert status == 500
    assert b"Failed to connect socket" in answer
