"""Fencing devices and levels by agents' own metadata: what is asked for, the command, and what is in the CIB then."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from halab.cli.console import fencing, levels
from halab.cli.console.actions import ACTIONS, Action
from halab.cli.console.checking import checked
from halab.cli.console.contract import Agent, Wish
from halab.cli.console.metadata import is_secret, of_device, parameters, texts
from halab.cli.console.refusing import Refused
from halab.cli.look.judgement import judge
from halab.provisioners.pacemaker.cib import Cib, parse, render
from halab.provisioners.pacemaker.primitives import PARAMS, options
from tests.unit.cli.look.samples import lab, member

DATA = Path(__file__).parents[3] / "data/pacemaker"
METADATA = (DATA / "metadata-fence_redfish.xml").read_text()
COMMON = tuple(parameters((DATA / "metadata-2.1-fenced.xml").read_text()))
ABOUT = Agent("fence_redfish", *texts(METADATA), (*of_device(METADATA), *COMMON), ())
GIVEN = {"ip": "192.0.2.1", "username": "fence", "password_script": "/etc/halab/x", "pcmk_host_list": "node1"}
NEW = Wish("fence", name="mine", value="fence_redfish", options=GIVEN)


def _cib() -> Cib:
    return parse((DATA / "cib-3.0.xml").read_text())


def _fitted(wish: Wish, cib: Cib | None = None) -> Action:
    if wish.action.startswith("level"):
        return levels.fitted(ACTIONS[wish.action], wish, cib or _cib(), {"mine", "other"})
    return fencing.fitted(ACTIONS[wish.action], wish, cib or _cib(), ABOUT, {"summit-ip"})


def _done(wish: Wish, cib: Cib) -> Cib:
    action = _fitted(wish, cib)
    assert action.edit
    action.edit(cib, wish)
    once = render(cib)
    action.edit(cib, wish)  # it is carried out until it changes nothing
    assert render(cib) == once
    return cib


def _options(cib: Cib, name: str) -> Mapping[str, str]:
    found = cib.resource(name)
    assert found is not None
    return options(found, PARAMS)


def test_an_agent_names_what_a_person_gives() -> None:
    known = {one.name: one for one in ABOUT.parameters}
    assert {"action", "help", "version", "passwd", "ipaddr", "login"}.isdisjoint(known)
    assert {name for name, one in known.items() if one.required} == {"username"}
    assert known["password"].secret
    assert not known["password_script"].secret
    assert known["pcmk_host_map"].brief.startswith("A mapping of host names")


@pytest.mark.parametrize("name", ["passwd", "password", "snmp_priv_passwd", "token", "community"])
def test_what_is_a_secret(name: str) -> None:
    assert is_secret(name)
    assert not is_secret(f"{name}_script")


def test_a_device_is_added_as_the_command_says() -> None:
    action = _fitted(NEW)
    words = shlex.split(action.command(NEW))
    assert words[:5] == ["pcs", "stonith", "create", "mine", "fence_redfish"]
    assert words[5 : words.index("op")] == [f"{name}={value}" for name, value in GIVEN.items()]
    assert words[words.index("op") :][:2] == ["op", "monitor"]
    cib = _done(NEW, _cib())
    made = cib.resource("mine")
    assert made is not None
    assert (made.get("class"), made.get("type")) == ("stonith", "fence_redfish")
    assert _options(cib, "mine") == GIVEN
    (monitor,) = made.iterfind("operations/op")
    said = [f"{key}={monitor.get(key)}" for key in ("interval", "timeout") if monitor.get(key)]
    assert said == words[words.index("monitor") + 1 :]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"password": "hunter2"}, "Give password_script"),
        ({"passwd": "hunter2"}, "has no option passwd"),
        ({"action": "off"}, "has no option action"),
        ({"username": None}, "needs username"),
        ({"ipport": "many"}, "whole number"),
        ({"ip": "1\n2"}, "Line breaks"),
        ({"--force": "1"}, "cannot be the name"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, str | None], why: str) -> None:
    given = {name: value for name, value in {**GIVEN, **changes}.items() if value is not None}
    with pytest.raises(Refused, match=why) as told:
        _fitted(Wish("fence", name="mine", value="fence_redfish", options=given))
    assert "hunter2" not in str(told.value)


def test_an_agent_without_another_way_gets_its_secret_and_no_command_shows_it() -> None:
    metadata = METADATA.replace("password_script", "password_other").replace("passwd_script", "passwd_other")
    about = Agent("fence_old", "", "", tuple(of_device(metadata)), ())
    wish = Wish("fence", name="mine", value="fence_old", options={"username": "u", "password": "hunter2"})
    action = fencing.fitted(ACTIONS["fence"], wish, _cib(), about, ())
    assert "hunter2" not in action.command(wish)
    assert "'password=***'" in action.command(wish)
    cib = _cib()
    assert action.edit
    action.edit(cib, wish)
    assert _options(cib, "mine")["password"] == "hunter2"


def test_options_are_changed_and_taken_away_and_others_stay() -> None:
    cib = _done(NEW, _cib())
    wish = Wish("fence-change", resource="mine", options={"ip": "192.0.2.9", "pcmk_host_list": ""})
    command = _fitted(wish, cib).command(wish)
    assert command == "pcs stonith update mine ip=192.0.2.9 pcmk_host_list="
    _done(wish, cib)
    assert _options(cib, "mine") == {**{k: v for k, v in GIVEN.items() if k != "pcmk_host_list"}, "ip": "192.0.2.9"}
    with pytest.raises(Refused, match="needs username"):
        _fitted(Wish("fence-change", resource="mine", options={"username": ""}), cib)
    with pytest.raises(Refused, match="Nothing was changed"):
        _fitted(Wish("fence-change", resource="mine"), cib)


def _two() -> Cib:
    """With a device for node1, and another one."""
    cib = _done(NEW, _cib())
    return _done(replace(NEW, name="other", options={**GIVEN, "pcmk_host_list": "node2"}), cib)


def test_what_is_removed_leaves_its_levels_and_the_node_that_nobody_fences_is_told() -> None:
    before, cib = _two(), _two()
    _done(Wish("level", node="node1", value="7", name="mine,other"), cib)
    _done(Wish("fence-delete", resource="mine"), cib)
    assert "mine" not in render(cib)
    assert levels.set_now(cib) == [("node1", 7, ("other",))]
    told = "No device can fence node1 then: what it runs is started nowhere else when it fails."
    assert list(fencing.consequences(before, cib)) == [told]
    assert list(fencing.consequences(cib, before)) == []


def test_a_level_comes_is_replaced_and_goes() -> None:
    cib = _two()
    first = Wish("level", node="node1", value="3", name="mine")
    assert _fitted(first, cib).command(first) == "pcs stonith level add 3 node1 mine"
    _done(first, cib)
    both = Wish("level", node="node1", value="3", name="mine,other")
    remove = "pcs stonith level remove 3 target node1"
    assert _fitted(both, cib).command(both) == f"{remove} && pcs stonith level add 3 node1 mine other"
    _done(both, cib)
    assert levels.set_now(cib) == [("node1", 3, ("mine", "other"))]
    gone = Wish("level-delete", node="node1", value="3")
    assert _fitted(gone, cib).command(gone) == remove
    _done(gone, cib)
    assert levels.set_now(cib) == []


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        (Wish("level", node="node1", value="10", name="mine"), "from 1 to 9"),
        (Wish("level", node="node1", value="²", name="mine"), "from 1 to 9"),
        (Wish("level", node="node1", value="1", name="third"), "no fencing device third"),
        (Wish("level", node="node1", value="1", name=","), "At least one device"),
        (Wish("level", node="node1", value="1", name="mine,mine"), "stands there twice"),
        (Wish("level-delete", node="node1", value="8"), "has no level 8"),
    ],
)
def test_what_is_no_level_is_refused(wish: Wish, why: str) -> None:
    with pytest.raises(Refused, match=why):
        _fitted(wish)


def test_an_ordinary_resource_is_no_device() -> None:
    report = judge(lab(member(1, cluster=(DATA / "crm_mon-2.1-running.xml").read_text())))
    ordinary = next(one.id for one in report.resources if not one.fences)
    with pytest.raises(Refused, match="no fencing device"):
        checked(Wish("fence-delete", resource=ordinary), report)
