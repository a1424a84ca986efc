"""Builds an image: mmdebstrap fills an ext4 file system, qemu-img makes a sparse qcow2 of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from halab.images.cache import ImageInfo
from halab.images.debian import EMULATED_CMDLINE, DebianRecipe
from halab.provisioners.engine.errors import CommandFailed, ConfigError, HalabError

# A tree of about 1 GB, an ext4 image of it and a qcow2 of that exist side by side for a moment.
REQUIRED_FREE_BYTES = 4 * 1024**3
_TOOLS = {"mmdebstrap": "mmdebstrap", "qemu-img": "qemu-utils", "mke2fs": "e2fsprogs"}
_UNPRIVILEGED_TOOLS, _ROOTS_TOOLS = {"newuidmap": "uidmap"}, {"unshare": "util-linux"}
_SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin"
_UNKNOWN_PACKAGE = re.compile(
    r"(?:Unable to locate package|Couldn't find any package by \S+) '?([^\s']+)"
    r"|Package '?([^\s']+)'? has no installation candidate"
)
_UNREACHABLE = re.compile(
    r"Could not resolve|Could not connect|Failed to fetch|Temporary failure resolving|"
    r"Connection refused|Network is unreachable"
)
Report = Callable[[str], None]


def build_image(recipe: DebianRecipe, directory: Path, report: Report) -> ImageInfo:
    """Put disk.qcow2, vmlinuz and initrd of a recipe into `directory`, an empty directory, and say what they are."""
    privileged = os.geteuid() == 0
    environment = _environment(directory, privileged)
    _check_tools(_TOOLS | (_ROOTS_TOOLS if privileged else _UNPRIVILEGED_TOOLS), environment["PATH"])
    _check_space(directory, Path(environment["TMPDIR"]))
    (directory / "overlay.tar").write_bytes(recipe.overlay)
    report(f"installing {len(recipe.packages)} packages of Debian {recipe.suite} and what they need")
    _fill_disk(recipe, directory, environment, privileged)
    report("packing the disk")
    _run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", "disk.raw", "disk.qcow2"], directory, environment)
    packages = dict(line.split("\t", 1) for line in (directory / "packages").read_text().splitlines())
    for name in ("disk.raw", "overlay.tar", "packages"):
        (directory / name).unlink()
    for name in ("disk.qcow2", "vmlinuz", "initrd"):
        (directory / name).chmod(0o644)
    return ImageInfo(
        suite=recipe.suite,
        recipe_hash=recipe.hash,
        kernel=kernel_version(packages),
        cmdline=recipe.cmdline,
        cmdline_emulated=EMULATED_CMDLINE,
        packages=packages,
        virtual_size_bytes=recipe.virtual_size_bytes,
    )


def _environment(directory: Path, privileged: bool) -> dict[str, str]:
    environment = {**os.environ, "LC_ALL": "C", "INITRD": "No"}  # INITRD=No: the kernel's package makes no initramfs
    environment["PATH"] = f"{environment.get('PATH', '/usr/bin:/bin')}:{_SYSTEM_PATH}"
    # Without root the tree belongs to mapped users, whom a home directory need not let in.
    environment["TMPDIR"] = str(directory) if privileged else environment.get("TMPDIR", "/var/tmp")
    return environment


def _check_tools(tools: dict[str, str], path: str) -> None:
    missing = {tool: package for tool, package in tools.items() if shutil.which(tool, path=path) is None}
    if missing:
        raise HalabError(
            f"{', '.join(missing)}: not installed",
            f"Building an image needs the package{'s' if len(missing) > 1 else ''} {', '.join(missing.values())}.",
        )


def _check_space(*directories: Path) -> None:
    for directory in directories:
        free_bytes = shutil.disk_usage(directory).free
        if free_bytes < REQUIRED_FREE_BYTES:
            raise HalabError(
                f"the disk of {directory} is too full",
                f"Building an image takes {REQUIRED_FREE_BYTES / 1e9:.1f} GB for a moment, {free_bytes / 1e9:.1f} GB "
                "are free. Make room, or set HALAB_CACHE (and TMPDIR when you are not root) to another disk.",
            )


def _fill_disk(recipe: DebianRecipe, directory: Path, environment: dict[str, str], privileged: bool) -> None:
    disk = directory / "disk.raw"
    disk.touch()
    os.truncate(disk, recipe.virtual_size_bytes)
    disk.chmod(0o666)  # without root the writer is a mapped user, who reaches the file by its descriptor alone
    descriptor = os.open(disk, os.O_RDWR)
    try:
        argv = recipe.mmdebstrap_argv("overlay.tar", f"/dev/fd/{descriptor}", "root" if privileged else "unshare")
        # What root's mmdebstrap mounts in its tree nobody else sees: whoever read there would keep it mounted.
        _run(["unshare", "--mount", *argv] if privileged else argv, directory, environment, (descriptor,))
    finally:
        os.close(descriptor)


def _run(argv: Sequence[str], directory: Path, environment: dict[str, str], keep: tuple[int, ...] = ()) -> None:
    log = directory / "build.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            argv, cwd=directory, env=environment, pass_fds=keep, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            rc = process.wait()
        except BaseException:
            process.terminate()  # mmdebstrap unmounts and removes its tree before it ends
            process.wait()
            raise
    if rc != 0:
        raise explain_failure("mmdebstrap" if "mmdebstrap" in argv else argv[0], rc, log.read_text(errors="replace"))
    log.unlink()


def explain_failure(tool: str, rc: int, log: str) -> HalabError:
    """The error that a user gets for a failed tool, from the tool's output."""
    if unknown := sorted({a or b for a, b in _UNKNOWN_PACKAGE.findall(log)}):
        return ConfigError(
            f"no package {', '.join(unknown)} in this suite",
            "Correct the names, or add the apt source that has them with image.apt_sources.",
            "image.extra_packages",
        )
    if "No space left on device" in log:
        return HalabError("the disk is full", "Building an image takes about 4 GB. Make room or set HALAB_CACHE.")
    if "NO_PUBKEY" in log or "is not signed" in log:
        return HalabError("the archive's signature cannot be checked", "Install the package debian-archive-keyring.")
    if _UNREACHABLE.search(log):
        return HalabError(
            "the package archive cannot be reached",
            f"{_complaints(log)}\n"
            "The first build needs a network. A mirror of yours can be set with image.apt_sources.",
        )
    return CommandFailed(f"{tool} failed", f"exit status {rc}\n{_tail(log, 15)}", rc=rc)


def _complaints(log: str) -> str:
    """The first lines in which apt says what went wrong."""
    return "\n".join([line for line in log.splitlines() if line.startswith("E: ")][:3])


def _tail(log: str, lines: int) -> str:
    return "\n".join(log.strip().splitlines()[-lines:])


def kernel_version(packages: dict[str, str]) -> str:
    """The version of the one kernel among an image's packages."""
    prefix = "linux-image-"
    kernels = [name.removeprefix(prefix) for name in packages if name.startswith(prefix)]
    versions = [name for name in kernels if name[0].isdigit()]
    if len(versions) != 1:
        raise ConfigError(
            f"the image has {len(versions)} kernels: {', '.join(versions)}",
            "Do not add or remove kernel packages.",
            "image.extra_packages",
        )
    return versions[0]
