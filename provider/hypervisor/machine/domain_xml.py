"""A machine's domain as values, and as libvirt's XML, both ways."""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from typing import Literal

from halab.provider.hypervisor.machine import domain_parts as parts
from halab.provider.hypervisor.machine.added import added_devices, own_disks
from halab.provider.hypervisor.mark import Mark, mark_in

_CREDENTIAL = "io.systemd.credential.binary:tmpfiles.extra="
# Not authorized_keys itself: the file is written anew at each boot, and other keys are added there meanwhile.
_KEY_FILE = "/root/.ssh/authorized_keys2"
_NEWLINE = "\n"


@dataclass(frozen=True, slots=True)
class Disk:
    """A qcow2 or raw disk. `overlay`: it has a backing file, so that nothing on it must survive a crash of the host."""

    path: str
    overlay: bool
    format: str = "qcow2"


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainSpec:
    """A machine. `cmdline` is the whole kernel command line; `console_log` the file with all it printed."""

    name: str
    uuid: str
    hypervisor: Literal["kvm", "qemu"]
    memory_mib: int
    vcpus: int
    kernel: str
    initrd: str
    cmdline: str
    disks: tuple[Disk, ...]
    network: str
    mac: str
    console_log: str
    authorized_key: str
    mark: Mark
    added: tuple[str, ...] = field(default=(), compare=False)
    """XML of devices that were added by hand. They are nobody's business, and stay."""


def command_line(cmdline: str, hostname: str, emulated: str) -> str:
    """The kernel's command line. The words for emulated processors stand behind the host name, to be found again."""
    return " ".join(part for part in (cmdline.strip(), f"systemd.hostname={hostname}", emulated.strip()) if part)


def split_command_line(line: str, hostname: str) -> tuple[str, str]:
    """(cmdline, words for emulated processors) of a line that `command_line` made; all of it as cmdline otherwise."""
    words = f" {line} ".partition(f" systemd.hostname={hostname} ")
    return (words[0].strip(), words[2].strip()) if words[1] else (line, "")


def domain_xml(spec: DomainSpec) -> str:
    """libvirt's XML for a machine."""
    root = parts.domain(spec.hypervisor, spec.name, spec.mark, spec.memory_mib, spec.vcpus)
    parts.text(root, "uuid", spec.uuid)
    _sysinfo(root, spec)
    ET.SubElement(parts.boot(root, spec.kernel, spec.initrd, spec.cmdline), "smbios", mode="sysinfo")
    parts.processor(root, spec.hypervisor)
    parts.ends(root, poweroff="destroy", reboot="restart", crash="restart")
    devices = ET.SubElement(root, "devices")
    for index, disk in enumerate(spec.disks):
        _disk(devices, index, disk)
    parts.network_card(devices, spec.network, spec.mac)
    parts.console(devices, spec.console_log)
    parts.random_numbers(devices)
    ET.SubElement(devices, "watchdog", model="i6300esb", action="reset")
    devices.extend(map(ET.fromstring, spec.added))
    parts.nothing_needless(devices)
    return parts.written(root)


def identity_files(hostname: str, authorized_key: str) -> str:
    """tmpfiles.d lines that give a guest its name and the key that may log in, before sshd starts."""
    lines = (
        f"f+~ /etc/hostname 0644 root root - {_base64(hostname + _NEWLINE)}",
        "d /root/.ssh 0700 root root -",
        f"f+~ {_KEY_FILE} 0600 root root - {_base64(authorized_key + _NEWLINE)}",
    )
    return _NEWLINE.join((*lines, ""))


def _sysinfo(root: ET.Element, spec: DomainSpec) -> None:
    strings = ET.SubElement(ET.SubElement(root, "sysinfo", type="smbios"), "oemStrings")
    parts.text(strings, "entry", _CREDENTIAL + _base64(identity_files(spec.mark.hostname, spec.authorized_key)))


def _disk(devices: ET.Element, index: int, disk: Disk) -> None:
    element = ET.SubElement(devices, "disk", type="file", device="disk")
    # unsafe: flushes do nothing. A guest's crash or reset loses nothing by it, since what it wrote is in the host's
    # memory; only a crash of the host would, and an overlay is made again then. Data disks get real flushes.
    cache = "unsafe" if disk.overlay else "writeback"
    ET.SubElement(element, "driver", name="qemu", type=disk.format, cache=cache, discard="unmap")
    ET.SubElement(element, "source", file=disk.path)
    ET.SubElement(element, "target", dev=f"vd{chr(ord('a') + index)}", bus="virtio")
    parts.text(element, "serial", f"disk{index}")  # /dev/disk/by-id/virtio-disk1


def parse_domain(xml: str) -> DomainSpec | None:
    """The machine in a domain's inactive XML; None if it has no mark of a lab."""
    root = ET.fromstring(xml)
    mark = mark_in(root)
    if mark is None:
        return None
    return DomainSpec(
        name=root.findtext("name", ""),
        uuid=root.findtext("uuid", ""),
        hypervisor="kvm" if root.get("type") == "kvm" else "qemu",
        memory_mib=_mib(root.find("memory")),
        vcpus=int(root.findtext("vcpu", "1")),
        kernel=root.findtext("os/kernel", ""),
        initrd=root.findtext("os/initrd", ""),
        cmdline=root.findtext("os/cmdline", ""),
        disks=tuple(_parse_disk(disk) for disk in own_disks(root)),
        network=_attribute(root, "devices/interface/source", "network"),
        mac=_attribute(root, "devices/interface/mac", "address").lower(),
        console_log=_attribute(root, "devices/serial/log", "file"),
        authorized_key=_parse_key(root),
        mark=mark,
        added=added_devices(root),
    )


def _parse_disk(disk: ET.Element) -> Disk:
    driver = disk.find("driver")
    cache, kind = ("", "raw") if driver is None else (driver.get("cache", ""), driver.get("type", "raw"))
    return Disk(_attribute(disk, "source", "file"), cache == "unsafe", kind)


def _parse_key(root: ET.Element) -> str:
    for entry in root.findall("sysinfo/oemStrings/entry"):
        if (entry.text or "").startswith(_CREDENTIAL):
            lines = base64.b64decode((entry.text or "").removeprefix(_CREDENTIAL)).decode().splitlines()
            keys = [line.split(" ")[-1] for line in lines if f" {_KEY_FILE} " in line]
            return base64.b64decode(keys[0]).decode().strip() if keys else ""
    return ""


def _mib(memory: ET.Element | None) -> int:
    if memory is None:
        return 0
    bytes_per_unit = {
        "b": 1,
        "bytes": 1,
        "KiB": 1024,
        "k": 1024,
        "MiB": 1024**2,
        "M": 1024**2,
        "GiB": 1024**3,
        "G": 1024**3,
    }
    return int(memory.text or "0") * bytes_per_unit[memory.get("unit", "KiB")] // 1024**2


def _attribute(root: ET.Element, path: str, name: str) -> str:
    element = root.find(path)
    return "" if element is None else element.get(name, "")


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
