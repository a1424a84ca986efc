"""The console's pages, its stream of news, and its actions, as one ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from halab.cli.console import audit
from halab.cli.console.access import LONGEST_S, Access, TooMany
from halab.cli.console.answering import answered, body, denied, json_of
from halab.cli.console.checking import wish_of
from halab.cli.console.contract import Role, Session
from halab.cli.console.doing import Doing, as_json
from halab.cli.console.guard import Guard
from halab.cli.console.jobs import Jobs
from halab.cli.console.streams import HeldStream, Places, TooManyStreams
from halab.cli.console.working import Working
from halab.cli.lab.state import StateUnusable
from halab.cli.look.place import Place

PAGE = Path(__file__).parent / "page"
_FILES = {
    "/": ("index.html", "text/html"),
    "/app.js": ("app.js", "text/javascript"),
    "/view.js": ("view.js", "text/javascript"),
    "/dialog.js": ("dialog.js", "text/javascript"),
    "/creating.js": ("creating.js", "text/javascript"),
    "/fencing.js": ("fencing.js", "text/javascript"),
    "/constraints.js": ("constraints.js", "text/javascript"),
    "/work.js": ("work.js", "text/javascript"),
    "/history.js": ("history.js", "text/javascript"),
    "/parts.js": ("parts.js", "text/javascript"),
    "/forms.js": ("forms.js", "text/javascript"),
    "/properties.js": ("properties.js", "text/javascript"),
    "/style.css": ("style.css", "text/css"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
_WRONG = {
    "link": "This link was used already, or is too old. `halab console` prints a new one.",
    "hacluster": "The user or the password is wrong.",
}
_TOGETHER_S = 0.15  # from one to the next: news that come at once are sent as one
_HEARTBEAT_S = 10.0
PAGES_EACH, PAGES_TOGETHER = 4, 16
"""Pages that may be open at once: of one session, and in all. A browser opens six connections to a host, and with all
of them held by pages it would not even be told why the next one stays empty."""


class Console:
    """The console of one lab, at one port of this host."""

    def __init__(self, place: Place, doing: Doing, access: Access, port: int, jobs: Jobs | None = None) -> None:
        self._place, self._doing, self._access, self._port = place, doing, access, port
        self._working = Working(place, self._role, self._session_of, jobs)
        self._streams: set[asyncio.Event] = set()
        self._pages = Places(PAGES_EACH, PAGES_TOGETHER, "pages")
        self._over = False

    def end(self) -> None:
        """Ends all streams; called in the server's own loop."""
        self._over = True
        self._working.end()
        for news in self._streams:
            news.set()

    @property
    def app(self) -> ASGIApp:
        routes = [Route(path, partial(self._file, name, kind)) for path, (name, kind) in _FILES.items()]
        routes += [
            Route("/api/session", self._session),
            Route("/api/events", self._events),
            Route("/api/properties", partial(self._told, lambda _: self._doing.properties())),
            Route("/api/agents", partial(self._told, lambda _: self._doing.agents())),
            Route("/api/agent", partial(self._told, lambda asked: self._doing.agent(_name(asked)))),
            Route("/api/fence-agents", partial(self._told, lambda _: self._doing.fence_agents())),
            Route("/api/fence-agent", partial(self._told, lambda asked: self._doing.fence_agent(_name(asked)))),
            Route("/api/device", partial(self._told, lambda asked: self._doing.device(_name(asked)))),
            Route("/api/levels", partial(self._told, lambda _: self._doing.levels())),
            Route("/api/constraints", partial(self._told, lambda _: self._doing.rules())),
            Route("/api/history", partial(self._told, lambda asked: self._doing.history("look" in asked.query_params))),
            Route("/api/try", partial(self._operate, self._try), methods=["POST"]),
            Route("/api/login", self._log_in, methods=["POST"]),
            Route("/api/logout", self._log_out, methods=["POST"]),
            Route("/api/preview", partial(self._operate, self._preview), methods=["POST"]),
            Route("/api/act", partial(self._operate, self._act), methods=["POST"]),
        ]
        routes += self._working.routes()
        hosts = frozenset(f"{name}:{self._port}" for name in ("127.0.0.1", "localhost"))
        return Guard(Starlette(routes=routes), hosts)

    async def _file(self, name: str, kind: str, _: Request) -> Response:
        return FileResponse(PAGE / name, media_type=kind)

    @property
    def _cookie(self) -> str:
        return f"halab-console-{self._port}"  # a browser sends cookies to all ports of a host

    def _role(self, request: Request) -> Role | None:
        return self._access.role(self._session_of(request))

    def _session_of(self, request: Request) -> str:
        return request.cookies.get(self._cookie, "")

    async def _session(self, request: Request) -> Response:
        if (role := self._role(request)) is None:
            return denied(401, "You are not logged in. `halab console` prints a link.")
        return json_of(Session(self._place.lab, role))

    async def _log_in(self, request: Request) -> Response:
        given = await body(request)
        by, named = ("hacluster", "password") if isinstance(given, dict) and "user" in given else ("link", "token")
        words = [given.get(key) if isinstance(given, dict) else None for key in ("user", named)]
        try:
            cookie = await run_in_threadpool(self._cookie_for, by, words)
        except TooMany as error:
            await run_in_threadpool(audit.note, self._place.console_audit, "log-in slowed down", by=by)
            response = denied(429, f"{error}.")
            response.headers["retry-after"] = str(int(error.wait_s) + 1)
            return response
        except StateUnusable as error:
            return denied(502, str(error))
        event = "log-in" if cookie else "log-in refused"
        await run_in_threadpool(audit.note, self._place.console_audit, event, by=by)
        if cookie is None:
            return denied(401, _WRONG[by])
        role = self._access.role(cookie)
        assert role is not None
        response = json_of(Session(self._place.lab, role))
        response.set_cookie(self._cookie, cookie, max_age=int(LONGEST_S), httponly=True, samesite="strict", path="/")
        return response

    def _cookie_for(self, by: str, words: list[Any]) -> str | None:
        """TooMany, StateUnusable."""
        if by == "link":
            return self._access.log_in(token) if isinstance(token := words[-1], str) else None
        user, password = words
        right = isinstance(user, str) and isinstance(password, str)
        return self._access.log_in_as(str(user), str(password)) if right else None

    async def _log_out(self, request: Request) -> Response:
        self._access.log_out(self._session_of(request))
        response = JSONResponse({})
        response.delete_cookie(self._cookie, path="/", httponly=True, samesite="strict")
        return response

    async def _events(self, request: Request) -> Response:
        if self._role(request) is None:
            return denied(401, "You are not logged in.")
        with ExitStack() as held:
            try:
                held.enter_context(self._pages.one(self._session_of(request)))
            except TooManyStreams as error:
                return denied(error.status, str(error))
            return HeldStream(self._news(request), held.pop_all())

    async def _news(self, request: Request) -> AsyncIterator[str]:
        """The overview, and again after each change, as long as the session lives."""
        loop, news = asyncio.get_running_loop(), asyncio.Event()
        self._streams.add(news)
        try:
            with self._doing.watch.listening(lambda: _tell(loop, news)):
                while self._role(request) is not None and not self._over:
                    news.clear()
                    began = loop.time()
                    overview = await run_in_threadpool(self._doing.watch.overview)
                    yield f"data: {as_json(overview)}\n\n"
                    await _either(news, _HEARTBEAT_S)
                    if not self._over:  # what comes after a silence is sent at once
                        await asyncio.sleep(began + _TOGETHER_S - loop.time())
                yield "event: ended\ndata: {}\n\n"
        finally:
            self._streams.discard(news)

    async def _told(self, ask: Callable[[Request], object], request: Request) -> Response:
        """For all who may look."""
        if self._role(request) is None:
            return denied(401, "You are not logged in.")
        return await answered(run_in_threadpool(ask, request))

    async def _operate(self, do: Callable[[Request, object], Awaitable[Response]], request: Request) -> Response:
        """For who may change the lab."""
        role = self._role(request)
        if role is None:
            return denied(401, "You are not logged in. `halab console` prints a link.")
        if role == "watch":
            return denied(403, "This session may look, and change nothing.")
        return await do(request, await body(request))

    async def _preview(self, _: Request, data: object) -> Response:
        return await answered(run_in_threadpool(lambda: self._doing.preview(wish_of(data))))

    async def _try(self, _: Request, data: object) -> Response:
        name = data.get("name") if isinstance(data, dict) else None
        return await answered(run_in_threadpool(lambda: self._doing.tried(name if isinstance(name, str) else "")))

    async def _act(self, request: Request, data: object) -> Response:
        version = data.get("version") if isinstance(data, dict) else None
        if not isinstance(version, str):
            return denied(409, "It was not shown before what this would do.")
        role = self._role(request) or "watch"
        return await answered(run_in_threadpool(lambda: self._doing.act(wish_of(data), version, role)))


def _name(request: Request) -> str:
    return request.query_params.get("name", "")


def _tell(loop: asyncio.AbstractEventLoop, news: asyncio.Event) -> None:
    """From any thread."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(news.set)


async def _either(news: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(news.wait(), seconds)
    except TimeoutError:
        return
