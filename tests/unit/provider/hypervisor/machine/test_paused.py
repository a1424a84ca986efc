"""Machines that run but stand still: which of libvirt's states that is, and what is said about it."""

from __future__ import annotations

import libvirt
import pytest

from halab.provider.hypervisor.connection import Connection
from halab.provider.hypervisor.inventory import Inventory, write_mark
from halab.provider.hypervisor.machine.paused import pause_of
from halab.provider.hypervisor.machine.presence import Presence
from halab.provider.hypervisor.mark import Mark

XML = """<domain type='kvm'><devices>
<disk type='file'><source file='/srv/lab/node1.qcow2'/></disk>
<disk type='file'><source file='/srv/data/one.raw'/></disk>
<disk type='file' device='cdrom'/></devices></domain>"""


class Domain:
    """A domain in that state."""

    def __init__(self, state: int, reason: int) -> None:
        self._state = [state, reason]

    def state(self) -> list[int]:
        return self._state

    def name(self) -> str:
        return "summit-node1"

    def XMLDesc(self) -> str:
        return XML


PAUSED = libvirt.VIR_DOMAIN_PAUSED


@pytest.mark.parametrize(
    ("state", "reason", "words"),
    [
        (libvirt.VIR_DOMAIN_RUNNING, 1, []),
        (libvirt.VIR_DOMAIN_SHUTOFF, 1, []),
        (libvirt.VIR_DOMAIN_CRASHED, 1, []),
        (
            PAUSED,
            libvirt.VIR_DOMAIN_PAUSED_IOERROR,
            ["node1 is paused because of an I/O error", "/srv/data and /srv/lab", "virsh resume summit-node1"],
        ),
        (PAUSED, libvirt.VIR_DOMAIN_PAUSED_USER, ["node1 is paused by hand", "virsh resume summit-node1"]),
        (PAUSED, libvirt.VIR_DOMAIN_PAUSED_UNKNOWN, ["libvirt does not know", "virsh resume summit-node1"]),
        (PAUSED, libvirt.VIR_DOMAIN_PAUSED_STARTING_UP, []),
        (PAUSED, libvirt.VIR_DOMAIN_PAUSED_SHUTTING_DOWN, []),
        (PAUSED, libvirt.VIR_DOMAIN_PAUSED_SNAPSHOT, []),
    ],
)
def test_pause(state: int, reason: int, words: list[str]) -> None:
    pause = pause_of(Domain(state, reason))
    said = "" if pause is None else str(pause.error("node1"))
    assert (said == "") == (words == [])
    assert [word for word in words if word not in said] == []


def test_the_inventory_shows_it(connection: Connection) -> None:
    xml = "<domain type='test'><name>one</name><memory>65536</memory><os><type>hvm</type></os></domain>"
    domain = connection.libvirt.defineXML(xml)
    write_mark(domain, Mark(lab="summit", hostname="node1"))
    inventory = Inventory(connection, "summit")
    assert inventory.machine(domain.UUIDString()).pause is None
    domain.create()
    assert inventory.machine(domain.UUIDString()).pause is None
    domain.suspend()
    view = inventory.machine(domain.UUIDString())
    assert view.presence is Presence.PAUSED
    assert view.pause is not None
    assert view.pause.why == "by hand"
