"""Makes an installation tree of a Debian release: resumed where it stopped, valid only when it is whole."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from halab.images.archive.apt import COMPONENTS, Apt, SignedList, Unserved
from halab.images.archive.initrd import read_initrd
from halab.images.archive.packages import Package, base_system, installer_parts, read_packages
from halab.images.archive.release import split, sums
from halab.images.preseed.tree import MARK, NETBOOT
from halab.provisioners.engine.errors import CommandFailed, Conflict, HalabError, UnexpectedOutput

# What the installer asks for by itself: boot loader, keyboard, what suits the hardware that it finds. It goes on
# without those that an archive lacks.
INSTALLERS_OWN = (
    *("linux-image-amd64", "initramfs-tools", "busybox", "zstd", "udev", "grub-pc", "os-prober"),
    *("keyboard-configuration", "console-setup", "locales", "tasksel", "popularity-contest", "laptop-detect"),
    *("discover", "eject", "pciutils", "usbutils", "installation-report", "qemu-guest-agent"),
)
_WORK, _BATCH = ".unfinished", 40
_IMAGES = "usr/lib/debian-installer/images/{release}/amd64/text/debian-installer/amd64"
_ARCHITECTURE = "main/binary-amd64/Release"
_BOOT_FILES = ("linux", "initrd.gz")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A release by number and name, and the packages that its installations add."""

    release: str
    suite: str
    packages: tuple[str, ...]

    @property
    def netboot(self) -> str:
        """The package with the installer's kernel and initrd."""
        return f"debian-installer-{self.release}-netboot-amd64"


class TreeMaker:
    """Fills `directory`, which is new, empty or an earlier run's. `report` gets one line for each step."""

    def __init__(self, directory: Path, wanted: Wanted, report: Callable[[str], None]) -> None:
        self._directory, self._wanted, self._report = directory, wanted, report
        self._work = directory / _WORK

    def make(self, connect: Callable[[Path], Apt]) -> int:
        """Make it whole; the bytes of its pool. `connect` gives apt, with its state in a directory of ours.

        Raises HalabError; what has been fetched by then stays for the next run.
        """
        self._take()
        apt = connect(self._work / "apt")
        self._report("fetching the archive's signed lists")
        apt.update()
        release, signature = split(apt.in_release().read_text())
        vouched = sums(release)
        lists = self._lists(apt, vouched)
        main, parts = (_packages(lists, component) for component in COMPONENTS)
        kernel, initrd = self._boot_files(apt, main)
        brought = read_initrd(initrd)
        self._report("finding what an installation needs")
        chosen = [*self._system(apt, main), *installer_parts(parts, brought.parts, brought.kernel)]
        self._write(apt, signature, lists, (kernel, initrd))
        self._describe_architecture(apt, vouched)
        self._fetch(apt, chosen)
        # Last: what has none is no tree.
        part = self._work / "Release"
        part.write_text(release)
        part.replace(self._dists / "Release")
        shutil.rmtree(self._work)
        return sum(package.size_bytes for package in chosen)

    @property
    def _dists(self) -> Path:
        return self._directory / "dists" / self._wanted.suite

    def _take(self) -> None:
        mark = self._directory / MARK
        if self._directory.exists() and not mark.exists() and any(self._directory.iterdir()):
            raise Conflict(f"{self._directory} is not empty", "Name a new directory, or one that halab tree has made.")
        self._work.mkdir(parents=True, exist_ok=True)
        mark.write_text(
            json.dumps({"format": 1, "suite": self._wanted.suite, "packages": self._wanted.packages}, indent=2) + "\n"
        )
        # Without it nobody takes an unfinished tree for one.
        (self._dists / "Release").unlink(missing_ok=True)

    def _lists(self, apt: Apt, vouched: dict[str, str]) -> list[SignedList]:
        lists = apt.lists()
        for one in lists:
            if vouched.get(one.path) != _sha256(one.file):
                raise UnexpectedOutput(f"{one.path} is not what the archive's Release vouches for", "Run it again.")
        return lists

    def _boot_files(self, apt: Apt, main: Iterable[Package]) -> tuple[Path, Path]:
        """The installer's kernel and initrd, out of their package."""
        name = self._wanted.netboot
        found = [package for package in main if package.name == name]
        if not found:
            raise HalabError(f"the archive has no package {name}", "It has the installer. Take another mirror.")
        self._report(f"fetching the installer, {_mb(found[0].size_bytes)}")
        self._fetch_all(apt, found, self._work)
        unpacked = self._work / "netboot"
        done = subprocess.run(
            ["dpkg-deb", "--extract", self._work / found[0].path, unpacked], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise CommandFailed(f"{found[0].file} cannot be unpacked", done.stderr.strip(), rc=done.returncode)
        images = unpacked / _IMAGES.format(release=self._wanted.release)
        if missing := [name for name in _BOOT_FILES if not (images / name).is_file()]:
            raise UnexpectedOutput(
                f"{found[0].file} has no {' and no '.join(missing)}", f"It was looked for in {images}."
            )
        return images / _BOOT_FILES[0], images / _BOOT_FILES[1]

    def _system(self, apt: Apt, main: list[Package]) -> list[Package]:
        """The base system with all that is added to it, and what they need."""
        by_name_and_version = {(package.name, package.version): package for package in main}
        names = {package.name for package in main}
        if unknown := sorted(set(self._wanted.packages) - names - {p for one in main for p in one.provides}):
            raise HalabError(
                f"Debian {self._wanted.suite} has no package {', '.join(unknown)}", "Correct image.extra_packages."
            )
        base = base_system(main)
        own = [name for name in INSTALLERS_OWN if name in names]
        # By itself first: debootstrap chooses among alternatives before it knows what else comes.
        resolved = apt.resolve(base) | apt.resolve([*base, *own, *self._wanted.packages])
        return [by_name_and_version[one] for one in sorted(resolved)]

    def _fetch(self, apt: Apt, chosen: list[Package]) -> None:
        absent = [package for package in chosen if not _is_there(self._directory, package)]
        size_bytes = sum(package.size_bytes for package in absent)
        self._report(
            f"{len(chosen)} files, {_mb(sum(package.size_bytes for package in chosen))}: {len(absent)} to fetch, "
            f"{_mb(size_bytes)}"
        )
        free_bytes = shutil.disk_usage(self._directory).free
        if free_bytes < size_bytes:
            raise HalabError(f"the disk of {self._directory} is too full", f"{_mb(free_bytes)} are free.")
        self._fetch_all(apt, absent, self._directory)

    def _fetch_all(self, apt: Apt, packages: Sequence[Package], root: Path) -> None:
        """Put packages below `root`, batch by batch. Raises HalabError with all that the archive did not give."""
        downloads = self._work / "downloads"
        downloads.mkdir(exist_ok=True)
        missing: list[Package] = []
        complaint: Unserved | None = None
        wanted = [package for package in packages if not _is_there(root, package)]
        for at in range(0, len(wanted), _BATCH):
            batch = wanted[at : at + _BATCH]
            complaint = apt.download([f"{one.name}={one.version}" for one in batch], downloads) or complaint
            for package in batch:
                if _keep(downloads / package.file, root, package):
                    continue
                missing.append(package)
            if complaint is not None and not complaint.gone:
                break
            if len(wanted) > _BATCH:
                self._report(f"{at + len(batch)} of {len(wanted)} asked for, {len(missing)} of them not served")
        if missing:
            raise _incomplete(missing, complaint)

    def _write(self, apt: Apt, signature: str, lists: list[SignedList], boot_files: tuple[Path, Path]) -> None:
        """What makes the pool a tree, but for Release."""
        netboot = self._directory / NETBOOT.format(suite=self._wanted.suite)
        netboot.mkdir(parents=True, exist_ok=True)
        for file in boot_files:
            shutil.copyfile(file, netboot / file.name)
        images = netboot.parents[2]
        lines = [f"{_sha256(netboot / name)}  ./{(netboot / name).relative_to(images)}\n" for name in _BOOT_FILES]
        (images / "SHA256SUMS").write_text("".join(lines))
        for one in lists:
            target = self._dists / one.path
            target.parent.mkdir(parents=True, exist_ok=True)
            for earlier in target.parent.glob("Packages*"):
                earlier.unlink()
            shutil.copyfile(one.file, target)
        shutil.copyfile(apt.in_release(), self._dists / "InRelease")
        (self._dists / "Release.gpg").write_text(signature)

    def _describe_architecture(self, apt: Apt, vouched: dict[str, str]) -> None:
        """The file by which the installer finds out whether an archive has its architecture."""
        if _ARCHITECTURE not in vouched:
            raise UnexpectedOutput(f"the archive's Release has no {_ARCHITECTURE}", "Is it a Debian archive?")
        apt.fetch(_ARCHITECTURE, vouched[_ARCHITECTURE], self._dists / _ARCHITECTURE)


def _packages(lists: list[SignedList], component: str) -> list[Package]:
    """A component's packages."""
    found = [one for one in lists if one.path.startswith(f"{component}/binary-amd64/Packages")]
    if len(found) != 1:
        raise UnexpectedOutput(f"the archive has {len(found)} lists of {component}", "One was expected.")
    return read_packages(found[0].text)


def _is_there(root: Path, package: Package) -> bool:
    file = root / package.path
    return file.is_file() and file.stat().st_size == package.size_bytes and _sha256(file) == package.sha256


def _keep(file: Path, root: Path, package: Package) -> bool:
    """Give a fetched file its place; False if it is not there, or not what the list says."""
    if not file.is_file() or _sha256(file) != package.sha256:
        return False
    target = root / package.path
    target.parent.mkdir(parents=True, exist_ok=True)
    file.replace(target)
    return True


def _incomplete(missing: list[Package], complaint: Unserved | None) -> HalabError:
    said = complaint.complaints if complaint else ""
    if complaint is None or not complaint.gone:
        return HalabError("the archive cannot be read to its end", f"{said}\nWhat was fetched stays: run it again.")
    names = [package.path.rpartition("/")[2] for package in missing]
    return HalabError(
        f"the archive lists {len(names)} files that it does not serve",
        f"{', '.join(names)}.\nWhat was fetched stays. Run it again with --mirror ADDRESS of another.",
    )


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.0f} MB"
