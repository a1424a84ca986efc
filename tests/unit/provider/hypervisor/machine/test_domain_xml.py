"""Machines as XML and back."""

from __future__ import annotations

import base64
import dataclasses
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from halab.provider.hypervisor.machine.domain_xml import (
    Disk,
    DomainSpec,
    command_line,
    domain_xml,
    identity_files,
    parse_domain,
    split_command_line,
)
from halab.provider.hypervisor.machine.kvm_probe import probe_xml
from halab.provider.hypervisor.mark import MARK_URI, Mark, parse_mark, pool_uuids

DATA = Path(__file__).parents[4] / "data" / "hypervisor"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN6OWSkjvRTFgGXKcAQuMrvUTDTgbBgXv8KlsQzgqr2L lab"
MARK = Mark(
    lab="summit",
    hostname="node1",
    domain="summit.test",
    address="10.17.0.11",
    cluster="summit",
    host_key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGDB38Ev1e0yl30/A1BXqhSUpZBNFSndmFd2i+UG6mW9",
)
QEMU = DomainSpec(
    name="summit-node1",
    uuid="63f4014a-32a7-40a1-b037-f967a7e4df40",
    hypervisor="qemu",
    memory_mib=1024,
    vcpus=1,
    kernel="/pool/base.kernel",
    initrd="/pool/base.initrd",
    cmdline="root=/dev/vda console=ttyS0 systemd.hostname=node1 nokaslr",
    disks=(Disk("/pool/node1.qcow2", True), Disk("/pool/lun.qcow2", False)),
    network="summit",
    mac="52:54:00:aa:00:01",
    console_log="/pool/summit-node1.console.log",
    authorized_key=KEY,
    mark=MARK,
)
KVM = dataclasses.replace(QEMU, hypervisor="kvm", vcpus=4, disks=QEMU.disks[:1], mark=Mark(lab="summit", hostname="t"))


@pytest.mark.parametrize(("name", "spec"), [("domain-qemu", QEMU), ("domain-kvm", KVM)])
def test_golden(name: str, spec: DomainSpec) -> None:
    assert domain_xml(spec) + "\n" == (DATA / f"{name}.xml").read_text()


ADDED = (
    '<disk type="file" device="cdrom"><source file="/iso/a.iso"/><target dev="sda" bus="sata"/><readonly/></disk>',
    '<disk type="file" device="disk"><source file="/mine/b.qcow2"/><target dev="vdc" bus="virtio"/></disk>',
    '<interface type="network"><mac address="52:54:00:00:00:99"/><source network="default"/></interface>',
)


def test_what_a_person_added_is_nobodys_business_and_stays() -> None:
    """Wherever it stands, and with the addresses that libvirt has given it."""
    root = ET.fromstring(domain_xml(QEMU))
    devices = root.find("devices")
    assert devices is not None
    for index, text in zip((0, 1, len(devices)), ADDED, strict=True):
        device = ET.fromstring(text)
        ET.SubElement(device, "address", type="pci", slot="0x09")
        devices.insert(index, device)
    seen = parse_domain(ET.tostring(root, encoding="unicode"))
    assert seen == QEMU
    assert plain(seen.added) == plain(ADDED)
    again = parse_domain(domain_xml(seen))
    assert again == QEMU
    assert plain(again.added) == plain(ADDED)


def plain(devices: tuple[str, ...]) -> list[str]:
    return [ET.canonicalize(text, strip_text=True) for text in devices]


@pytest.mark.parametrize("spec", [QEMU, KVM])
def test_round_trip(spec: DomainSpec) -> None:
    assert parse_domain(domain_xml(spec)) == spec


def test_as_libvirt_shows_it() -> None:
    """libvirt adds addresses, defaults and units of its own."""
    assert parse_domain((DATA / "domain-libvirt.xml").read_text()) == parse_domain(
        (DATA / "domain-libvirt-source.xml").read_text()
    )


def test_probe_golden() -> None:
    text = probe_xml("summit-kvm-probe", "/pool/k", "/pool/i", "/pool/summit-kvm-probe.console.log", Mark(lab="summit"))
    assert text + "\n" == (DATA / "domain-kvm-probe.xml").read_text()


def test_a_foreign_domain_is_none_of_ours() -> None:
    assert parse_domain("<domain type='kvm'><name>x</name><memory unit='GiB'>1</memory></domain>") is None


@pytest.mark.parametrize(
    ("given", "mib"), [("unit='GiB'>2", 2048), (">1048576", 1024), ("unit='b'>1073741824", 1024), ("unit='M'>512", 512)]
)
def test_units_of_memory(given: str, mib: int) -> None:
    xml = domain_xml(QEMU).replace('<memory unit="MiB">1024', f"<memory {given}")
    spec = parse_domain(xml)
    assert spec is not None
    assert spec.memory_mib == mib


def test_values_are_escaped() -> None:
    spec = dataclasses.replace(QEMU, cmdline="a=<&> \"x\" 'y'", name="<n>")
    assert parse_domain(domain_xml(spec)) == spec


def test_the_identity_is_base64_of_tmpfiles_lines() -> None:
    lines = identity_files("node1", KEY).splitlines()
    assert [line.rpartition(" ")[0] for line in lines] == [
        "f+~ /etc/hostname 0644 root root -",
        "d /root/.ssh 0700 root root",
        "f+~ /root/.ssh/authorized_keys2 0600 root root -",
    ]
    assert base64.b64decode(lines[0].split()[-1]) == b"node1\n"
    assert base64.b64decode(lines[2].split()[-1]) == f"{KEY}\n".encode()


LINES = [
    ("root=/dev/vda quiet", "nokaslr a=b", "root=/dev/vda quiet systemd.hostname=node1 nokaslr a=b"),
    ("root=/dev/vda", "", "root=/dev/vda systemd.hostname=node1"),
    ("", "", "systemd.hostname=node1"),
]


@pytest.mark.parametrize(("cmdline", "emulated", "line"), LINES)
def test_command_line(cmdline: str, emulated: str, line: str) -> None:
    assert command_line(cmdline, "node1", emulated) == line
    assert split_command_line(line, "node1") == (cmdline, emulated)


def test_an_edited_command_line_is_shown_whole() -> None:
    assert split_command_line("root=/dev/sda systemd.hostname=node11", "node1") == (
        "root=/dev/sda systemd.hostname=node11",
        "",
    )


def test_mark_for_libvirt_names_no_namespace() -> None:
    """virDomainSetMetadata refuses an element that already is in the namespace it is given."""
    assert MARK_URI not in MARK.xml()
    assert parse_mark(MARK.xml()) == MARK
    assert parse_mark(ET.tostring(MARK.element(), encoding="unicode")) == MARK


def test_a_later_versions_mark_can_be_read() -> None:
    assert parse_mark('<lab name="summit" colour="blue"/>') == Mark(lab="summit")


def test_pools_are_marked_by_uuid() -> None:
    assert pool_uuids("summit", "summit") == (
        "25e51d9d-e321-5ef7-9f6e-2358c5eccf28",
        "9298ed0a-67f3-51e5-a3f0-e9e42da305fb",
    )
    assert len({*pool_uuids("a", "b"), *pool_uuids("a", "c"), *pool_uuids("b", "b")}) == 6
