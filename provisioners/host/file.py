"""Text files: on one machine, or in a file system that the cluster has mounted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from halab.provisioners.engine.command import Result, Secret, script
from halab.provisioners.engine.durable import BELOW, GONE, NOT_MOUNTED, PUT
from halab.provisioners.engine.errors import ClusterNotRunning, Conflict, UnexpectedOutput
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import Item, attr
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.steps import PutFile, Run, Step


def _path(path: str) -> str | None:
    if not path.startswith("/") or path.endswith("/") or "/../" in f"{path}/" or not path.isprintable():
        return f"{path!r} is not the absolute path of a file."
    return None


def _mode(mode: str) -> str | None:
    return None if re.fullmatch(r"0?[0-7]{3}", mode) else f"{mode!r} is not a mode. Write it in octal, such as 0644."


def _owner(owner: str) -> str | None:
    return None if re.fullmatch(r"[a-z_][a-z0-9_-]*:[a-z_][a-z0-9_-]*", owner) else f"{owner!r} is not user:group."


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSpec:
    """A text file on a machine."""

    machine: str = attr("UUID of the machine.", replace=True)
    path: str = attr("Absolute path.", replace=True, check=_path)
    content: str | None = attr("Text of the file (UTF-8).", default=None)
    sensitive_content: Secret | None = attr("Text that must not be shown; give it instead of `content`.", default=None)
    mode: str = attr("Permissions in octal.", default="0644", default_with={"sensitive_content": "0600"}, check=_mode)
    owner: str = attr("`user:group`.", default="root:root", check=_owner)
    overwrite: bool = attr("Whether a file that is there already, a package's say, may be replaced.", default=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFileSpec:
    """A text file in a file system that the cluster mounts; written once, seen by all nodes."""

    cluster: str = attr("Name of the cluster.", replace=True)
    mount_point: str = attr("Where the cluster mounts the file system.", replace=True, check=_path)
    path: str = attr("Absolute path, below `mount_point`.", replace=True, check=_path)
    content: str = attr("Text of the file (UTF-8).")
    mode: str = attr("Permissions in octal.", default="0644", check=_mode)
    owner: str = attr("`user:group`.", default="root:root", check=_owner)


F = TypeVar("F", FileSpec, ClusterFileSpec)

# A header line, then the text as it is. 3: there is no such file; 4: something else has that name.
_READ = '[ -e "$1" ] || exit 3; [ -f "$1" ] || exit 4; stat -c "%a %U:%G" -- "$1"; cat -- "$1"'


def _read(host: Host, path: str, result: Result) -> tuple[str, str, str] | None:
    """(mode such as "0644", owner, text) of a file of which `_READ` was asked; None when there is none."""
    if result.rc == 4:
        raise Conflict(f"{host.name}: {path} is not a file", "Remove what is there, or choose another path.", "path")
    if result.rc == 3:
        return None
    header, newline, text = result.stdout.partition("\n")
    mode, _, owner = header.partition(" ")
    if not newline or not owner:
        raise UnexpectedOutput(f"{host.name}: cannot read {path}", "stat gave no mode and owner.")
    return mode.zfill(4), owner, text


def _same_mode(seen: str, wanted: str) -> str:
    """Keep the spelling that the user chose ("644" is "0644")."""
    return wanted if seen == wanted.zfill(4) else seen


class FileItem(Item[FileSpec]):
    """Owns the whole file."""

    spec = FileSpec
    phase = "host"
    identity = ("machine", "path")

    def takes_what_is_there(self, wanted: FileSpec) -> bool:
        return wanted.overwrite

    def check(self, wanted: FileSpec) -> Iterable[tuple[str, str]]:
        if (wanted.content is None) == (wanted.sensitive_content is None):
            yield "content", "Give exactly one of `content` and `sensitive_content`."

    def observe(self, host: Host, wanted: FileSpec) -> FileSpec | None:
        said = host.look(script(f"# read a file\n{_READ}", wanted.path, ok=(0, 3, 4)))
        if (found := _read(host, wanted.path, said)) is None:
            return None
        mode, owner, text = found
        seen = replace(wanted, mode=_same_mode(mode, wanted.mode), owner=owner)
        if wanted.sensitive_content is not None:
            return replace(seen, sensitive_content=Secret(text))
        return replace(seen, content=text)

    def steps(self, platform: Platform, now: FileSpec | None, wanted: FileSpec | None) -> Iterator[Step]:
        del platform
        if wanted is None:
            if now is not None:
                yield Run(script(f"# remove a file\n{GONE}", now.path))
        elif now != wanted:
            content = wanted.sensitive_content if wanted.sensitive_content is not None else wanted.content or ""
            yield PutFile(wanted.path, content, int(wanted.mode, 8), wanted.owner)


class ClusterFileItem(Item[ClusterFileSpec]):
    """Written through a node that has the file system mounted; never into the bare mount point."""

    spec = ClusterFileSpec
    on_lun = under_dlm = True
    scope = "cluster"
    phase = "site"
    identity = ("cluster", "mount_point", "path")

    def check(self, wanted: ClusterFileSpec) -> Iterable[tuple[str, str]]:
        if not wanted.path.startswith(wanted.mount_point + "/"):
            yield "path", f"It must be below mount_point ({wanted.mount_point})."

    def observe(self, host: Host, wanted: ClusterFileSpec) -> ClusterFileSpec | None:
        asked = f"# read a file below a mount point\n{BELOW}{_READ}"
        said = host.look(script(asked, wanted.mount_point, wanted.path, ok=(0, 3, 4, NOT_MOUNTED)))
        if said.rc == NOT_MOUNTED:
            raise ClusterNotRunning(
                f"{host.name}: {wanted.mount_point} is not mounted",
                f"Whether {wanted.path} exists can be seen only when the cluster has mounted the file system there.",
            )
        if (found := _read(host, wanted.path, said)) is None:
            return None
        mode, owner, text = found
        return replace(wanted, mode=_same_mode(mode, wanted.mode), owner=owner, content=text)

    def steps(self, platform: Platform, now: ClusterFileSpec | None, wanted: ClusterFileSpec | None) -> Iterator[Step]:
        del platform
        if wanted is None:
            if now is not None:
                yield Run(script(f"# remove a file below a mount point\n{BELOW}{GONE}", now.mount_point, now.path))
        elif now != wanted:
            words = (wanted.mount_point, wanted.path, wanted.mode.zfill(4), wanted.owner)
            yield Run(script(f"# write a file below a mount point\n{BELOW}{PUT}", *words, stdin=wanted.content))
