"""Pools and volumes as libvirt's XML, both ways."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeSpec:
    """A volume. `backing` is the path of the disk below it, empty for none; `format` qcow2 or raw."""

    name: str
    size_bytes: int
    format: str = "qcow2"
    backing: str = ""
    path: str = ""


def pool_xml(name: str, path: str, uuid: str) -> str:
    """A directory pool. Its directory can be entered by QEMU's user, and listed by root alone."""
    root = ET.Element("pool", type="dir")
    _text(root, "name", name)
    _text(root, "uuid", uuid)
    target = ET.SubElement(root, "target")
    _text(target, "path", path)
    _text(ET.SubElement(target, "permissions"), "mode", "0711")
    ET.indent(root)
    return ET.tostring(root, encoding="unicode")


def pool_path(xml: str) -> str:
    """The pool's directory."""
    return ET.fromstring(xml).findtext("target/path", "")


def volume_xml(spec: VolumeSpec) -> str:
    """A new volume; raw ones get no space before it is written, qcow2 ones grow as they are used."""
    root = ET.Element("volume", type="file")
    _text(root, "name", spec.name)
    ET.SubElement(root, "capacity", unit="bytes").text = str(spec.size_bytes)
    ET.SubElement(root, "allocation", unit="bytes").text = "0"
    target = ET.SubElement(root, "target")
    ET.SubElement(target, "format", type=spec.format)
    if spec.format == "qcow2":
        _text(target, "compat", "1.1")  # libvirt's default is the format of before 2012
        ET.SubElement(ET.SubElement(target, "features"), "lazy_refcounts")
    _text(ET.SubElement(target, "permissions"), "mode", "0600")
    if spec.backing:
        backing = ET.SubElement(root, "backingStore")
        _text(backing, "path", spec.backing)
        ET.SubElement(backing, "format", type="qcow2")
    ET.indent(root)
    return ET.tostring(root, encoding="unicode")


def parse_volume(xml: str) -> VolumeSpec:
    """What libvirt says a volume is. libvirt gives sizes in bytes."""
    root = ET.fromstring(xml)
    format_ = root.find("target/format")
    return VolumeSpec(
        name=root.findtext("name", ""),
        size_bytes=int(root.findtext("capacity", "0")),
        format="" if format_ is None else format_.get("type", ""),
        backing=root.findtext("backingStore/path", ""),
        path=root.findtext("target/path", ""),
    )


def _text(parent: ET.Element, tag: str, text: str) -> None:
    ET.SubElement(parent, tag).text = text
