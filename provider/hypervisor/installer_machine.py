"""The transient domain in which an installer runs: two blank disks, maybe a CD-ROM, the lab's network, a console."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from halab.images.installation import EXPORT_SERIAL
from halab.provisioners.errors import ConfigError

from .connection import Connection, is_code, refuse_foreign
from .domain_xml import processor
from .inventory import read_mark
from .mark import Mark


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
    root = ET.Element("domain", type=spec.hypervisor)
    _text(root, "name", spec.name)
    ET.SubElement(root, "metadata").append(spec.mark.element())
    _text(root, "memory", str(spec.memory_mib), unit="MiB")
    _text(root, "vcpu", str(spec.vcpus))
    os = ET.SubElement(root, "os")
    _text(os, "type", "hvm", arch="x86_64", machine="q35")
    for tag, text in (("kernel", spec.kernel), ("initrd", spec.initrd), ("cmdline", spec.cmdline)):
        _text(os, tag, text)
    processor(root, spec.hypervisor)
    for event in ("poweroff", "reboot", "crash"):
        _text(root, f"on_{event}", "destroy")
    devices = ET.SubElement(root, "devices")
    # The files are new: should the host crash, they are made again.
    _disk(devices, "vda", "qcow2", spec.disk, "disk0")
    _disk(devices, "vdb", "raw", spec.export, EXPORT_SERIAL)
    if spec.cdrom:
        _cdrom(devices, spec.cdrom)
    interface = ET.SubElement(devices, "interface", type="network")
    ET.SubElement(interface, "mac", address=spec.mac.lower())
    ET.SubElement(interface, "source", network=spec.network)
    ET.SubElement(interface, "model", type="virtio")
    serial = ET.SubElement(devices, "serial", type="pty")
    ET.SubElement(serial, "log", file=spec.console_log, append="on")
    ET.SubElement(serial, "target", type="isa-serial", port="0")
    _text(ET.SubElement(devices, "rng", model="virtio"), "backend", "/dev/urandom", model="random")
    ET.SubElement(devices, "controller", type="usb", model="none")
    ET.SubElement(devices, "memballoon", model="none")
    ET.SubElement(ET.SubElement(devices, "video"), "model", type="none")
    ET.indent(root)
    return ET.tostring(root, encoding="unicode")


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
        destroy(self._domain)


def remove_left_machine(connection: Connection, lab: str, name: str) -> None:
    """End an installer's machine that an earlier run left. Raises Conflict if a domain of that name is another's."""
    domain = connection.domain(name)
    if domain is None:
        return
    remedy = f"Choose another name, or remove it: virsh destroy {name}; virsh undefine {name}."
    refuse_foreign("domain", name, read_mark(domain), lab, remedy)
    destroy(domain)


def destroy(domain: Any) -> None:
    """Switch a transient domain off, with which it is gone."""
    import libvirt

    try:
        domain.destroy()
    except libvirt.libvirtError as error:
        if not is_code(error, "VIR_ERR_NO_DOMAIN", "VIR_ERR_OPERATION_INVALID"):  # it went by itself
            raise


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
    _text(element, "serial", serial)


def _cdrom(devices: ET.Element, path: str) -> None:
    element = ET.SubElement(devices, "disk", type="file", device="cdrom")
    ET.SubElement(element, "driver", name="qemu", type="raw")
    source = ET.SubElement(element, "source", file=path)
    ET.SubElement(source, "seclabel", model="dac", relabel="no")  # it is the user's file, and stays theirs
    ET.SubElement(element, "target", dev="sda", bus="sata")
    ET.SubElement(element, "readonly")


def _text(parent: ET.Element, tag: str, text: str, **attributes: str) -> None:
    ET.SubElement(parent, tag, attributes).text = text
