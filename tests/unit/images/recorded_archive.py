"""A small Debian archive: real packages, real lists, really signed. Whoever serves its directory is its mirror."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from halab.images.initramfs import Entry, newc

KERNEL = "6.1.0-9-amd64"
NETBOOT = "debian-installer-12-netboot-amd64"
_STATUS = "Package: netcfg\nStatus: install ok unpacked\nVersion: 1.0\n\nPackage: wget-udeb\nVersion: 1.0\n"
_DIRECTORY, _FILE = 0o040755, 0o100644


class RecordedArchive:
    """`directory` is the archive's root, `keyring` has the key that signs it."""

    def __init__(self, directory: Path, work: Path) -> None:
        self.directory, self._work = directory, work
        self.keyring = work / "archive.gpg"
        work.mkdir(parents=True, exist_ok=True)
        self._home = Path(tempfile.mkdtemp(prefix="halab-gpg."))  # its agent's socket takes no long path
        self._gpg("--passphrase", "", "--quick-generate-key", "archive@example.test", "ed25519", "sign", "never")
        self._gpg("--output", str(self.keyring), "--export")
        self._stanzas: dict[str, list[str]] = {"main": [], "main/debian-installer": []}

    def add(self, name: str, *fields: str, part: bool = False, files: dict[str, bytes] | None = None) -> Path:
        """Build a package, `part`: of the installer; its file."""
        root = self._work / "packages" / name
        (root / "DEBIAN").mkdir(parents=True)
        control = [f"Package: {name}", "Version: 1.0", "Architecture: amd64", "Maintainer: T <t@example.test>", *fields]
        if not any(field.startswith("Priority:") for field in fields):
            control.append("Priority: optional")
        control.append("Description: recorded")
        (root / "DEBIAN/control").write_text("\n".join(control) + "\n")
        for path, content in (files or {}).items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        path = f"pool/main/{name[0]}/{name}/{name}_1.0_amd64.{'udeb' if part else 'deb'}"
        target = self.directory / path
        target.parent.mkdir(parents=True)
        subprocess.run(
            ["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", root, target], check=True, capture_output=True
        )
        size_bytes, digest = target.stat().st_size, hashlib.sha256(target.read_bytes()).hexdigest()
        stanza = [*control, f"Filename: {path}", f"Size: {size_bytes}", f"SHA256: {digest}"]
        self._stanzas["main/debian-installer" if part else "main"].append("\n".join(stanza) + "\n")
        return target

    def sign(self, suite: str = "bookworm") -> None:
        """Write lists and their description, and sign it."""
        dists = self.directory / "dists" / suite
        sums = []
        for component, stanzas in self._stanzas.items():
            text = "\n".join(stanzas).encode()
            folder = dists / component / "binary-amd64"
            folder.mkdir(parents=True, exist_ok=True)
            packed = lzma.compress(text)
            (folder / "Packages.xz").write_bytes(packed)
            for name, content in (("Packages", text), ("Packages.xz", packed)):
                digest = hashlib.sha256(content).hexdigest()
                sums.append(f" {digest} {len(content)} {component}/binary-amd64/{name}")
        description = f"Archive: {suite}\nComponent: main\nArchitecture: amd64\n".encode()
        (dists / "main/binary-amd64/Release").write_bytes(description)
        sums.append(f" {hashlib.sha256(description).hexdigest()} {len(description)} main/binary-amd64/Release")
        lines = ["Origin: Debian", f"Suite: {suite}", f"Codename: {suite}", "Version: 12.1"]
        lines += ["Date: Sat, 11 Jul 2026 10:00:00 UTC", "Architectures: amd64", "Components: main", "SHA256:", *sums]
        text_file = self._work / "Release"
        text_file.write_text("\n".join(lines) + "\n")
        self._gpg("--yes", "--output", str(dists / "InRelease"), "--clearsign", str(text_file))

    def _gpg(self, *words: str) -> None:
        options = ["--batch", "--quiet", "--pinentry-mode", "loopback"]
        environment = {**os.environ, "GNUPGHOME": str(self._home)}
        subprocess.run(["gpg", *options, *words], env=environment, check=True, capture_output=True)

    def close(self) -> None:
        """End the agent that gpg has started, and forget its keys."""
        subprocess.run(["gpgconf", "--kill", "all"], env={**os.environ, "GNUPGHOME": str(self._home)}, check=True)
        shutil.rmtree(self._home)


def initrd(kernel: str = KERNEL, status: str = _STATUS) -> bytes:
    """What `read_initrd` must find in an installer's initrd, as the real one has it."""
    entries: list[Entry] = [(name, _DIRECTORY, b"", (0, 0)) for name in ("lib", "lib/modules", f"lib/modules/{kernel}")]
    entries += [("init", _FILE, b"#!/bin/sh\n", (0, 0)), ("var/lib/dpkg/status", _FILE, status.encode(), (0, 0))]
    return gzip.compress(newc(entries))


def small_archive(directory: Path, work: Path) -> RecordedArchive:
    """All that a tree is made of, and what must not come along."""
    archive = RecordedArchive(directory, work)
    images = "usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64"
    archive.add(NETBOOT, files={f"{images}/linux": b"kernel" * 1000, f"{images}/initrd.gz": initrd()})
    archive.add("base-files", "Priority: required", "Depends: libbase | libother")
    archive.add("apt-of-it", "Priority: important")
    archive.add("libbase")
    archive.add("libother")
    archive.add("linux-image-amd64", f"Depends: linux-image-{KERNEL}")
    archive.add(f"linux-image-{KERNEL}")
    archive.add("grub-pc")
    archive.add("corosync", "Depends: libquorum", "Recommends: unwanted")
    archive.add("libquorum")
    archive.add("unwanted")
    archive.add("base-installer", "Priority: required", part=True)
    archive.add("partman-base", "Priority: standard", "Depends: libparted-udeb, harddrive-detection", part=True)
    archive.add("libparted-udeb", part=True)
    archive.add("disk-detect", "Provides: harddrive-detection", part=True)
    archive.add("netcfg", "Priority: standard", part=True)  # in the initrd already
    archive.add("ext4-modules", "Priority: standard", f"Kernel-Version: {KERNEL}", part=True)
    archive.add("ext4-modules-old", "Priority: standard", "Kernel-Version: 6.1.0-8-amd64", part=True)
    archive.add("partman-auto-lvm", "Priority: extra", "Depends: lvm2-udeb", part=True)  # a step asks for it
    archive.add("lvm2-udeb", part=True)
    archive.add("sound-udeb", part=True)
    archive.sign()
    return archive
