"""Fencing levels: in which order devices are tried for a node."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from halab.cli.console.actions import THEN, Action
from halab.cli.console.contract import Level, Levels, Wish
from halab.cli.console.creating import quoted
from halab.cli.console.refusing import Refused
from halab.cli.lab.state import instances
from halab.cli.look.place import Place
from halab.provisioners.engine.host import Host
from halab.provisioners.pacemaker.cib import Cib, query
from halab.provisioners.pacemaker.stonith import FencingLevel, FencingLevelItem, drop_level, put_level

ACTIONS = ("level", "level-delete")
_NUMBERS = "123456789"  # Pacemaker's schema


def levels(host: Host, place: Place) -> Levels:
    """All that are set for a node by its name. HalabError, StateUnusable."""
    attributes = [one.attributes for one in instances(place.state) if one.type == "halab_fencing_level"]
    declared = {(one["node"], int(one["level"])) for one in attributes}
    rows = (Level(node, level, devices, (node, level) in declared) for node, level, devices in set_now(query(host)))
    return Levels(host.name, tuple(sorted(rows, key=lambda one: (one.node, one.level))))


def set_now(cib: Cib) -> list[tuple[str, int, tuple[str, ...]]]:
    """Node, number and devices of each; those for a pattern or an attribute of nodes are left out."""
    found = [e for e in cib.root.iterfind("configuration/fencing-topology/fencing-level") if e.get("target")]
    return [(e.get("target", ""), int(e.get("index", "0")), tuple(e.get("devices", "").split(","))) for e in found]


def fitted(action: Action, wish: Wish, cib: Cib, devices: Collection[str]) -> Action:
    """The action with the words and the edit for this wish. Refused, with what does not fit. `devices`: those known."""
    if len(wish.value) != 1 or wish.value not in _NUMBERS:
        raise Refused("A fencing level is a number from 1 to 9; they are tried in this order.")
    there = next((one for one in set_now(cib) if one[:2] == (wish.node, int(wish.value))), None)
    if wish.action == "level-delete":
        if there is None:
            raise Refused(f"{wish.node} has no level {wish.value}.")
        return replace(action, edit=lambda cib, wish: drop_level(_level(wish), cib))
    wanted = _level(wish)
    if strange := [name for name in wanted.devices if name not in devices]:
        raise Refused(f"There is no fencing device {strange[0]}.")
    for _, problem in FencingLevelItem().check(wanted):
        raise Refused(problem)
    words = quoted(["pcs", "stonith", "level", "add", wish.value, wish.node, *wanted.devices])
    first = quoted(["pcs", "stonith", "level", "remove", wish.value, "target", wish.node])
    return replace(
        action, words=f"{first}{THEN}{words}" if there else words, edit=lambda cib, wish: put_level(_level(wish), cib)
    )


def _level(wish: Wish) -> FencingLevel:
    devices = tuple(name for name in wish.name.split(",") if name)
    return FencingLevel(cluster="", node=wish.node, level=int(wish.value), devices=devices)
