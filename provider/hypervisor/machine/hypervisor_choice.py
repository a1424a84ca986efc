"""Which hypervisor a machine runs on: what was asked for, or KVM where a kernel really comes up in it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Literal, cast

from halab.provider.hypervisor.context import HypervisorContext
from halab.provider.hypervisor.machine.kvm_probe import KvmProbe
from halab.provider.hypervisor.waiting import Wait
from halab.provider.protocol import UNKNOWN, Ctx, State

Hypervisor = Literal["kvm", "qemu"]


class HypervisorChoice:
    """Decides for all machines of one resource type; warns once that machines are emulated. Safe for threads."""

    def __init__(self, provider: HypervisorContext) -> None:
        self._provider = provider
        self._lock = threading.Lock()
        self._kvm: KvmProbe | None = None
        self._warned = False

    def planned(self, asked: Any, prior: State | None, kernel: Any) -> Any:
        """What a machine will run on: what is asked for, else what it runs on, whatever has changed on the host since;
        a new one on what was found out with its kernel before. UNKNOWN while it is not known what is asked for, or when
        it is to be found out. What is planned for others by it would seem to change, too."""
        if asked is UNKNOWN:
            return UNKNOWN
        decided = asked or self._provider.hypervisor
        if decided != "auto":
            return decided
        if prior is not None:
            return prior["hypervisor_used"] if asked == prior["hypervisor"] else UNKNOWN
        found = None if kernel is UNKNOWN else self._probe().found(kernel)
        return UNKNOWN if found is None else "kvm" if found.usable else "qemu"

    def _probe(self) -> KvmProbe:
        with self._lock:
            if self._kvm is None:
                self._kvm = KvmProbe(self._provider.connection, self._provider.lab, self._provider.folder.kvm_verdict)
            return self._kvm

    def of(self, ctx: Ctx, planned: State, waiting: Callable[[str], None]) -> Hypervisor:
        """What a planned machine runs on: what the plan says where it could tell, else what is found out now."""
        if (used := planned["hypervisor_used"]) in ("kvm", "qemu"):
            return cast(Hypervisor, used)
        return self.choose(ctx, planned["hypervisor"], planned["kernel"], planned["initrd"], waiting)

    def choose(
        self, ctx: Ctx, asked: str | None, kernel: str, initrd: str, waiting: Callable[[str], None]
    ) -> Hypervisor:
        """`asked`: auto, kvm or qemu, None for the provider's. `kernel` and `initrd` are volumes to try KVM with."""
        asked = asked or self._provider.hypervisor
        if asked != "auto":
            return "kvm" if asked == "kvm" else "qemu"
        waiting("trying whether KVM works")
        verdict = self._probe().verdict(kernel, initrd, Wait(self._provider.time_scale, ctx.stop))
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
