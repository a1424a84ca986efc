"""A person's hand on machines, on libvirt's test driver."""

from __future__ import annotations

from typing import Any

import libvirt
import pytest

from halab.provider.hypervisor.connection import Connection, LibvirtFailed
from halab.provider.hypervisor.machine.handling import Hands
from halab.provider.hypervisor.machine.presence import Presence
from halab.provisioners.engine.errors import Conflict
from tests.unit.provider.hypervisor.machine.test_checkpoint import machine


def test_what_is_off_already_is_cut_and_started(connection: Connection) -> None:
    """A drill that cycles a machine finds one that was fenced meanwhile."""
    domain, hands = machine(connection, "node1"), Hands(connection, "summit")
    for before in (Presence.OFF, Presence.RUNNING):
        assert hands.state(domain.UUIDString()) is before
        hands.cut(domain.UUIDString())
        assert hands.state(domain.UUIDString()) is Presence.OFF
        hands.start(domain.UUIDString())
    assert hands.state(domain.UUIDString()) is Presence.RUNNING


@pytest.mark.parametrize("code", [libvirt.VIR_ERR_OPERATION_INVALID, libvirt.VIR_ERR_OPERATION_FAILED])
def test_one_that_stays_on_is_not_cut(connection: Connection, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    domain = machine(connection, "node1")
    domain.create()

    def stays(_: Any) -> None:
        error = libvirt.libvirtError("it stays on")
        error.err = (code, 0, "it stays on", 0, "", None, None, 0, 0)
        raise error

    monkeypatch.setattr(libvirt.virDomain, "destroy", stays)
    with pytest.raises(LibvirtFailed, match="cut a machine's power"):
        Hands(connection, "summit").cut(domain.UUIDString())


def test_others_machines_are_left_alone(connection: Connection) -> None:
    domain = machine(connection, "node1", lab="other")
    domain.create()
    with pytest.raises(Conflict):
        Hands(connection, "summit").cut(domain.UUIDString())
    assert domain.isActive()
