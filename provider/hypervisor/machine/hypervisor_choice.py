"""Which hypervisor a machine runs on: what was asked for, or KVM where a kernel really comes up in it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Literal

from halab.provider.hypervisor.context import HypervisorContext
from halab.provider.hypervisor.machine.kvm_probe import KvmProbe
from halab.provider.hypervisor.waiting import Wait
from halab.provider.protocol import Ctx


class HypervisorChoice:
    """Decides for all machines of one resource type; warns once that machines are emulated. Safe for threads."""

    def __init__(self, provider: HypervisorContext) -> None:
        self._provider = provider
        self._lock = threading.Lock()
        self._kvm: KvmProbe | None = None
        self._warned = False

    def choose(
        self, ctx: Ctx, asked: str | None, kernel: str, initrd: str, waiting: Callable[[str], None]
    ) -> Literal["kvm", "qemu"]:
        """`asked`: auto, kvm or qemu, None for the provider's. `kernel` and `initrd` are volumes to try KVM with."""
        asked = asked or self._provider.hypervisor
        if asked != "auto":
            return "kvm" if asked == "kvm" else "qemu"
        with self._lock:
            if self._kvm is None:
                self._kvm = KvmProbe(self._provider.connection, self._provider.lab, self._provider.folder.kvm_verdict)
        waiting("trying whether KVM works")
        verdict = self._kvm.verdict(kernel, initrd, Wait(self._provider.time_scale, ctx.stop))
        if verdict.usable:
            return "kvm"
        with self._lock:
            first, self._warned = not self._warned, True
        if first:
            ctx.warn(
                "The machines are emulated: everything takes several times as long",
                f"KVM is not usable on this host: {verdict.reason}. "
                "Set hypervisor to qemu to say that this is intended, or make KVM work.",
            )
        return "qemu"
