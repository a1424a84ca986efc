"""An installation by answer file, described: what the installer boots with, and what its disk must come out as.

`prepare` reads the tree, renders and checks the answer file; it starts nothing. Whoever carries an installation out
boots `tree`'s kernel and initrd with `archive_files` (and, read at that moment, `secret_files`) appended to the initrd
as a newc cpio archive, gives it two blank disks, and waits until it powers off:

- the first disk becomes the system; it comes out sealed: no host keys, no machine-id;
- the second one, with the serial number EXPORT_SERIAL, comes out as a tar archive with the members EXPORT_MEMBERS.
  The last member is written when all else is done: an archive without it is that of a failed installation.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from halab.images.tree import Tree
from halab.provisioners.engine.command import Secret
from halab.provisioners.engine.errors import ConfigError

Installer = Literal["anaconda", "debian-installer"]
Role = Literal["any", "node", "target"]

EXPORT_SERIAL = "halab-export"  # /dev/disk/by-id/virtio-halab-export in the installer
EXPORT_SIZE_BYTES = 512 * 1024**2
# Kernel and initramfs to boot the system with, `name<TAB>version` lines of its packages, and the kernel's version.
EXPORT_MEMBERS = ("vmlinuz", "initrd", "packages", "kernel")
# The kernel gave up, or the part of ours that runs in the installed system did.
_ANY_FAILURE = (r"Kernel panic - not syncing[^\r\n]*", r"HALAB-STAGE FAILED[^\r\n]*")


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of an installation: its name for people, and how the console tells that it has begun."""

    name: str
    pattern: re.Pattern[str]


def stages(*names_and_patterns: tuple[str, str]) -> tuple[Stage, ...]:
    """Stages in the order in which an installer reaches them."""
    return tuple(Stage(name, re.compile(pattern)) for name, pattern in names_and_patterns)


def failures(*patterns: str) -> tuple[re.Pattern[str], ...]:
    """What a console may say, anywhere in its lines, when an installer has given up: any installer, or this one."""
    return tuple(re.compile(pattern, re.MULTILINE) for pattern in (*_ANY_FAILURE, *patterns))


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """A file that is appended to the installer's initrd. `path` has no leading slash."""

    path: str
    content: bytes
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A part of the answer that no cache, log, hash or state may hold: read when the installer boots, never before."""

    path: str
    source: Path
    template: str  # with {secret}, the content of `source` without the line's end

    def content(self) -> Secret:
        """The file, for the initrd alone, which must be 0600 and go when the installer has ended."""
        return Secret(self.template.format(secret=read_secret(self.source).reveal()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """All that is known of an installation before it begins."""

    suite: str
    installer: Installer
    role: Role
    tree: Tree
    answer_name: str  # of the answer file in the initrd's root: ks.cfg or preseed.cfg
    answer: bytes
    archive_files: tuple[ArchiveFile, ...]  # the answer file is the first of them
    secret_files: tuple[SecretFile, ...] = ()
    arguments: tuple[str, ...]  # the installer's kernel command line, without where its repository is
    disk_size_bytes: int
    memory_mib: int  # the least that the installer runs in
    cmdline: str  # of the installed system, as in image.json
    cmdline_emulated: str
    stages: tuple[Stage, ...]
    # What the console says when the installer cannot go on: it may well wait for a person for ever.
    failures: tuple[re.Pattern[str], ...]

    @property
    def hash(self) -> str:
        """Names the image in the cache: over the answer and all that goes with it, and the tree's identity."""
        parts = [
            self.suite,
            self.role,
            self.tree.identity,
            [[file.path, file.mode, hashlib.sha256(file.content).hexdigest()] for file in self.archive_files],
            self.arguments,
            self.disk_size_bytes,
            self.cmdline,
            self.cmdline_emulated,
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    @property
    def cdrom(self) -> Path | None:
        """An ISO file that the installer's machine must have as a CD-ROM."""
        return Path(self.tree.location) if self.tree.medium == "iso" else None

    @property
    def served_directory(self) -> Path | None:
        """A directory that must be served to the installer's machine over HTTP."""
        return Path(self.tree.location) if self.tree.medium == "directory" else None

    def command_line(self, served_at: str = "", log_at: tuple[str, int] | None = None) -> str:
        """The installer's kernel command line.

        `served_at`: the address of `served_directory`, if there is one; `log_at`: who hears its log, by UDP.
        """
        # What Anaconda would send was never seen.
        log = (f"log_host={log_at[0]}", f"log_port={log_at[1]}") if log_at and self._is_debians else ()
        return " ".join((*self.arguments, *self._repository(served_at), *log))

    @property
    def _is_debians(self) -> bool:
        return self.installer == "debian-installer"

    def _repository(self, served_at: str) -> tuple[str, ...]:
        if self._is_debians:
            # An address that is known beforehand stands in the answer file.
            address = urlsplit(served_at)
            where = (f"mirror/http/hostname={address.netloc}", f"mirror/http/directory={address.path or '/'}")
            return where if self.tree.medium == "directory" else ()
        if self.tree.medium == "iso":
            return ("inst.repo=cdrom",)
        return (f"inst.repo={self.tree.location if self.tree.medium == 'url' else served_at}",)

    def stage(self, console: str) -> str:
        """The stage that an installation has reached, from all that its console printed."""
        reached = "the installer's kernel boots"
        for stage in self.stages:
            if stage.pattern.search(console):
                reached = stage.name
        return reached

    def failure(self, console: str) -> str | None:
        """What the console says if the installer has given up, although its machine still runs.

        That is the group `reason` of a pattern that has one, else all that the pattern has found.
        """
        for pattern in self.failures:
            if found := pattern.search(console):
                return (found["reason"] if "reason" in pattern.groupindex else found.group(0)).strip()
        return None


def read_secret(path: Path, setting: str = "image.rhsm_activation_key_file") -> Secret:
    """The one line of a file that nobody else can read."""
    try:
        mode = path.stat().st_mode
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise ConfigError(f"{path} cannot be read", f"{reason}. Put the key into it, in one line.", setting) from error
    if mode & 0o077:
        raise ConfigError(f"{path} can be read by others", f"Run: chmod 600 {path}", setting)
    if not text or len(text.splitlines()) != 1 or not text.isprintable() or set(text) & set("\"'\\"):
        raise ConfigError(f"{path} does not hold one line", "Put the key into it, alone and without quotes.", setting)
    return Secret(text)
