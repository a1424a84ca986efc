"""The little of Redfish that fence_redfish needs, as one WSGI application.

GET  /redfish/v1                  service root (the only one without authentication, DSP0266)
GET  /redfish/v1/Systems          this lab's machines
GET  /redfish/v1/Systems/UUID     PowerState, and where to reset
POST /redfish/v1/Systems/UUID/Actions/ComputerSystem.Reset   {"ResetType": …}
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import re
import time
from collections.abc import Callable, Iterable
from typing import Any

from halab.provider.fencing.doors.power import Action, Power, PowerFailed

log = logging.getLogger("halab.power")

Body = dict[str, Any] | None
_SYSTEM = re.compile(r"/redfish/v1/Systems/([^/]+)/?")
_RESET = re.compile(r"/redfish/v1/Systems/([^/]+)/Actions/ComputerSystem\.Reset/?")
_MAX_BODY_BYTES = 4096
_RESETS: dict[str, Action] = {
    "On": "on",
    "ForceOn": "on",
    "ForceOff": "off",
    "ForceRestart": "cycle",
    "GracefulShutdown": "shutdown",
    "GracefulRestart": "reboot",
    "Nmi": "nmi",
}


class _Refused(Exception):
    """What ends a request early: a status line, and what its body says."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


class Redfish:
    """The application. `accepts` says whether a user and a password are right."""

    def __init__(self, power: Power, accepts: Callable[[str, str], bool]) -> None:
        self._power, self._accepts = power, accepts

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        began, peer = time.monotonic(), environ.get("REMOTE_ADDR")
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        status, body = self._answered(method, path, environ)
        if method == "POST" or not status.startswith("2"):
            log.info("%s %r from %s: %s after %.2f s", method, path, peer, status, time.monotonic() - began)
        raw = b"" if body is None else json.dumps(body).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(raw))), ("OData-Version", "4.0")]
        if status.startswith("401"):
            if environ.get("HTTP_AUTHORIZATION"):
                log.warning("redfish: %s: wrong password", peer)
            headers.append(("WWW-Authenticate", 'Basic realm="halab"'))
        start_response(status, headers)
        return [] if method == "HEAD" else [raw]

    def _answered(self, method: str, path: str, environ: dict[str, Any]) -> tuple[str, Body]:
        try:
            body = self._answer("GET" if method == "HEAD" else method, path, environ)
            return ("204 No Content" if body is None else "200 OK"), body
        except _Refused as refused:
            status, message = refused.status, str(refused)
        except PowerFailed as failed:
            status, message = "500 Internal Server Error", str(failed)
        return status, {"error": {"code": "Base.1.0.GeneralError", "message": message}}

    def _answer(self, method: str, path: str, environ: dict[str, Any]) -> Body:
        if method == "GET" and path.rstrip("/") in ("/redfish", "/redfish/v1"):
            systems = {"@odata.id": "/redfish/v1/Systems"}
            return {"@odata.id": "/redfish/v1", "Id": "RootService", "RedfishVersion": "1.5.0", "Systems": systems}
        self._authenticate(environ.get("HTTP_AUTHORIZATION", ""))
        if method == "GET" and path.rstrip("/") == "/redfish/v1/Systems":
            members = [{"@odata.id": f"/redfish/v1/Systems/{uuid}"} for uuid in self._power.machines.uuids()]
            return {"@odata.id": "/redfish/v1/Systems", "Members": members, "Members@odata.count": len(members)}
        if method == "GET" and (match := _SYSTEM.fullmatch(path)):
            return self._system(self._allowed(match[1]))
        if method == "POST" and (match := _RESET.fullmatch(path)):
            self._power.switch(self._allowed(match[1]), _reset_type(environ))
            return None
        raise _Refused("404 Not Found", "Not found")

    def _authenticate(self, header: str) -> None:
        kind, _, token = header.partition(" ")
        try:
            user, _, password = base64.b64decode(token, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):  # ValueError: not UTF-8, not ASCII
            kind = user = password = ""
        if kind.lower() != "basic" or not self._accepts(user, password):
            raise _Refused("401 Unauthorized", "Wrong user name or password")

    def _allowed(self, uuid: str) -> str:
        if uuid not in self._power.machines:  # domains of other labs are not there
            raise _Refused("404 Not Found", "Not found")
        return uuid

    def _system(self, uuid: str) -> dict[str, Any]:
        uri = f"/redfish/v1/Systems/{uuid}"
        reset = {"target": f"{uri}/Actions/ComputerSystem.Reset", "ResetType@Redfish.AllowableValues": list(_RESETS)}
        return {
            "@odata.id": uri,
            "@odata.type": "#ComputerSystem.v1_1_0.ComputerSystem",
            "Id": uuid,
            "UUID": uuid,
            "Name": self._power.name(uuid),
            "PowerState": "On" if self._power.is_on(uuid) else "Off",
            "Actions": {"#ComputerSystem.Reset": reset},
        }


def _reset_type(environ: dict[str, Any]) -> Action:
    """What the request's body asks for."""
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > _MAX_BODY_BYTES:
        raise _Refused("413 Content Too Large", "Too large")
    try:
        return _RESETS[json.loads(environ["wsgi.input"].read(int(length)))["ResetType"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _Refused("400 Bad Request", f"ResetType is not one of {', '.join(_RESETS)}") from None
