"""A new resource out of an agent's own metadata: what is asked for, the command, and what stands in the CIB then."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from halab.cli.console import creating
from halab.cli.console.actions import ACTIONS, Action
from halab.cli.console.checking import checked, wish_of
from halab.cli.console.contract import Agent, Wish
from halab.cli.console.metadata import operations, parameters, texts
from halab.cli.console.refusing import Refused
from halab.cli.look.judgement import judge
from halab.provisioners.pacemaker.cib import Cib, parse, render
from tests.unit.cli.look.samples import lab

DATA = Path(__file__).parents[3] / "data/pacemaker"
METADATA = (DATA / "metadata-IPaddr2.xml").read_text()
NAME = "ocf:heartbeat:IPaddr2"
ABOUT = Agent(NAME, *texts(METADATA), tuple(parameters(METADATA)), operations(METADATA))


def _cib() -> Cib:
    return parse((DATA / "cib-3.0.xml").read_text())


def _fitted(wish: Wish) -> Action:
    return creating.fitted(ACTIONS["create"], wish, ABOUT, {"summit-ip"})


def _put(wish: Wish) -> Cib:
    cib, action = _cib(), _fitted(wish)
    assert action.edit
    action.edit(cib, wish)
    once = render(cib)
    action.edit(cib, wish)  # it is carried out until it changes nothing
    assert render(cib) == once
    return cib


def test_an_agent_tells_of_itself() -> None:
    assert ABOUT.brief == "Manages virtual IPv4 and IPv6 addresses (Linux specific version)"
    assert [one.name for one in ABOUT.parameters if one.required] == ["ip"]
    monitor = next(one for one in ABOUT.operations if one.name == "monitor")
    assert (monitor.interval, monitor.timeout) == ("10s", "20s")


def test_the_command_and_the_configuration_say_the_same() -> None:
    wish = Wish("create", name="mine", value=NAME, options={"ip": "192.0.2.7", "cidr_netmask": "24"})
    words = shlex.split(_fitted(wish).command(wish))
    assert words[:5] == ["pcs", "resource", "create", "mine", NAME]
    assert words[5:8] == ["ip=192.0.2.7", "cidr_netmask=24", "op"]
    made = _put(wish).resource("mine")
    assert made is not None
    assert {e.get("name"): e.get("value") for e in made.iterfind("instance_attributes/nvpair")} == wish.options
    held = {e.get("name"): (e.get("interval"), e.get("timeout")) for e in made.iterfind("operations/op")}
    assert held == {"monitor": ("10s", "20s"), "start": ("0s", "20s"), "stop": ("0s", "20s")}
    assert words[8:] == [
        "monitor", "interval=10s", "timeout=20s", "start", "interval=0s", "timeout=20s",
        "stop", "interval=0s", "timeout=20s", "--no-default-ops",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("within", "tag", "words"), [("clone", "clone", " clone "), ("mygroup", "group", " --group mygroup ")]
)
def test_cloned_and_grouped(within: str, tag: str, words: str) -> None:
    wish = Wish("create", name="mine", value=NAME, options={"ip": "192.0.2.7"}, within=within)
    cib = _put(wish)
    made = cib.resource("mine")
    assert made is not None
    around = cib.around(made)
    assert around is not None
    assert (around.tag, around.get("id")) == (tag, "mine-clone" if tag == "clone" else within)
    assert words in _fitted(wish).command(wish)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"options": {}}, "needs ip"),
        ({"options": {"ip": "1", "--force": "1"}}, "has no parameter --force"),
        ({"options": {"ip": "1\n2"}}, "Line breaks"),
        ({"options": {"ip": "1", "unique_clone_address": "perhaps"}}, "true or false"),
        ({"name": "--help"}, "cannot be an id"),
        ({"name": "summit-ip"}, "There is a resource summit-ip already"),
        ({"within": "a b"}, "cannot be an id"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, object], why: str) -> None:
    fields = {"action": "create", "name": "mine", "value": NAME, "options": {"ip": "192.0.2.7"}, **changes}
    with pytest.raises(Refused, match=why):
        _fitted(Wish(**fields))  # type: ignore[arg-type]


def test_no_secret_is_in_the_command() -> None:
    about = Agent(NAME, "", "", tuple(parameters(METADATA.replace('"nic"', '"test_passwd"'))), ())
    wish = Wish("create", name="mine", value=NAME, options={"ip": "192.0.2.7", "test_passwd": "hunter2 {x}"})
    action = creating.fitted(ACTIONS["create"], wish, about, ())
    assert "hunter2" not in action.command(wish)
    assert "'test_passwd=***'" in action.command(wish)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"action": "create", "name": "a", "value": "b", "options": ["x"]}, "not an action"),
        ({"action": "create", "name": "a", "value": "b", "options": {"x": 1}}, "not an action"),
        ({"action": "standby", "node": "node1", "options": {"x": "1"}}, "standby takes node"),
        ({"action": "location", "resource": "gone", "node": "node1", "value": "1"}, "no resource of that name"),
    ],
)
def test_what_is_no_wish_is_refused(given: object, why: str) -> None:
    with pytest.raises(Refused, match=why):
        checked(wish_of(given), judge(lab()))
