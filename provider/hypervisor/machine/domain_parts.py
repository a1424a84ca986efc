"""Parts of a domain's XML that are the same whatever its machine is for."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from halab.provider.hypervisor.mark import Mark


def domain(hypervisor: str, name: str, mark: Mark, memory_mib: int, vcpus: int) -> ET.Element:
    """A <domain>, to which the caller adds what the machine boots, is made of and does in the end."""
    root = ET.Element("domain", type=hypervisor)
    text(root, "name", name)
    ET.SubElement(root, "metadata").append(mark.element())
    text(root, "memory", str(memory_mib), unit="MiB")
    text(root, "vcpu", str(vcpus))
    return root


def boot(root: ET.Element, kernel: str, initrd: str, cmdline: str) -> ET.Element:
    """Add the <os> of a machine that boots a kernel directly."""
    os = ET.SubElement(root, "os")
    text(os, "type", "hvm", arch="x86_64", machine="q35")
    text(os, "kernel", kernel)
    text(os, "initrd", initrd)
    text(os, "cmdline", cmdline)
    return os


def processor(root: ET.Element, hypervisor: str) -> None:
    """Add the elements of processor, firmware tables and clock."""
    features = ET.SubElement(root, "features")
    ET.SubElement(features, "acpi")
    ET.SubElement(features, "apic")
    if hypervisor == "kvm":
        ET.SubElement(root, "cpu", mode="host-passthrough", check="none")
    else:
        # A model without AVX: emulating those instructions costs a guest a quarter of its speed.
        cpu = ET.SubElement(root, "cpu", mode="custom", match="exact", check="none")
        text(cpu, "model", "Nehalem", fallback="forbid")
    ET.SubElement(root, "clock", offset="utc")


def ends(root: ET.Element, poweroff: str, reboot: str, crash: str) -> None:
    """Add what becomes of the machine when its guest does this."""
    for event, action in (("poweroff", poweroff), ("reboot", reboot), ("crash", crash)):
        text(root, f"on_{event}", action)


def network_card(devices: ET.Element, network: str, mac: str) -> None:
    """Add its interface in one of libvirt's networks."""
    interface = ET.SubElement(devices, "interface", type="network")
    ET.SubElement(interface, "mac", address=mac.lower())
    ET.SubElement(interface, "source", network=network)
    ET.SubElement(interface, "model", type="virtio")


def console(devices: ET.Element, log: str) -> None:
    """Add a terminal for `virsh console`, and all output in a file besides."""
    serial = ET.SubElement(devices, "serial", type="pty")
    ET.SubElement(serial, "log", file=log, append="on")
    ET.SubElement(serial, "target", type="isa-serial", port="0")


def random_numbers(devices: ET.Element) -> None:
    """Add a source of randomness."""
    text(ET.SubElement(devices, "rng", model="virtio"), "backend", "/dev/urandom", model="random")


def nothing_needless(devices: ET.Element) -> None:
    """Leave out what libvirt adds by itself: devices that nobody needs cost boot time, drivers are loaded for them."""
    ET.SubElement(devices, "controller", type="usb", model="none")
    ET.SubElement(devices, "memballoon", model="none")
    ET.SubElement(ET.SubElement(devices, "video"), "model", type="none")


def written(root: ET.Element) -> str:
    """The XML as text, a line for each element."""
    ET.indent(root)
    return ET.tostring(root, encoding="unicode")


def text(parent: ET.Element, tag: str, content: str, **attributes: str) -> None:
    """Add an element with a text."""
    ET.SubElement(parent, tag, attributes).text = content
