"""Answers in JSON: a value of the contract, or in words why there is none."""

from __future__ import annotations

import json
from collections.abc import Awaitable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from halab.cli.console.doing import as_json, readable
from halab.cli.console.guard import LARGEST_BYTES
from halab.cli.console.refusing import Refused
from halab.cli.lab.state import StateUnusable
from halab.cli.look.deployed import NothingDeployed
from halab.provisioners.engine.errors import HalabError

NOT_DONE = (Refused, NothingDeployed, HalabError, StateUnusable, OSError)
"""What is told in words."""


async def answered(doing: Awaitable[object]) -> Response:
    """What came of it; or why nothing did, in words."""
    try:
        return json_of(await doing)
    except (Refused, NothingDeployed) as error:
        return denied(409, str(error))
    except NOT_DONE as error:
        return denied(502, readable(error))


async def body(request: Request) -> object:
    """The JSON that was sent; None when it is none."""
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > LARGEST_BYTES:
            return None
    try:
        return json.loads(raw)
    except ValueError:
        return None


def json_of(value: object) -> Response:
    """A value of the contract."""
    return Response(as_json(value), media_type="application/json")


def denied(status: int, text: str) -> Response:
    """Why not, in words."""
    return JSONResponse({"error": text}, status_code=status)
