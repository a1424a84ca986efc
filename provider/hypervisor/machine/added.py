"""What a person has added to a machine: devices, which stay; and snapshots, which are named."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from halab.provider.hypervisor.storage.storage_xml import parse_volume, pool_path
from halab.provisioners.engine.errors import Conflict

if TYPE_CHECKING:
    from halab.provider.hypervisor.connection import Connection
    from halab.provider.hypervisor.machine.domain_xml import DomainSpec

_CHAIN = 16  # so many files may stand on each other


def own_disks(root: ET.Element) -> list[ET.Element]:
    """The disks that halab gave a domain, by their serial numbers; of another's domain all that are disks."""
    disks = [disk for disk in root.findall("devices/disk") if disk.get("device", "disk") == "disk"]
    return [disk for disk in disks if re.fullmatch("disk[0-9]+", disk.findtext("serial", ""))] or disks


def added_devices(root: ET.Element) -> tuple[str, ...]:
    """The XML of what was added by hand, each to be put where there is room."""
    own = [*own_disks(root), *root.findall("devices/interface")[:1]]
    found = [device for kind in ("disk", "interface", "hostdev", "filesystem") for device in root.iter(kind)]
    return tuple(_anywhere(device) for device in found if device not in own)


def _anywhere(device: ET.Element) -> str:
    copy = ET.fromstring(ET.tostring(device))
    for name in ("address", "alias"):
        for element in copy.findall(name):  # of hostdev the device's own address stands deeper
            copy.remove(element)
    return ET.tostring(copy, encoding="unicode").strip()


def below_snapshots(
    connection: Connection, domain: Any, spec: DomainSpec, disks: Sequence[str]
) -> tuple[DomainSpec, list[str]]:
    """The machine without its external snapshots, and their files; `disks`: what it is known to have."""
    now = [disk.path for disk in spec.disks]
    if now == list(disks) or len(now) != len(disks):
        return spec, []
    named = _snapshot_files(domain)
    new = [(path, before) for path, before in zip(now, disks, strict=True) if path != before]
    if not all(path in named or before in _chain(connection, path) for path, before in new):
        return spec, []
    own = tuple(replace(disk, path=path) for disk, path in zip(spec.disks, disks, strict=True))
    return replace(spec, disks=own), [path for path, _ in new]


def refuse_snapshots(spec: DomainSpec | None, disks: Sequence[str]) -> None:
    """Raise Conflict when a machine does not run from its own disks: a new definition would lose what was written."""
    new = [disk.path for disk in spec.disks if disk.path not in disks] if spec else []
    if spec and new:
        raise Conflict(
            f"the machine {spec.name!r} runs from external snapshots",
            f"They are {', '.join(new)}. Nothing of it was changed: what was written since would be lost. "
            f"{remedy(spec)}",
        )


def remedy(spec: DomainSpec) -> str:
    """How the snapshots' content comes into the disks."""
    return f"To merge them: virsh blockcommit {spec.name} vda --active --pivot (and so on for its other disks)."


def _snapshot_files(domain: Any) -> set[str]:
    """What libvirt itself has put on top of the disks."""
    described = [ET.fromstring(snapshot.getXMLDesc()) for snapshot in domain.listAllSnapshots()]
    return {source.get("file", "") for xml in described for source in xml.iterfind("disks/disk/source")}


def _chain(connection: Connection, path: str) -> Iterator[str]:
    """The files that the one at `path` stands on, in their order."""
    for _ in range(_CHAIN):
        volume = connection.volume(path) or _new_volume(connection, path)
        path = parse_volume(volume.XMLDesc()).backing if volume is not None else ""
        if not path:
            return
        yield path


def _new_volume(connection: Connection, path: str) -> Any | None:
    """A volume that no pool has seen yet."""
    for pool in connection.libvirt.listAllStoragePools():
        if pool.isActive() and pool_path(pool.XMLDesc()) == str(Path(path).parent):
            with connection.pool_lock(pool.name()):
                pool.refresh()
    return connection.volume(path)
