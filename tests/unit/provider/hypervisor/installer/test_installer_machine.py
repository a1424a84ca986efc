"""The installer's domain, and the archive that goes into its initrd."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from halab.images.installation import EXPORT_SERIAL, ArchiveFile, SecretFile
from halab.provider.hypervisor.connection import Connection
from halab.provider.hypervisor.installer.machine import InstallerSpec, installer_xml, remove_left_machine
from halab.provider.hypervisor.installer.run import installer_cmdline
from halab.provider.hypervisor.installer.volumes import archive
from halab.provider.hypervisor.mark import Mark, mark_in
from halab.provisioners.engine.errors import ConfigError, Conflict
from tests.unit.provider.hypervisor.installer.test_installer_watch import installation

SPEC = InstallerSpec(
    name="summit-installer",
    hypervisor="qemu",
    memory_mib=3072,
    vcpus=2,
    kernel="/pool/k",
    initrd="/pool/i",
    cmdline="inst.ks=file:/ks.cfg console=ttyS0",
    disk="/pool/disk",
    export="/pool/export",
    cdrom="",
    network="summit",
    mac="52:54:00:AA:00:01",
    console_log="/pool/log",
    mark=Mark(lab="summit"),
)


def test_whatever_ends_the_guest_ends_its_domain() -> None:
    root = ET.fromstring(installer_xml(SPEC))
    assert [root.findtext(f"on_{event}") for event in ("poweroff", "reboot", "crash")] == ["destroy"] * 3
    mark = mark_in(root)
    assert mark is not None
    assert (mark.lab, mark.hostname) == ("summit", ""), "no machine of the lab: nothing is configured in it"


def test_its_disks_are_told_apart_by_their_serial_numbers() -> None:
    disks = ET.fromstring(installer_xml(SPEC)).findall("devices/disk")
    found = [(d.find("source"), d.find("target"), d.findtext("serial")) for d in disks]
    assert [(s.get("file"), t.get("dev"), serial) for s, t, serial in found if s is not None and t is not None] == [
        ("/pool/disk", "vda", "disk0"),
        ("/pool/export", "vdb", EXPORT_SERIAL),
    ]


def test_an_iso_file_stays_its_owners() -> None:
    root = ET.fromstring(installer_xml(replace(SPEC, cdrom="/isos/dvd.iso")))
    cdrom = root.find("devices/disk[@device='cdrom']")
    assert cdrom is not None
    assert cdrom.find("readonly") is not None
    label = cdrom.find("source/seclabel")
    assert label is not None
    assert (label.get("model"), label.get("relabel")) == ("dac", "no")


def test_an_emulated_machine_does_not_test_its_timer() -> None:
    assert installer_cmdline("inst.text", "kvm") == "inst.text"
    assert "no_timer_check" in installer_cmdline("inst.text", "qemu").split()


def domain_xml(name: str, mark: Mark | None) -> str:
    root = ET.Element("domain", type="test")
    ET.SubElement(root, "name").text = name
    ET.SubElement(root, "memory", unit="MiB").text = "64"
    ET.SubElement(ET.SubElement(root, "os"), "type").text = "hvm"
    if mark is not None:
        ET.SubElement(root, "metadata").append(mark.element())
    return ET.tostring(root, encoding="unicode")


def test_what_a_killed_run_left_is_ended(connection: Connection) -> None:
    connection.libvirt.createXML(domain_xml("summit-installer", Mark(lab="summit")), 0)
    remove_left_machine(connection, "summit", "summit-installer")
    assert connection.domain("summit-installer") is None
    remove_left_machine(connection, "summit", "summit-installer")


@pytest.mark.parametrize("mark", [None, Mark(lab="other")])
def test_a_domain_of_somebody_else_is_left_alone(connection: Connection, mark: Mark | None) -> None:
    connection.libvirt.createXML(domain_xml("summit-installer", mark), 0)
    with pytest.raises(Conflict, match="summit-installer"):
        remove_left_machine(connection, "summit", "summit-installer")
    assert connection.domain("summit-installer") is not None


def unpacked(content: bytes, directory: Path) -> Path:
    subprocess.run(["cpio", "--extract", "--make-directories", "--quiet"], input=content, cwd=directory, check=True)
    return directory


def test_the_archive_holds_the_answer_and_its_secret(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("hunter2\n")
    key.chmod(0o600)
    wanted = installation(
        archive_files=(ArchiveFile("ks.cfg", b"poweroff\n"), ArchiveFile("usr/lib/hook/run.sh", b"#!/bin/sh\n", 0o755)),
        secret_files=(SecretFile("secret.ks", key, "rhsm --activation-key={secret}\n"),),
    )
    (tmp_path / "root").mkdir()
    root = unpacked(archive(wanted), tmp_path / "root")
    assert (root / "ks.cfg").read_text() == "poweroff\n"
    assert (root / "usr/lib/hook/run.sh").stat().st_mode & 0o777 == 0o755
    assert (root / "secret.ks").read_text() == "rhsm --activation-key=hunter2\n"
    assert (root / "secret.ks").stat().st_mode & 0o777 == 0o600
    assert "hunter2" not in f"{wanted!r} {wanted.hash}"


def test_a_secret_that_others_may_read_goes_nowhere(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("hunter2\n")
    key.chmod(0o644)
    secret: Any = SecretFile("secret.ks", key, "{secret}")
    with pytest.raises(ConfigError, match="can be read by others"):
        archive(installation(secret_files=(secret,)))
