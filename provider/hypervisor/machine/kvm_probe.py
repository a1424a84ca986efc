"""Whether hardware virtualization works here: found out by booting a kernel. That /dev/kvm opens says too little."""

from __future__ import annotations

import json
import re
import threading
import xml.etree.ElementTree as ET
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from halab.provider.hypervisor.connection import Connection, is_code
from halab.provider.hypervisor.machine import domain_parts as parts
from halab.provider.hypervisor.machine.console import Console, console_volume, last_lines
from halab.provider.hypervisor.mark import Mark
from halab.provider.hypervisor.removal import end_domain, remove_volume
from halab.provider.hypervisor.waiting import Wait
from halab.provider.run.files import write_private
from halab.provisioners.engine.errors import TimedOut

_DEADLINE_S = 20.0
# The kernel is up and hands over to the initramfs, or wants to but has none. A kernel that hangs never comes so far.
_ALIVE = re.compile(r"Run \S+ as init process|Kernel panic - not syncing: (VFS|No working init)|halab initramfs: ")
_CMDLINE = "console=ttyS0 loglevel=7 panic=-1"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether KVM works, why it is thought so, and for which boot of the host, QEMU and kernel."""

    usable: bool
    reason: str
    boot_id: str
    qemu_version: int
    kernel: str

    def holds_for(self, other: Verdict) -> bool:
        """Whether it was found under the same circumstances."""
        return (self.boot_id, self.qemu_version, self.kernel) == (other.boot_id, other.qemu_version, other.kernel)


# Machines and installers probe by themselves, in machines of one name: one at a time.
_TURN = threading.Lock()


class KvmProbe:
    """Tries once for each boot of the host, however many machines ask at once."""

    def __init__(self, connection: Connection, lab: str, file: Path) -> None:
        self._connection, self._lab, self._file = connection, lab, file
        self._known: dict[str, Verdict] = {}

    def verdict(self, kernel: str, initrd: str, wait: Wait) -> Verdict:
        """The verdict, from the file if that still holds. `kernel` and `initrd` are paths of volumes."""
        with _TURN:
            if kernel not in self._known:
                self._known[kernel] = self._look_up(kernel, initrd, wait)
            return self._known[kernel]

    def found(self, kernel: str) -> Verdict | None:
        """What was found out before with this kernel; None if nothing was, or under other circumstances."""
        with _TURN:
            if kernel not in self._known and (known := self._load()) and known.holds_for(self._here(kernel)):
                self._known[kernel] = known
            return self._known.get(kernel)

    def _here(self, kernel: str) -> Verdict:
        return Verdict(False, "", _boot_id(), self._connection.libvirt.getVersion(), kernel)

    def _look_up(self, kernel: str, initrd: str, wait: Wait) -> Verdict:
        here = self._here(kernel)
        known = self._load()
        if known is None or not known.holds_for(here):
            usable, reason = self._try(kernel, initrd, wait)
            known = Verdict(usable, reason, here.boot_id, here.qemu_version, kernel)
            self._store(known)
        return known

    def _try(self, kernel: str, initrd: str, wait: Wait) -> tuple[bool, str]:
        import libvirt

        try:
            self._connection.libvirt.getDomainCapabilities(None, "x86_64", "q35", "kvm")
        except libvirt.libvirtError as error:
            return False, _refusal(error)
        name = f"{self._lab}-kvm-probe"
        log = console_volume(self._connection, name, beside=kernel)
        xml = probe_xml(name, kernel, initrd, log, Mark(lab=self._lab))
        try:
            # It ends with this connection: a killed run leaves nothing behind.
            domain = self._connection.libvirt.createXML(xml, libvirt.VIR_DOMAIN_START_AUTODESTROY)
            try:
                return _watch(Console(self._connection, log), wait)
            finally:
                end_domain(domain)
        except libvirt.libvirtError as error:
            return False, _refusal(error)
        finally:
            remove_volume(self._connection, log)

    def _load(self) -> Verdict | None:
        try:
            return Verdict(**json.loads(self._file.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None  # not there, or of another version: it is found out again

    def _store(self, verdict: Verdict) -> None:
        write_private(self._file, json.dumps(asdict(verdict), indent=1) + "\n")


def probe_xml(name: str, kernel: str, initrd: str, log: str, mark: Mark) -> str:
    """A domain under KVM that only boots a kernel: no disk, no network. It goes when its kernel gives up."""
    root = parts.domain("kvm", name, mark, memory_mib=512, vcpus=1)
    parts.boot(root, kernel, initrd, _CMDLINE)
    parts.processor(root, "kvm")
    parts.ends(root, poweroff="destroy", reboot="destroy", crash="destroy")
    devices = ET.SubElement(root, "devices")
    parts.console(devices, log)
    parts.nothing_needless(devices)
    return parts.written(root)


def _refusal(error: Any) -> str:
    """Why there is no KVM. An error that says nothing about it, such as a lost connection, is raised again."""
    import libvirt

    # QEMU ended at once; libvirt knows that QEMU has no KVM; no such accelerator for this machine type
    refused = is_code(error, "VIR_ERR_INTERNAL_ERROR", "VIR_ERR_CONFIG_UNSUPPORTED", "VIR_ERR_INVALID_ARG")
    if not refused or error.get_error_domain() in (libvirt.VIR_FROM_RPC, libvirt.VIR_FROM_REMOTE):
        raise error
    return str(error).splitlines()[-1]


def _watch(console: Console, wait: Wait) -> tuple[bool, str]:
    try:
        line = wait.until(
            "kernel under KVM",
            lambda: _ALIVE.search(console.text()),
            deadline_s=_DEADLINE_S,
            interval_s=0.2,
            seen=lambda: last_lines(console.text(), 3) or "it printed nothing",
        )
    except TimedOut as error:
        return False, f"/dev/kvm is there, but a kernel hangs in it: {error.detail}"
    return True, f"a kernel came up: {line.group(0)}"


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
