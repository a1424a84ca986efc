"""An installation tree of a made-up EL distribution, whose installer is a shell script that installs Debian.

It is made from an image of the cache (its kernel, its drivers, its root file system) and the package busybox-static.
The kickstart that it reads is the real one; what it fetches from the tree, it fetches over HTTP.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from halab.images.initramfs import newc

HERE = Path(__file__).parent
TEMPLATE = HERE.parents[2] / "images" / "templates" / "initramfs-init"
_MIB = 1 << 20
_TREEINFO = """\
[general]
family = AlmaLinux
version = 9.4
variant = BaseOS
arch = x86_64
[release]
name = AlmaLinux
version = 9.4
[tree]
arch = x86_64
[images-x86_64]
kernel = images/pxeboot/vmlinuz
initrd = images/pxeboot/initrd.img
[variant-BaseOS]
repository = BaseOS
[variant-AppStream]
repository = AppStream
[halab-test]
number = {number}
"""


class StandInTree:
    """A directory that `image.tree` can name. Each has an identity of its own, by `number`."""

    def __init__(self, directory: Path, image: Path, number: int = 0) -> None:
        self.directory, self._parts = directory, directory / "stand-in"
        boot = directory / "images/pxeboot"
        boot.mkdir(parents=True)
        self._parts.mkdir()
        (directory / ".treeinfo").write_text(_TREEINFO.format(number=number))
        for variant in ("BaseOS", "AppStream"):
            (directory / variant / "repodata").mkdir(parents=True)
            (directory / variant / "repodata/repomd.xml").write_text("<repomd/>")
        shutil.copy(image / "vmlinuz", boot / "vmlinuz")
        drivers = (image / "initrd").read_bytes()
        (boot / "initrd.img").write_bytes(_appended(drivers, _installer()))
        self._export(image, drivers)
        self.mode = "install"

    @property
    def mode(self) -> str:
        """install, hang, reboot, off, script (it fails) or unsealed."""
        return (self._parts / "mode").read_text()

    @mode.setter
    def mode(self, mode: str) -> None:
        (self._parts / "mode").write_text(mode)

    def install(self, root: Path) -> None:
        """What it is to install: a raw ext4 file system."""
        lines: list[str] = []
        with root.open("rb") as file:
            for number, (start, length) in enumerate(_used(root)):
                name = f"package{number}"
                file.seek(start * _MIB)
                with (self._parts / name).open("wb") as part:
                    for _ in range(length):
                        part.write(file.read(_MIB))
                lines.append(f"{name} {start}\n")
        (self._parts / "extents").write_text("".join(lines))

    def _export(self, image: Path, drivers: bytes) -> None:
        """What an installed system would give out of its /boot. Its initramfs knows where its root is."""
        script = TEMPLATE.read_text()
        asked, fixed = "root=*) root=${word#root=} ;;", "root=*) root=/dev/vda1 ;;"
        assert asked in script
        init = script.replace(asked, fixed).encode()
        (self._parts / "initrd").write_bytes(_appended(drivers, newc([("init", 0o100755, init, (0, 0))])))
        shutil.copy(image / "vmlinuz", self._parts / "vmlinuz")
        info = json.loads((image / "image.json").read_text())
        (self._parts / "kernel").write_text(info["kernel"] + "\n")
        lines = [f"{name}\t{version}\n" for name, version in info["packages"].items()]
        (self._parts / "packages").write_text("".join(lines))


def root_of(image: Path, directory: Path) -> Path:
    """The raw root file system of an image of the cache."""
    raw = directory / "root.ext4"
    subprocess.run(["qemu-img", "convert", "-O", "raw", image / "disk.qcow2", raw], check=True)
    return raw


def small_root(directory: Path) -> Path:
    """A root file system that is one for whoever looks into it, and nothing more."""
    tree, raw = directory / "small", directory / "small.ext4"
    (tree / "etc/ssh").mkdir(parents=True)
    (tree / "etc/passwd").write_text("root:*:0:0::/root:/bin/sh\n")
    (tree / "etc/machine-id").write_text("")
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-d", tree, raw, "16M"], check=True)
    return raw


def _installer() -> bytes:
    busybox = shutil.which("busybox")
    if busybox is None or b"/ld-linux" in Path(busybox).read_bytes()[:4096]:  # its interpreter
        pytest.skip("the stand-in for an installer is made of a static busybox, which is not here (busybox-static)")
    files = {"init": HERE / "init", "udhcpc-script": HERE / "udhcpc-script", "bin/busybox": Path(busybox)}
    return newc((name, 0o100755, path.read_bytes(), (0, 0)) for name, path in files.items())


def _appended(archive: bytes, more: bytes) -> bytes:
    return archive + b"\0" * (-len(archive) % 4) + more


def _used(file: Path) -> Iterator[tuple[int, int]]:
    """(first, number) of runs of MiB that hold data."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        end, size = 0, os.fstat(descriptor).st_size
        while end < size:
            try:
                start = os.lseek(descriptor, end, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:  # a hole to the end
                    return
                raise
            first = max(start // _MIB, -(-end // _MIB))
            end = os.lseek(descriptor, start, os.SEEK_HOLE)
            if (last := -(-end // _MIB)) > first:
                yield first, last - first
    finally:
        os.close(descriptor)
