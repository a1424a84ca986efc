"""From what an installer left to an image of the cache: its export is unpacked, its disk checked and packed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

from halab.images.cache import ImageInfo
from halab.images.installation import EXPORT_MEMBERS, EXPORT_SIZE_BYTES, Installation
from halab.images.seal import check_seal
from halab.provisioners.engine.errors import CommandFailed, HalabError, UnexpectedOutput

# In the image's unfinished directory, while it is made.
DISK, EXPORT = "installed.qcow2", "export.tar"
_FILES = frozenset({"vmlinuz", "initrd"})  # members that the image keeps; the others are read


class ExportIncomplete(HalabError):
    """The installation did not come to its end."""


def finish(
    installation: Installation, name: str, texts: dict[str, str], directory: Path, report: Callable[[str], None]
) -> ImageInfo:
    """Make disk.qcow2 of DISK in `directory`, where kernel and initramfs are already, and say what the image is.

    `name` is the image's name in the cache, `texts` are the export's. Raises NotSealed.
    """
    report("looking whether the disk is sealed")
    raw = directory / "disk.raw"
    _run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", DISK, raw.name], directory)
    (directory / DISK).unlink()
    check_seal(raw)
    size_bytes = raw.stat().st_size
    report("packing the disk")
    _run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw.name, "disk.qcow2"], directory)
    raw.unlink()
    for file in ("disk.qcow2", *_FILES):
        (directory / file).chmod(0o644)
    return ImageInfo(
        suite=installation.suite,
        recipe_hash=name,
        kernel=texts["kernel"].strip(),
        cmdline=installation.cmdline,
        cmdline_emulated=installation.cmdline_emulated,
        packages=_packages(texts["packages"]),
        virtual_size_bytes=size_bytes,
    )


def unpack_export(export: Path, directory: Path) -> dict[str, str]:
    """Put kernel and initramfs into `directory`; the other members' texts. The export goes. Raises ExportIncomplete."""
    texts: dict[str, str] = {}
    unpacked: set[str] = set()
    try:
        with tarfile.open(export, "r:") as archive:
            for member in archive:
                name = os.path.normpath(member.name)
                if name not in EXPORT_MEMBERS or not member.isreg() or member.size > EXPORT_SIZE_BYTES:
                    continue
                content = archive.extractfile(member)
                assert content is not None  # it is a regular file
                if name in _FILES:
                    with (directory / name).open("wb") as target:
                        shutil.copyfileobj(content, target)
                    unpacked.add(name)
                else:
                    texts[name] = content.read().decode()
    except (tarfile.TarError, EOFError, UnicodeDecodeError) as error:
        raise ExportIncomplete("the export cannot be read", f"{error}.") from error
    if missing := [name for name in EXPORT_MEMBERS if name not in unpacked | texts.keys()]:
        raise ExportIncomplete("the installation did not come to its end", f"Its export lacks {', '.join(missing)}.")
    export.unlink()
    return texts


def _packages(text: str) -> dict[str, str]:
    try:
        return dict(line.split("\t", 1) for line in text.splitlines())
    except ValueError as error:
        raise UnexpectedOutput("the installation's list of packages cannot be read", f"{error}.") from error


def _run(argv: list[str], directory: Path) -> None:
    done = subprocess.run(argv, cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandFailed(f"{argv[0]} failed", done.stderr.strip(), rc=done.returncode)
