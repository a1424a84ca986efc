"""An endpoint that lies, asked by fence_redfish itself: what a false word alone does, and a false state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from halab.cli.drill.declaration import Lie
from halab.cli.drill.lying import lying
from tests.agents.agents import Agents, Done
from tests.agents.conftest import ADDRESS, Doors
from tests.unit.provider.fencing.doors.conftest import FOREIGN, OURS, PASSWORD, USER, Domains

pytestmark = pytest.mark.long

Ask = Callable[..., Done]


@pytest.fixture
def ask(agents: Agents, doors: Doors) -> Ask:
    def by_port(action: str, port: int, machine: str = OURS, **changed: Any) -> Done:
        options = {"ipaddr": ADDRESS, "ipport": port, "login": USER, "passwd": PASSWORD, "ca": doors.files.authority}
        uri = {"systems_uri": f"/redfish/v1/Systems/{machine}", "power_timeout": 3}
        return agents("fence_redfish", action, **{**options, **uri, **changed})

    return by_port


def _told(doors: Doors, lie: Lie, told: list[tuple[str, str]]) -> Any:
    return lying(doors.files.directory, lie, lambda uuid, action: told.append((uuid, action)), 60)


def test_a_word_alone_is_not_believed(ask: Ask, doors: Doors, domains: Domains) -> None:
    told: list[tuple[str, str]] = []
    run = domains(OURS).ID()
    with _told(doors, "done", told) as port:
        for action in ("off", "reboot"):
            done = ask(action, port)
            assert done.code not in (0, 2), done.said
        assert ask("status", port).code == 0, "it tells the state as it is"
    assert told[0] == (OURS, "off")
    assert domains(OURS).isActive()
    assert domains(OURS).ID() == run, "nothing has happened to it"
    assert ask("reboot", doors.config.port).code == 0, "the lab's own endpoint goes on"
    assert domains(OURS).ID() != run


def test_a_false_state_is_believed(ask: Ask, doors: Doors, domains: Domains) -> None:
    told: list[tuple[str, str]] = []
    run = domains(OURS).ID()
    with _told(doors, "state", told) as port:
        assert ask("monitor", port).code == 0
        assert ask("off", port).code == 0
        assert ask("status", port).code == 2, "off, as it has said"
        assert ask("reboot", port).code == 0
        assert ask("status", port).code == 0
    assert {uuid for uuid, _ in told} == {OURS}
    assert told[-1] == (OURS, "on")
    assert domains(OURS).isActive()
    assert domains(OURS).ID() == run, "nothing has happened to it"


def test_it_knows_the_labs_password_and_machines_only(ask: Ask, doors: Doors) -> None:
    told: list[tuple[str, str]] = []
    with _told(doors, "state", told) as port:
        assert ask("off", port, passwd="another").code not in (0, 2)
        assert ask("off", port, FOREIGN).code not in (0, 2)
    assert told == []


def test_afterwards_nobody_is_there(ask: Ask, doors: Doors) -> None:
    with _told(doors, "state", []) as port:
        assert ask("status", port).code == 0
    done = ask("status", port, login_timeout=3)
    assert done.code not in (0, 2), done.said
