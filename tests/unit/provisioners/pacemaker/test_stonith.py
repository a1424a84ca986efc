"""STONITH devices: what shows of them, and of their levels, though nobody declared it; what an import takes over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from halab.provisioners.engine.command import Command, Result
from halab.provisioners.engine.host import Host
from halab.provisioners.pacemaker.cib import Cib, parse, render
from halab.provisioners.pacemaker.stonith import FencingLevel, FencingLevelItem, Stonith, StonithItem
from tests.unit.provisioners.pacemaker.samples import change, cib
from tests.unit.provisioners.pacemaker.test_await_state import RUNNING

SWITCH = Stonith(
    cluster="c",
    name="switch",
    agent="fence_wti",
    node="",
    params={"ip": "192.0.2.1", "pcmk_host_map": "node1:1;node2:2", "pcmk_host_check": "static-list"},
)
BOARD = Stonith(cluster="c", name="board", agent="fence_redfish", node="node1", params={"ip": "192.0.2.1"})
BLANK = Stonith(cluster="c", name="", agent="", node="")
UNDECLARED = [
    (SWITCH, "pcmk_host_argument", "none"),
    (SWITCH, "plug", "2"),
    (SWITCH, "port", "2"),
    (SWITCH, "pcmk_off_action", "metadata"),
    (SWITCH, "pcmk_reboot_action", "status"),
    (SWITCH, "pcmk_on_action", "status"),
    (SWITCH, "action", "status"),
    (BOARD, "pcmk_host_map", "node1:node2"),
    (BOARD, "pcmk_host_check", "none"),
]


def device(declared: Stonith, **by_hand: str) -> Cib:
    """A CIB with this device, and parameters that a person has added."""
    pairs = {**declared.params, **({"pcmk_host_list": declared.node} if declared.node else {}), **by_hand}
    inside = "".join(f"<nvpair id='i-{name}' name='{name}' value='{value}'/>" for name, value in pairs.items())
    return cib(
        f"<primitive id='{declared.name}' class='stonith' type='{declared.agent}'>"
        f"<instance_attributes id='i'>{inside}</instance_attributes></primitive>"
    )


@pytest.mark.parametrize(("declared", "name", "value"), UNDECLARED)
def test_what_decides_whom_it_fences_and_how_shows_undeclared(declared: Stonith, name: str, value: str) -> None:
    item, before = StonithItem(), device(declared, **{name: value})
    seen = item.seen(before, declared)
    assert seen == replace(declared, params={**declared.params, name: value})
    assert render(change(item, before, declared, declared)) == render(device(declared))


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [("pcmk_host_list", "node1", {"node": "node1"}), ("pcmk_delay_base", "300s", {"delay": "300s"})],
)
def test_what_is_written_from_other_fields_shows_undeclared(name: str, value: str, shown: dict[str, str]) -> None:
    item, before = StonithItem(), device(SWITCH, **{name: value})
    assert item.seen(before, SWITCH) == replace(SWITCH, **shown)  # type: ignore[arg-type]
    assert render(change(item, before, SWITCH, SWITCH)) == render(device(SWITCH))


def test_other_parameters_that_a_person_adds_are_left_alone() -> None:
    before = device(SWITCH, pcmk_action_limit="2", power_wait="5")
    assert StonithItem().seen(before, SWITCH) == SWITCH
    assert render(change(StonithItem(), before, SWITCH, SWITCH)) == render(before)


@pytest.mark.parametrize(("declared", "name", "value"), [*UNDECLARED, (SWITCH, "pcmk_reboot_action", "off")])
def test_a_persons_device_is_imported_with_all_of_it_and_then_shows_nothing(
    declared: Stonith, name: str, value: str
) -> None:
    item, there = StonithItem(), device(declared, **{name: value, "pcmk_action_limit": "2"})
    imported = item.seen(there, replace(BLANK, name=declared.name))
    assert imported == replace(declared, params={**declared.params, name: value, "pcmk_action_limit": "2"})
    assert item.seen(there, imported) == imported
    assert not list(item.check(imported))


LEFT = "<fencing-level id='by-hand-node1' target='node1' index='1' devices='{}'/>"


def with_levels(before: Cib, *levels: str) -> Cib:
    """The same with fencing levels."""
    end = "</configuration>"
    return parse(render(before).replace(end, f"<fencing-topology>{''.join(levels)}</fencing-topology>{end}"))


def levels_in(found: Cib) -> list[tuple[str, ...]]:
    """Id, level and devices of each."""
    levels = found.root.iter("fencing-level")
    return [tuple(level.get(name, "") for name in ("id", "index", "devices")) for level in levels]


def test_a_level_that_a_fencing_by_hand_has_left_shows_at_its_device_and_goes() -> None:
    item, before = StonithItem(), with_levels(device(SWITCH), LEFT.format("switch"))
    seen = item.seen(before, SWITCH)
    assert seen is not None
    assert seen.condition.endswith("has left the fencing level by-hand-node1")
    assert replace(seen, condition="complete") == SWITCH
    assert levels_in(change(item, before, SWITCH, SWITCH)) == []


def test_it_shows_while_the_device_runs_well() -> None:
    """What the cluster says of the device has no say in that."""
    before = with_levels(device(SWITCH), LEFT.format("switch"))

    class Node:
        name = "node2"

        def run(self, command: Command, timeout_s: float) -> Result:
            return Result(command, 0, RUNNING if command.argv[0] == "crm_mon" else render(before), "")

        def put(self, path: str, content: bytes, mode: int, owner: str) -> None:
            raise AssertionError(path)

    seen = StonithItem().observe(Host(Node()), SWITCH)
    assert seen is not None
    assert "by-hand-node1" in seen.condition


def test_levels_of_other_devices_and_of_persons_are_left_alone() -> None:
    mine = "<fencing-level id='fl-node2-1' target='node2' index='1' devices='switch'/>"
    before = with_levels(device(SWITCH), LEFT.format("other"), mine)
    assert StonithItem().seen(before, SWITCH) == SWITCH
    assert len(levels_in(change(StonithItem(), before, SWITCH, SWITCH))) == 2


def test_a_level_that_was_left_is_not_taken_for_a_declared_one() -> None:
    """Else its device's next apply would take the declared one away."""
    item, wanted = FencingLevelItem(), FencingLevel(cluster="c", node="node1", level=1, devices=("switch",))
    before = with_levels(device(SWITCH), LEFT.format("switch"))
    assert item.seen(before, wanted) is None
    assert levels_in(change(item, before, wanted, wanted)) == [("fl-node1-1", "1", "switch")]
