"""Machines that run but stand still: QEMU pauses one that cannot write to its disk, and so can a person."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from halab.provider.hypervisor.connection import is_code
from halab.provisioners.engine.errors import Paused


@dataclass(frozen=True, slots=True)
class Pause:
    """Why a machine stands still (completes "is paused ..."), and how it goes on."""

    why: str
    remedy: str

    def error(self, hostname: str) -> Paused:
        """It as an error, to be raised."""
        return Paused(f"{hostname} is paused {self.why}", self.remedy)


def pause_of(domain: Any) -> Pause | None:
    """The pause of a domain; None while it runs, is off or gone, or is paused by libvirt itself for a moment."""
    import libvirt

    try:
        state, reason = domain.state()[:2]
        if state != libvirt.VIR_DOMAIN_PAUSED:
            return None
        resume = f"virsh resume {domain.name()}"
        if reason == libvirt.VIR_DOMAIN_PAUSED_IOERROR:
            places = _directories(domain.XMLDesc())
    except libvirt.libvirtError as error:
        if is_code(error, "VIR_ERR_NO_DOMAIN"):
            return None
        raise
    if reason == libvirt.VIR_DOMAIN_PAUSED_IOERROR:
        return Pause(
            "because of an I/O error",
            f"A write to its disks failed: no space is left below {places}, most likely. Make room there, then let it "
            f"go on ({resume}), and apply again.",
        )
    known = {
        libvirt.VIR_DOMAIN_PAUSED_USER: "by hand",
        libvirt.VIR_DOMAIN_PAUSED_UNKNOWN: "for a reason that libvirt does not know",
    }
    return Pause(known[reason], f"Let it go on ({resume}), and apply again.") if reason in known else None


def refuse_paused(domain: Any, hostname: str) -> None:
    """Raise Paused if the machine stands still: whoever waits for it would wait in vain."""
    if pause := pause_of(domain):
        raise pause.error(hostname)


def _directories(xml: str) -> str:
    """Where a domain's disks are: its pools' paths."""
    files = (source.get("file") for source in ET.fromstring(xml).findall("devices/disk/source"))
    return " and ".join(sorted({str(Path(file).parent) for file in files if file}))
