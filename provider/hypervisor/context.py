"""What the hypervisor's resources need from the provider that holds them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from halab.provider.hypervisor.connection import Connection
    from halab.provider.protocol import Ledger
    from halab.provider.run.folder import LabFolder

Event = Literal["start", "wait", "done", "failed"]


class HypervisorContext(Protocol):
    """The configured provider, as its resources see it."""

    lab: str
    """The lab's name: the mark that stands on everything it owns."""
    connection: Connection
    folder: LabFolder
    """Files of the lab on this side: the verdict on KVM is kept here."""
    hypervisor: str
    """auto, kvm or qemu: for machines that do not say."""
    time_scale: float
    """Factor on all deadlines, for slow hypervisors."""
    ledger: Ledger
    """What may be taken over is asked of it."""
    destroying_all: bool
    """Whether all machines go, and their disks with them."""
    stop: threading.Event
    """Set when Terraform was interrupted."""

    def out_of_service(
        self, machine: str, stop: threading.Event, report: Callable[[str], None]
    ) -> AbstractContextManager[None]:
        """While the block runs, this machine (its UUID) may be off: one at a time, drained before, back after."""

    def expect(self, machine: str, stop: threading.Event) -> None:
        """A refresh has come to a machine that runs (its UUID): what is in it will be asked for next."""

    def progress(self, event: Event, phase: str, resource: str, name: str, machine: str, detail: str = "") -> None:
        """Tell whoever follows the deploy. `machine` is the machine's short name, empty where none is concerned."""
