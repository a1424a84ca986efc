"""Makes a minimal initramfs from an installed system's own files: a shell script, klibc's tools, a few drivers.

Runs inside the system that is being built, by its own Python, and stands alone for that reason:
`python3 initramfs.py KERNEL_VERSION INIT_SCRIPT OUTPUT MODULE...`. Drivers are stored unpacked and in loading order,
the archive too: under emulation unpacking costs more than reading.
"""

from __future__ import annotations

import lzma
import pathlib
import subprocess
import sys
from collections.abc import Iterable, Iterator

KLIBC_DIR = "/usr/lib/klibc/bin"
TOOLS = ("sh", "mount", "umount", "insmod", "mkdir", "sleep", "sync", "poweroff", "run-init")
_REGULAR, _DIRECTORY, _CHARACTER_DEVICE, _SYMLINK = 0o100000, 0o040000, 0o020000, 0o120000
Entry = tuple[str, int, bytes, tuple[int, int]]  # name, st_mode, content, (major, minor)


def newc(entries: Iterable[Entry]) -> bytes:
    """A cpio archive in the `newc` format that the kernel unpacks."""
    archive = bytearray()
    for inode, (name, mode, content, (major, minor)) in enumerate([*entries, ("TRAILER!!!", 0, b"", (0, 0))], 1):
        encoded = name.encode() + b"\0"
        fields = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, major, minor, len(encoded), 0)
        archive += b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
        archive += b"\0" * (-len(archive) % 4) + content
        archive += b"\0" * (-len(archive) % 4)
    return bytes(archive)


def loading_order(show_depends: Iterable[str]) -> list[str]:
    """Paths of the module files, each once and after what it depends on, from `modprobe --show-depends` output."""
    order: dict[str, None] = {}
    for line in show_depends:
        action, _, path = line.strip().partition(" ")
        if action == "insmod":
            order[path.split()[0]] = None
        elif action != "builtin":
            raise SystemExit(f"modprobe said {line!r}: expected insmod or builtin")
    return list(order)


def unpacked(path: str) -> bytes:
    """A module file's ELF image."""
    content = pathlib.Path(path).read_bytes()
    return lzma.decompress(content) if path.endswith(".xz") else content


def entries(version: str, init: bytes, modules: list[str]) -> Iterator[Entry]:
    """The archive's content for one kernel version."""
    for directory in ("dev", "proc", "sys", "run", "root", "bin", "usr", "usr/lib"):
        yield directory, _DIRECTORY | 0o755, b"", (0, 0)
    yield "lib", _SYMLINK | 0o777, b"usr/lib", (0, 0)
    yield "dev/console", _CHARACTER_DEVICE | 0o600, b"", (5, 1)
    for library in sorted(pathlib.Path("/usr/lib").glob("klibc-*.so")):
        yield f"usr/lib/{library.name}", _REGULAR | 0o755, library.read_bytes(), (0, 0)
    for tool in TOOLS:
        yield f"bin/{tool}", _REGULAR | 0o755, pathlib.Path(KLIBC_DIR, tool).read_bytes(), (0, 0)
    yield "init", _REGULAR | 0o755, init, (0, 0)
    asked = [
        subprocess.run(
            ["modprobe", "--ignore-install", "--set-version", version, "--show-depends", name],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
        for name in modules
    ]
    files = loading_order(line for text in asked for line in text.splitlines())
    names = [pathlib.Path(path).name.removesuffix(".xz") for path in files]
    yield "modules", _REGULAR | 0o644, "".join(f"{name}\n" for name in names).encode(), (0, 0)
    for name, path in zip(names, files, strict=True):
        yield name, _REGULAR | 0o644, unpacked(path), (0, 0)


def main(version: str, init: str, output: str, *modules: str) -> None:
    """Write the archive."""
    pathlib.Path(output).write_bytes(newc(entries(version, pathlib.Path(init).read_bytes(), list(modules))))


if __name__ == "__main__":
    main(*sys.argv[1:])
