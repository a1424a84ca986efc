"""Errors and warnings as data, and how any exception becomes exactly one of them."""

from __future__ import annotations

import errno
import os
import traceback
from dataclasses import dataclass
from typing import Literal

from halab.provider.protocol.types import Path

Severity = Literal["error", "warning"]

_FRAMES_SHOWN = 4
_DISK = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True)
class Diagnostic:
    """What Terraform shows: a headline, what was seen and what to do, and the attribute at fault (empty: none)."""

    severity: Severity
    summary: str
    detail: str = ""
    path: Path = ()


class Failure(Exception):
    """An expected error: shown as it is, without a traceback. `detail` says what to do next."""

    def __init__(self, summary: str, detail: str = "", path: Path = ()) -> None:
        super().__init__(f"{summary}: {detail}" if detail else summary)
        self.summary, self.detail, self.path = summary, detail, path


class Stopped(Failure):
    """Terraform asked the provider to stop (Ctrl-C)."""

    def __init__(self, detail: str = "Terraform was interrupted; apply again to go on.") -> None:
        super().__init__("Interrupted", detail)


def from_exception(error: BaseException, doing: str) -> Diagnostic:
    """One diagnostic for `error`, raised while `doing` ("create halab_machine").

    An error made to be shown carries `summary` and maybe `detail` and `path` or `attribute` (Failure does, and any
    class of the same shape). A full disk is no mistake of ours. Anything else is, and is reported as one.
    """
    summary = getattr(error, "summary", None)
    if isinstance(summary, str):
        path = getattr(error, "path", None) or getattr(error, "attribute", None)
        return Diagnostic("error", summary, str(getattr(error, "detail", None) or ""), _as_path(path))
    if isinstance(error, OSError) and error.errno in _DISK:
        where = f" ({error.filename})" if error.filename else ""
        return Diagnostic("error", f"{os.strerror(error.errno)}{where}", "Make room there, and run the command again.")
    return _bug(error, doing)


def headline(error: BaseException) -> str:
    """The first line of what an error says; its kind for one that says nothing."""
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _as_path(attribute: object) -> Path:
    """A path given as such, or as text: "nics.0.mac"."""
    if isinstance(attribute, str):
        return tuple(int(step) if step.isdecimal() else step for step in attribute.split("."))
    return tuple(attribute) if isinstance(attribute, (tuple, list)) else ()


def _bug(error: BaseException, doing: str) -> Diagnostic:
    # Places only, no source lines and no chained messages: those may hold values.
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES_SHOWN:]
    places = "\n".join(f"  {_short(frame.filename)}:{frame.lineno} in {frame.name}" for frame in frames)
    detail = (
        f"{type(error).__name__}: {error}\n\n{places}\n\n"
        f"This is a bug in the provider, not in your configuration. The state holds whatever had been made by then. "
        f"Run the command again with TF_LOG=debug and report what it prints."
    )
    return Diagnostic("error", f"Bug in the provider: {type(error).__name__} in {doing}", detail)


def _short(filename: str) -> str:
    return "/".join(filename.split("/")[-2:])
