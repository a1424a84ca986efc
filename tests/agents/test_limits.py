"""What fence_redfish's own limits are good for: a machine that is off, and does not come on again."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from tests.agents.agents import Agents
from tests.agents.conftest import ADDRESS, Doors
from tests.unit.provider.fencing.doors.conftest import OURS, PASSWORD, USER, Domains

pytestmark = pytest.mark.long

_LIMITS = {"disable_timeout": 0, "power_timeout": 3}  # as constructs/redfish_fencing.py names them


@pytest.fixture
def stays_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has libvirt refuse to start machines: the host may have too little memory for it."""
    import libvirt

    def refuse(_: Any) -> Any:
        raise libvirt.libvirtError("cannot allocate memory")

    monkeypatch.setattr(libvirt.virDomain, "create", refuse)


@pytest.mark.usefixtures("stays_off")
def test_a_machine_that_does_not_come_on_again_counts_as_fenced(agents: Agents, doors: Doors, domains: Domains) -> None:
    options: dict[str, Any] = {"ipaddr": ADDRESS, "ipport": doors.config.port, "login": USER, "passwd": PASSWORD}
    device = {**options, "ca": doors.files.authority, "systems_uri": f"/redfish/v1/Systems/{OURS}"}
    done = agents("fence_redfish", "reboot", by_pacemaker=True, **device, **_LIMITS)
    assert done.code == 0, done.said
    assert not domains(OURS).isActive()
    with pytest.raises(subprocess.TimeoutExpired):
        agents("fence_redfish", "reboot", 15, by_pacemaker=True, **device)
