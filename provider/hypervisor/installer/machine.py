"""The transient domain in which an installer runs: two blank disks, maybe a CD-ROM, the lab's network, a console."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from halab.images.installation import EXPORT_SERIAL
from halab.provider.hypervisor.connection import Connection, is_code, refuse_foreign
from halab.provider.hypervisor.inventory import read_mark
from halab.provider.hypervisor.machine import domain_parts as parts
from halab.provider.hypervisor.mark import Mark
from halab.provider.hypervisor.removal import end_domain
from halab.provisioners.engine.errors import ConfigError, Conflict


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallerSpec:
    """An installer's machine. `disk` is qcow2, `export` raw, both volumes; `cdrom` an ISO file or empty."""

    name: str
    hypervisor: Literal["kvm", "qemu"]
    memory_mib: int
    vcpus: int
    kernel: str
    initrd: str
    cmdline: str
    disk: str
    export: str
    cdrom: str
    network: str
    mac: str
    console_log: str
    mark: Mark


def installer_xml(spec: InstallerSpec) -> str:
    """libvirt's XML. Whatever ends the guest ends the domain: it never boots what it has installed."""
    root = parts.domain(spec.hypervisor, spec.name, spec.mark, spec.memory_mib, spec.vcpus)
    parts.boot(root, spec.kernel, spec.initrd, spec.cmdline)
    parts.processor(root, spec.hypervisor)
    parts.ends(root, poweroff="destroy", reboot="destroy", crash="destroy")
    devices = ET.SubElement(root, "devices")
    # The files are new: should the host crash, they are made again.
    _disk(devices, "vda", "qcow2", spec.disk, "disk0")
    _disk(devices, "vdb", "raw", spec.export, EXPORT_SERIAL)
    if spec.cdrom:
        _cdrom(devices, spec.cdrom)
    parts.network_card(devices, spec.network, spec.mac)
    parts.console(devices, spec.console_log)
    parts.random_numbers(devices)
    parts.nothing_needless(devices)
    return parts.written(root)


class InstallerMachine:
    """The running domain. libvirt ends it with this process's connection: a killed provider leaves no machine."""

    def __init__(self, connection: Connection, spec: InstallerSpec) -> None:
        self._spec = spec
        self._domain: Any = _started(connection, spec)

    def running(self) -> bool:
        """Whether it is there. A transient domain that has ended is not."""
        import libvirt

        try:
            return bool(self._domain.isActive())
        except libvirt.libvirtError as error:
            if is_code(error, "VIR_ERR_NO_DOMAIN"):
                return False
            raise

    def stuck(self) -> str:
        """Why the hypervisor stopped it although it has not ended; empty if it did not."""
        import libvirt

        try:
            state, reason = self._domain.state()
        except libvirt.libvirtError as error:
            if is_code(error, "VIR_ERR_NO_DOMAIN"):
                return ""
            raise
        if (state, reason) == (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_IOERROR):
            return f"{self._spec.disk} cannot be written: is the file system of the storage pool full?"
        return "The machine has crashed." if state == libvirt.VIR_DOMAIN_CRASHED else ""

    def end(self) -> None:
        """Switch it off; that it has gone is fine."""
        end_domain(self._domain)


def remove_left_machine(connection: Connection, lab: str, name: str) -> None:
    """End an installer's machine that an earlier run left. Raises Conflict if a domain of that name is another's."""
    domain = connection.domain(name)
    if domain is None:
        return
    remedy = f"Choose another name, or remove it: virsh destroy {name}; virsh undefine {name}."
    refuse_foreign("domain", name, read_mark(domain), lab, remedy)
    if domain.isPersistent():
        raise Conflict(f"the domain {name!r} is no installer's, but a machine of the lab", remedy, "name")
    end_domain(domain)


def _started(connection: Connection, spec: InstallerSpec) -> Any:
    import libvirt

    try:
        return connection.libvirt.createXML(installer_xml(spec), libvirt.VIR_DOMAIN_START_AUTODESTROY)
    except libvirt.libvirtError as error:
        if spec.cdrom and spec.cdrom in str(error):
            raise ConfigError(
                f"QEMU cannot read {spec.cdrom}",
                f"{error}. It runs as a user of its own: put the ISO file into a directory that everybody can enter, "
                f"for example {Path('/var/lib/libvirt/images')}, and make the file readable (chmod 644).",
                "tree",
            ) from error
        raise


def _disk(devices: ET.Element, target: str, format_: str, path: str, serial: str) -> None:
    element = ET.SubElement(devices, "disk", type="file", device="disk")
    ET.SubElement(element, "driver", name="qemu", type=format_, cache="unsafe", discard="unmap")
    ET.SubElement(element, "source", file=path)
    ET.SubElement(element, "target", dev=target, bus="virtio")
    parts.text(element, "serial", serial)


def _cdrom(devices: ET.Element, path: str) -> None:
    element = ET.SubElement(devices, "disk", type="file", device="cdrom")
    ET.SubElement(element, "driver", name="qemu", type="raw")
    source = ET.SubElement(element, "source", file=path)
    ET.SubElement(source, "seclabel", model="dac", relabel="no")  # it is the user's file, and stays theirs
    ET.SubElement(element, "target", dev="sda", bus="sata")
    ET.SubElement(element, "readonly")
