"""The link that opens a console of another process once: a file holds its hash, which opens nothing."""

from __future__ import annotations

import hmac
import json
import secrets
import time
from pathlib import Path

from halab.cli.console.access import LINK_S, hashed
from halab.cli.console.contract import Role
from halab.provider.run.files import read_or_none, write_private


def offer(file: Path, role: Role) -> str:
    """A token for whoever is told it; one that was offered before opens nothing any more."""
    token = secrets.token_urlsafe(32)
    write_private(file, json.dumps({"hash": hashed(token).hex(), "role": role, "until": time.time() + LINK_S}))
    return token


def take(file: Path, token: bytes) -> Role | None:
    """The role of a token by its hash, once; None when it is another one, used or old."""
    if (text := read_or_none(file)) is None:
        return None
    known = json.loads(text)
    if not hmac.compare_digest(bytes.fromhex(known["hash"]), token):
        return None
    file.unlink()  # before it opens anything: a crash leaves no link that works twice
    role: Role = known["role"]
    return role if 0 <= known["until"] - time.time() <= LINK_S else None
