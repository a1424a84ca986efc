"""A trial: what is fired, that it waits for the node, and what is told of what was not fired."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pytest

from halab.cli.fence.devices import Device
from halab.cli.fence.firing import Fired
from halab.cli.fence.table import as_data
from halab.cli.fence.trial import Row, Trial
from halab.provisioners.engine.errors import ConnectError, HalabError, TimedOut

REDFISH, SBD = Device("fence-node2", "fence_redfish", "node1"), Device("fence-sbd", "fence_sbd", "node3")
OTHERS = replace(REDFISH, name="fence-node1")
T = TypeVar("T")
WORKED = Fired("node2", "node1", 1.5, "stopped, started")
FAILED = replace(WORKED, proof="", fault="No data available")


@dataclass
class Gun:
    """A Firing by method. `shots`: what comes of each; `back`: seconds until the node is back, or why it is not."""

    shots: dict[str, Fired | HalabError]
    back: float | HalabError = 33.0
    able_to: tuple[Device, ...] = (REDFISH, SBD)
    did: list[str] = field(default_factory=list)

    def able(self, node: str) -> list[Device]:
        return list(self.able_to)

    def boot_id(self, node: str) -> str:
        return "boot-1"

    def fire(self, node: str, action: str, device: Device) -> Fired:
        self.did.append(f"{device.method} fires")
        return _or_raise(self.shots[device.method])

    def back_s(self, node: str, boot: str) -> float:
        self.did.append(f"waits for {'another boot' if boot else 'any boot'}")
        return _or_raise(self.back)


def _or_raise(what: T | HalabError) -> T:
    if isinstance(what, HalabError):
        raise what
    return what


def trial(gun: Gun, told: list[str]) -> Trial:
    return Trial(gun, told.append)  # type: ignore[arg-type]


def faults(rows: list[Row]) -> list[str]:
    return [str(as_data(row)["fault"]) for row in rows]


@pytest.mark.parametrize("first", [WORKED, FAILED])
def test_each_method_is_fired_once_and_the_node_is_waited_for_after_each(first: Fired) -> None:
    gun = Gun({"redfish": first, "sbd": FAILED})
    rows = [Row(REDFISH), Row(replace(REDFISH, name="another")), Row(SBD)]
    fires = trial(gun, [])
    fires.fire(fires.due(rows, "node2"), "node2")
    boot = "any boot" if first.fault else "another boot"
    assert gun.did == ["redfish fires", f"waits for {boot}", "sbd fires", "waits for any boot"]
    assert faults(rows) == [first.fault, "", FAILED.fault]
    assert [row.back_s for row in rows] == [33.0, None, 33.0]


@pytest.mark.parametrize(
    ("shot", "back", "fault"),
    [
        (WORKED, TimedOut("no member"), "no member"),
        (FAILED, TimedOut("no member"), "No data available; no member"),
        (ConnectError("node1 is mute"), 0.0, "node1 is mute"),
    ],
)
def test_the_trial_ends_where_the_node_does_not_come_back(shot: Any, back: Any, fault: str) -> None:
    gun, rows, told = Gun({"redfish": shot}, back), [Row(REDFISH), Row(SBD)], list[str]()
    trial(gun, told).fire(rows, "node2")
    assert "sbd fires" not in gun.did
    assert faults(rows) == [fault, "not tried: the trial ended with redfish"]
    assert told[-1] == "sbd: not tried: the trial ended with redfish"


@pytest.mark.parametrize(
    ("able", "monitors", "due", "told"),
    [
        ((REDFISH, SBD), ("", "", ""), ["fence-node2", "fence-sbd"], ["", "", ""]),
        ((REDFISH, SBD), ("", "monitor: no", ""), ["fence-sbd"], ["", "monitor: no", ""]),
        ((OTHERS, REDFISH), ("", "", ""), ["fence-node1"], ["", "", "cannot fence node2"]),
        ((SBD,), ("", "", ""), ["fence-sbd"], ["cannot fence node2", "cannot fence node2", ""]),
        ((SBD,), ("monitor: no", "", ""), ["fence-sbd"], ["monitor: no", "cannot fence node2", ""]),
        ((), ("", "", ""), [], ["cannot fence node2"] * 3),
    ],
)
def test_what_is_fired_and_who_cannot(able: Any, monitors: tuple[str, ...], due: list[str], told: list[str]) -> None:
    rows = [Row(one, fault=fault) for one, fault in zip((OTHERS, REDFISH, SBD), monitors, strict=True)]
    found = trial(Gun({}, able_to=able), []).due(rows, "node2")
    assert [row.device.name for row in found] == due
    assert faults(rows) == told
