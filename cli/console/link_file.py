"""The link that opens a console of another process once: a file holds its hash, which opens nothing."""

from __future__ import annotations

import hmac
import json
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from halab.cli.console.access import LINK_S, hashed
from halab.cli.console.contract import Role
from halab.provider.run.files import read_or_none, write_private


@dataclass(frozen=True, slots=True)
class Link:
    """The hash of its token, whom it makes one, and until when it opens anything (Unix time, s)."""

    hash: bytes
    role: Role
    until: float


def offer(file: Path, role: Role) -> str:
    """A token for whoever is told it; one that was offered before opens nothing any more."""
    token = secrets.token_urlsafe(32)
    write_private(file, json.dumps({"hash": hashed(token).hex(), "role": role, "until": time.time() + LINK_S}))
    return token


def take(file: Path, token: bytes) -> Role | None:
    """The role of a token by its hash, once; None when it is another one, used or old, or cannot be read any more."""
    try:
        known = read(file)
    except ValueError:
        return None
    if known is None or not hmac.compare_digest(known.hash, token):
        return None
    file.unlink()  # before it opens anything: a crash leaves no link that works twice
    return known.role if 0 <= known.until - time.time() <= LINK_S else None


def read(file: Path) -> Link | None:
    """What `offer` wrote; None when there is none. ValueError: it is something else."""
    if (text := read_or_none(file)) is None:
        return None
    try:
        known = json.loads(text)
        return Link(bytes.fromhex(known["hash"]), known["role"], float(known["until"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"it is no link: {error!r}") from error
