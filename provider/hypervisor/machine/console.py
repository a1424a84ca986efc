"""A machine's console log: read through libvirt, and what the guest says there about itself."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from halab.provider.hypervisor.connection import Connection
from halab.provider.hypervisor.steady import steadily
from halab.provider.hypervisor.storage.storage_xml import VolumeSpec, volume_xml
from halab.provider.hypervisor.storage.transfer import download
from halab.provider.hypervisor.waiting import Wait

# The guest ends each of its lines; a line that is still being printed, or that a kernel message cut, does not match.
_HOST_KEY = re.compile(r"^HALAB-HOST-KEY (\S+) (\S+)[ \t]*\r*\n", re.MULTILINE)
_READY = re.compile(r"^HALAB-READY[ \t]*\r*\n", re.MULTILINE)
_FATAL = re.compile(r"Kernel panic - not syncing[^\r\n]*|^halab initramfs: [^\r\n]*", re.MULTILINE)
# A kernel changes its own code behind a break point; no real processor stops there once the kernel has removed it.
_STALE_CODE = re.compile(r"\bint3: 0000 \[#1\]")
CONTROL = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[=>cMD78]|[\x00-\x08\x0b-\x1f\x7f]"
)
"""What is not text: colours, cursor movements, titles and other controls, but for tabs and ends of lines."""


@dataclass(frozen=True, slots=True)
class ConsoleReport:
    """What one boot has printed so far. Empty texts: not yet.

    stale_code: the kernel ended since its emulator ran code that the kernel had changed already.
    """

    host_key: str
    ready: bool
    fatal: str
    stale_code: bool = False


def parse_console(text: str) -> ConsoleReport:
    """Read what a boot printed; of several boots, what the last one said."""
    keys = [key for match in _HOST_KEY.finditer(text) if (key := _valid_key(*match.groups()))]
    fatal = _FATAL.search(text)
    return ConsoleReport(
        host_key=keys[-1] if keys else "",
        ready=_READY.search(text) is not None,
        fatal=fatal.group(0) if fatal else "",
        stale_code=fatal is not None and _STALE_CODE.search(text) is not None,
    )


def last_lines(text: str, count: int = 15) -> str:
    """The end of a console log for people: without control sequences and empty lines."""
    lines = [CONTROL.sub("", line).rstrip() for line in text.replace("\r", "").split("\n")]
    return "\n".join([line for line in lines if line][-count:])


def console_volume(connection: Connection, machine: str, beside: str) -> str:
    """Path of the console log of `machine`, in the pool of the volume `beside`; makes it where it is missing."""
    volume = connection.volume(beside)
    pool = volume.storagePoolLookupByVolume() if volume is not None else None
    if pool is None:
        raise ValueError(f"no active pool knows {beside}")
    name = f"{machine}.console.log"
    with connection.pool_lock(pool.name()):
        log = connection.volume_in(pool, name)
        if log is None:
            log = pool.createXML(volume_xml(VolumeSpec(name=name, size_bytes=0, format="raw")), 0)
        return str(log.path())


class Console:
    """The log of one machine, as it grows. With a `wait` it is read on when libvirt's daemon was restarted."""

    def __init__(self, connection: Connection, path: str, wait: Wait | None = None) -> None:
        self._connection, self._path, self._wait = connection, path, wait
        self._offset = 0

    def skip(self) -> None:
        """Leave out what earlier boots have printed."""
        self._offset = len(self._read(0))

    def text(self) -> str:
        """What was printed since `skip`."""
        whole = self._read(0)
        # virtlogd begins a new file when one is full: then all of it is new.
        start = self._offset if self._offset <= len(whole) else 0
        return whole[start:].decode(errors="replace")

    def exists(self) -> bool:
        """Whether libvirt knows the log. Raises libvirtError, LibvirtFailed."""
        return self._connection.volume(self._path) is not None

    def news(self) -> bytes:
        """What came since the last call; at first all that there is. Raises libvirtError, LibvirtFailed."""
        volume = self._connection.volume(self._path)
        if volume is None:
            return b""
        _, size_bytes, _ = volume.info()
        if size_bytes < self._offset:  # virtlogd has begun a new file
            self._offset = 0
        new = download(self._connection.libvirt, volume, self._offset) if size_bytes > self._offset else b""
        self._offset += len(new)
        return new

    def _read(self, offset: int) -> bytes:
        return self._look(offset) if self._wait is None else steadily(self._wait, lambda: self._look(offset))

    def _look(self, offset: int) -> bytes:
        volume = self._connection.volume(self._path)
        return b"" if volume is None else download(self._connection.libvirt, volume, offset)


def _valid_key(kind: str, encoded: str) -> str:
    """The key, or nothing if its base64 is damaged or is of another kind than it says."""
    try:
        blob = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return ""
    length = int.from_bytes(blob[:4], "big")
    whole = kind != "ssh-ed25519" or len(blob) == 4 + length + 4 + 32
    return f"{kind} {encoded}" if blob[4 : 4 + length] == kind.encode() and whole else ""
