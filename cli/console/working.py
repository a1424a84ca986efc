"""What the page starts and watches beside the cluster's own actions: a plan, and drills."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from functools import partial

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from halab.cli.console import audit, drills
from halab.cli.console.answering import NOT_DONE, answered, body, denied
from halab.cli.console.contract import Drills, Job, Role
from halab.cli.console.doing import readable
from halab.cli.console.jobs import Jobs
from halab.cli.console.refusing import Refused
from halab.cli.console.serial import SerialLog
from halab.cli.console.streams import HeldStream, Places, TooManyStreams
from halab.cli.look.place import Place
from halab.provider.run.folder import LabFolder
from halab.provisioners.engine.errors import HalabError

_LOOK_S = 0.5
SERIAL_EACH, SERIAL_TOGETHER = 6, 24
"""Serial consoles that may be open at once: of one session, and in all. Each is looked at twice a second."""
# A report holds its own style, and nothing that runs.
_REPORT = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"}
_RANK: dict[Role | None, int] = {None: 0, "watch": 1, "operate": 2, "drill": 3}
_LACKS = {
    "watch": "You are not logged in.",
    "operate": "This session may look, and change nothing.",
    "drill": "Only the link that `halab console` prints lets you drill.",
}


class Working:
    """`role` tells whose a request is, `session` of which session; each route asks for a role."""

    def __init__(
        self,
        place: Place,
        role: Callable[[Request], Role | None],
        session: Callable[[Request], str],
        jobs: Jobs | None = None,
    ) -> None:
        self._place, self._role, self._session, self._over = place, role, session, False
        self._jobs = jobs or Jobs(LabFolder(place.state.parent).console_job, place.console_audit)
        self._serials = Places(SERIAL_EACH, SERIAL_TOGETHER, "serial consoles")

    def routes(self) -> list[Route]:
        """To be served beside the console's own."""
        return [
            Route("/api/job", partial(self._asked, self._now)),
            Route("/api/drills", partial(self._asked, self._drills)),
            Route("/api/report", self._report),
            Route("/api/serial", self._serial),
            Route("/api/diff", self._diff, methods=["POST"]),
            Route("/api/drill", self._drill, methods=["POST"]),
        ]

    def end(self) -> None:
        """Ends all streams."""
        self._over = True

    def _refusal(self, request: Request, needed: Role) -> Response | None:
        role = self._role(request)
        if role is None:
            return denied(401, _LACKS["watch"])
        return None if _RANK[role] >= _RANK[needed] else denied(403, _LACKS[needed])

    async def _asked(self, tell: Callable[[Request], object], request: Request) -> Response:
        if refused := self._refusal(request, "watch"):
            return refused
        return await answered(run_in_threadpool(tell, request))

    def _now(self, _: Request) -> Job:
        return self._jobs.now()

    def _drills(self, _: Request) -> Drills:
        return drills.drills(self._place)

    async def _report(self, request: Request) -> Response:
        if refused := self._refusal(request, "watch"):
            return refused
        try:
            text = await run_in_threadpool(drills.report, self._place, request.query_params.get("run", ""))
        except Refused as unknown:
            return denied(404, str(unknown))
        except HalabError as unreadable:
            return denied(502, f"{unreadable.summary}. {unreadable.detail}")
        return HTMLResponse(text, headers=_REPORT)

    async def _serial(self, request: Request) -> Response:
        """What a machine's console has said, and says, as server-sent events."""
        if refused := self._refusal(request, "watch"):
            return refused
        with ExitStack() as held:  # before anything is waited for: many that come at once are counted, too
            try:
                held.enter_context(self._serials.one(self._session(request)))
                log = await run_in_threadpool(SerialLog, self._place, request.query_params.get("machine", ""))
            except TooManyStreams as error:
                return denied(error.status, str(error))
            except NOT_DONE as error:
                return denied(409, readable(error))
            return HeldStream(self._said(request, log), held.pop_all())

    async def _said(self, request: Request, log: SerialLog) -> AsyncIterator[str]:
        while self._role(request) is not None and not self._over:
            try:
                text = await run_in_threadpool(log.news)
            except HalabError as error:
                yield f"event: ended\ndata: {json.dumps(readable(error))}\n\n"
                return
            # A comment where nothing was said: so the end of the connection is noticed.
            yield f"data: {json.dumps(text)}\n\n" if text else ":\n\n"
            await asyncio.sleep(_LOOK_S)

    async def _diff(self, request: Request) -> Response:
        if refused := self._refusal(request, "operate"):
            return refused
        return await answered(run_in_threadpool(self._started, request, "diff", "--exit-code"))

    async def _drill(self, request: Request) -> Response:
        if refused := self._refusal(request, "drill"):
            return refused
        given = await body(request)
        name = given.get("name") if isinstance(given, dict) else None
        if not isinstance(name, str) or not drills.known(name):
            return denied(409, "There is no drill of that name.")
        return await answered(run_in_threadpool(self._started, request, "drill", "run", name))

    def _started(self, request: Request, *words: str) -> Job:
        """What is to begin is written down before; how it ended, after. Refused, OSError."""
        command, role = shlex.join(("halab", *words)), self._role(request) or "watch"
        audit.note(self._place.console_audit, "begin", role=role, command=command)
        try:
            return self._jobs.start(role, *words)
        except (Refused, OSError) as error:
            audit.note(self._place.console_audit, "failed", role=role, command=command, result=readable(error))
            raise
