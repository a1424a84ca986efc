"""A provider that dies in the middle of its work, as SIGKILL lets it: from one moment on it changes nothing any more.

`Fate.step` stands before each effect on the world: calls of libvirt that change something, files below the lab's
directory, commands in guests, uploads, the fencing daemon, and the answer to Terraform. The one at which the provider
is to die raises `Killed`, and so does every later one: what clean-up code tries on the way out comes to nothing too.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from pathlib import Path
from typing import Any

import pytest

from halab.provider.run.folder import LabFolder

# What only looks. Whatever libvirt adds later counts as an effect until it is named here.
_LOOKS = re.compile(
    r"_|c_|lookup|list|num|get|is|has|info$|state$|metadata$|XMLDesc|UUID|ID$|name$|path$|key$|connect$|pool$|close$"
    r"|networkLookup|storagePoolLookup|storageVolLookup|newStream|register"
)
_CLASSES = ("virConnect", "virDomain", "virNetwork", "virStoragePool", "virStorageVol")
_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate", "os.link", "os.symlink"}
# Neither the progress nor what guests will be asked means anything to the next run. The lock stands around everything.
_FOLDER = LabFolder(Path())
IGNORED = tuple(
    file.name for file in (_FOLDER.progress, _FOLDER.questions, _FOLDER.ledger, _FOLDER.changes_lock, _FOLDER.mark)
)


class Killed(BaseException):
    """The provider was killed before it did this."""


class Fate:
    """When one life of the provider ends: before its effect number `dies_at` (from 0); None: not by us."""

    def __init__(self, dies_at: int | None = None) -> None:
        self.dies_at, self.dead = dies_at, False
        self.passed: list[str] = []
        self.end = ""
        """What it did not live to do."""
        self._guard = threading.Lock()

    def step(self, what: str) -> None:
        """Go past the boundary before `what`, or die there."""
        with self._guard:
            if not self.dead and len(self.passed) == self.dies_at:
                self.dead, self.end = True, what
            if self.dead:
                raise Killed(what)
            self.passed.append(what)

    def must_live(self, what: str) -> None:
        """No boundary, but the dead do not do it."""
        if self.dead:
            raise Killed(what)


class Mortality:
    """Puts the fate of the present life before every effect."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.fate = Fate()
        import libvirt

        for name in _CLASSES:
            kind = getattr(libvirt, name)
            for method in [m for m, value in vars(kind).items() if callable(value) and not _LOOKS.match(m)]:
                patch.setattr(kind, method, self._before(getattr(kind, method), f"{name}.{method}"))

    def step(self, what: str) -> None:
        self.fate.step(what)

    def _before(self, call: Callable[..., Any], what: str) -> Callable[..., Any]:
        @wraps(call)
        def effect(self_: Any, *args: Any, **kwargs: Any) -> Any:
            self.step(f"{what} of {_named(self_, args)}")
            return call(self_, *args, **kwargs)

        return effect

    @contextmanager
    def files(self, directory: Path) -> Iterator[None]:
        """Changes of files below `directory` are effects too, as long as this lasts."""
        entry = (f"{directory}/", self)
        _install_hook()
        _watched.append(entry)
        try:
            yield
        finally:
            _watched.remove(entry)


def _named(target: Any, args: tuple[Any, ...]) -> str:
    """Which object a call of libvirt is about."""
    if hasattr(target, "name"):
        return str(target.name())
    found = re.search(r"<name>(.*?)</name>", str(args[0])) if args else None
    return found[1] if found else ""


_watched: list[tuple[str, Mortality]] = []


@cache
def _install_hook() -> None:
    """Once: a hook cannot be taken out again."""
    sys.addaudithook(_audit)


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if not _watched or not (event in _CHANGES or (event == "open" and _writes(args))):
        return
    path = _path(event, args)
    if event == "os.truncate" and path.endswith(_FOLDER.changes_lock.name):
        for _directory, mortality in _watched:
            mortality.fate.must_live("say that its changes are done")
    if event == "open" and path.endswith(_FOLDER.ledger.name):
        for _directory, mortality in _watched:
            mortality.fate.must_live("write down what it is about to make")
    if any(name in path for name in IGNORED) or (event == "os.mkdir" and os.path.isdir(path)):
        return
    for directory, mortality in _watched:
        if f"{path}/".startswith(directory):
            mortality.step(f"{event.removeprefix('os.')} of {path.removeprefix(directory)}")


def _path(event: str, args: tuple[Any, ...]) -> str:
    if isinstance(args[0], int):
        return os.readlink(f"/proc/self/fd/{args[0]}")
    path = os.fspath(args[0]) if isinstance(args[0], (str, os.PathLike)) else ""
    if event in ("os.remove", "os.rmdir") and args[1] >= 0:  # what shutil.rmtree does: below an open directory
        path = os.path.join(os.readlink(f"/proc/self/fd/{args[1]}"), path)
    return str(path)


def _writes(args: tuple[Any, ...]) -> bool:
    flags = args[2]
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
