"""What an installer's machine needs in the lab's pool, put there for the time of the installation."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from halab.images.initramfs import newc
from halab.images.installation import EXPORT_SIZE_BYTES, ArchiveFile, Installation
from halab.provider.hypervisor.connection import Connection
from halab.provider.hypervisor.machine.console import console_volume
from halab.provider.hypervisor.removal import remove_volume
from halab.provider.hypervisor.storage.storage_xml import VolumeSpec, volume_xml
from halab.provider.hypervisor.storage.transfer import download_file, upload, upload_bytes
from halab.provisioners.engine.errors import Conflict

_SUFFIXES = ("kernel", "initrd", "disk", "export", "console.log")
_ALIGNMENT_BYTES = 4  # where the kernel looks for the next archive in an initrd


def archive(installation: Installation) -> bytes:
    """A newc archive with the answer file and what goes with it, read at this moment: it may hold secrets."""
    secrets = [ArchiveFile(f.path, f.content().reveal().encode(), 0o600) for f in installation.secret_files]
    files = [*installation.archive_files, *secrets]
    directories = sorted({str(parent) for file in files for parent in Path(file.path).parents} - {"."})
    entries = [(name, 0o040755, b"", (0, 0)) for name in directories]
    return newc([*entries, *((file.path, 0o100000 | file.mode, file.content, (0, 0)) for file in files)])


class InstallerVolumes:
    """Volumes named after the installer's machine. All of them go when the installation has ended, however it did."""

    def __init__(self, connection: Connection, pool: Any, name: str) -> None:
        self._connection, self._pool, self._name = connection, pool, name

    def path(self, suffix: str) -> str:
        """Path of one of the volumes on the hypervisor."""
        return str(self._volume(suffix).path())

    def stage(self, installation: Installation, kernel: Path, initrd: Path, stop: threading.Event) -> None:
        """Make all of them. `kernel` and `initrd` are files of the tree; the archive is appended to the latter."""
        libvirt = self._connection.libvirt
        upload(libvirt, self._new("kernel", kernel.stat().st_size, "raw"), kernel, stop)
        appended = archive(installation)
        start = -(-initrd.stat().st_size // _ALIGNMENT_BYTES) * _ALIGNMENT_BYTES
        volume = self._new("initrd", start + len(appended), "raw")
        upload(libvirt, volume, initrd, stop)
        upload_bytes(libvirt, volume, appended, start, stop)
        self._new("disk", installation.disk_size_bytes, "qcow2")
        self._new("export", EXPORT_SIZE_BYTES, "raw")
        console_volume(self._connection, self._name, beside=self.path("disk"))

    def fetch(self, suffix: str, target: Path, stop: threading.Event) -> None:
        """Copy a volume's content to a file on this side."""
        download_file(self._connection.libvirt, self._volume(suffix), target, stop)

    def any(self) -> bool:
        """Whether one of them is there."""
        names = (f"{self._name}.{suffix}" for suffix in _SUFFIXES)
        return any(self._connection.volume_in(self._pool, name) is not None for name in names)

    def remove(self) -> None:
        """Delete what is there of them."""
        with self._connection.pool_lock(self._pool.name()):
            for suffix in _SUFFIXES:
                volume = self._connection.volume_in(self._pool, f"{self._name}.{suffix}")
                if volume is not None:
                    remove_volume(self._connection, volume.path())

    def _new(self, suffix: str, size_bytes: int, format_: str) -> Any:
        spec = VolumeSpec(name=f"{self._name}.{suffix}", size_bytes=size_bytes, format=format_)
        with self._connection.pool_lock(self._pool.name()):
            return self._pool.createXML(volume_xml(spec), 0)

    def _volume(self, suffix: str) -> Any:
        volume = self._connection.volume_in(self._pool, f"{self._name}.{suffix}")
        if volume is None:
            raise Conflict(f"the volume {self._name}.{suffix} is gone", "Somebody removed it. Apply again.")
        return volume
