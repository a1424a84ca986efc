"""The client of the quorum device: what is seen of it, and what is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from halab.provisioners.corosync.quorum_device import QuorumDevice, QuorumDeviceItem, is_connected
from halab.provisioners.engine.platform import DEBIAN_13
from halab.provisioners.engine.steps import Await

ITEM = QuorumDeviceItem()
ASKS = QuorumDevice(machine="uuid", cluster="summit")
AWAY = replace(ASKS, connected=False)


def seen(load: str, file: str, active: str, said: str = "") -> str:
    return f"{said}\nLoadState={load}\nActiveState={active}\n\n{file}\n"


@pytest.mark.parametrize(
    ("answer", "there"),
    [
        (seen("loaded", "enabled", "active", "State:\t\t\tConnected"), ASKS),
        (seen("loaded", "enabled", "active", "State:\t\t\tConnect failed"), AWAY),
        (seen("loaded", "enabled", "failed"), AWAY),
        (seen("loaded", "disabled", "active", "State:  Connected"), AWAY),
        (seen("loaded", "disabled", "inactive"), None),
        (seen("not-found", "", "inactive"), None),
    ],
)
def test_observe(guest_host: Callable[..., Any], answer: str, there: QuorumDevice | None) -> None:
    host, _ = guest_host(answer)
    assert ITEM.observe(host, ASKS) == there


@pytest.mark.parametrize(
    ("now", "wanted", "verbs"),
    [
        (ASKS, ASKS, []),
        (None, ASKS, ["start what asks the quorum device", "an answer of the quorum device"]),
        (AWAY, ASKS, ["start what asks the quorum device", "an answer of the quorum device"]),
        (ASKS, None, ["end what asks the quorum device"]),
        (None, None, []),
    ],
)
def test_steps(now: QuorumDevice | None, wanted: QuorumDevice | None, verbs: list[str]) -> None:
    steps = [str(step) for step in ITEM.steps(DEBIAN_13, now, wanted)]
    assert len(steps) == len(verbs)
    assert all(verb in step for verb, step in zip(verbs, steps, strict=True))


def test_an_answer_is_waited_for() -> None:
    *_, wait = ITEM.steps(DEBIAN_13, None, ASKS)
    assert isinstance(wait, Await)
    assert "corosync-qdevice-tool" in str(wait.probe.argv)


def test_another_state_is_no_connection() -> None:
    assert not is_connected("State:\t\tConnected (but not quite)\n")
    assert not is_connected("Old State: Connected\n")
