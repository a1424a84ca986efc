"""What every request has to be before anything looks into it: to this host, from this page, and small JSON."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BYTES = 64 * 1024
_READS = ("GET", "HEAD")
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}


class Guard:
    """Refuses what another site, or another name for this host, sends; adds the headers that bind the browser."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)  # a drill's report has a policy of its own
            await send(message)

        why = refusal(scope["method"], scope["path"], Headers(scope=scope), self._hosts)
        answer = self._app if why is None else JSONResponse({"error": why}, status_code=403)
        await answer(scope, receive, guarded)


def refusal(method: str, path: str, headers: Mapping[str, str], hosts: frozenset[str]) -> str | None:
    """Why a request is not listened to; None for one that is."""
    host, origin, site = (headers.get(key, "") for key in ("host", "origin", "sec-fetch-site"))
    if host not in hosts:
        return "this console does not go by that name"
    if origin and origin != f"http://{host}":
        return "the request comes from another site"
    if method in _READS:
        # Another site may lead here by a link, to the page alone; nothing of the lab goes to it.
        strange = path.startswith("/api/") and site not in ("", "same-origin")
        return "the request comes from another site" if strange else None
    if method != "POST":
        return "only GET and POST are known here"
    if not origin or site not in ("", "same-origin"):
        return "the request does not come from this page"
    if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return "only JSON is read here"
    length = headers.get("content-length", "")
    if not length.isascii() or not length.isdigit() or int(length) > LARGEST_BYTES:
        return "the length of the request is missing, or too large"
    return None
