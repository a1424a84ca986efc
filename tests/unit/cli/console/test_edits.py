"""What clicks change in a recorded CIB, and what takes it back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from halab.cli.console import edits
from halab.cli.console.actions import ACTIONS
from halab.cli.console.contract import Wish
from halab.cli.console.foretelling import foretold
from halab.provisioners.engine.errors import Conflict
from halab.provisioners.pacemaker.cib import Cib, parse, render

DATA = Path(__file__).parents[3] / "data/pacemaker"
RECORDED = (DATA / "cib-3.0.xml").read_text()


def _cib() -> Cib:
    return parse(RECORDED)


def _node() -> str:
    return _cib().section("nodes")[0].get("uname", "")


def _resource(tag: str) -> str:
    return next(e.get("id", "") for e in _cib().resources() if e.tag == tag)


def test_an_attribute_of_a_node_comes_and_goes() -> None:
    cib = _cib()
    edits.set_node_attribute(cib, _node(), "standby", None)
    before = render(cib)
    edits.set_node_attribute(cib, _node(), "standby", "on")
    found = [e for e in cib.section("nodes").iter("nvpair") if e.get("name") == "standby"]
    assert [e.get("value") for e in found] == ["on"]
    changed = render(cib)
    edits.set_node_attribute(cib, _node(), "standby", "on")
    assert render(cib) == changed != before
    edits.set_node_attribute(cib, _node(), "standby", None)
    assert not [e for e in cib.section("nodes").iter("nvpair") if e.get("name") == "standby"]


def test_disabled_and_enabled() -> None:
    cib, name = _cib(), _resource("primitive")
    edits.set_target_role(cib, name, "Stopped")
    element = cib.resource(name)
    assert element is not None
    assert [e.get("value") for e in element.iter("nvpair") if e.get("name") == "target-role"] == ["Stopped"]
    edits.set_target_role(cib, name, None)
    assert not [e for e in element.iter("nvpair") if e.get("name") == "target-role"]


def test_move_ban_and_clear() -> None:
    cib, name = _cib(), _resource("primitive")
    before = [dict(e.attrib) for e in cib.constraints()]
    edits.move(cib, name, "node2")
    assert cib.constraints()[-1].attrib == {
        "id": f"cli-prefer-{name}", "rsc": name, "role": "Started", "node": "node2", "score": "INFINITY"
    }  # fmt: skip
    edits.ban(cib, name, "node2")  # the one excludes the other
    assert [e.get("id") for e in cib.constraints()[len(before) :]] == [f"cli-ban-{name}-on-node2"]
    edits.clear(cib, name)
    assert [dict(e.attrib) for e in cib.constraints()] == before


@pytest.mark.parametrize(
    "edit",
    [
        lambda cib: edits.set_node_attribute(cib, "nobody", "standby", "on"),
        lambda cib: edits.set_target_role(cib, "nothing", "Stopped"),
        lambda cib: edits.ban(cib, "nothing", "node1"),
        lambda cib: edits.move(cib, _resource("clone"), "node1"),
    ],
)
def test_what_is_not_there_is_a_conflict(edit: Callable[[Cib], None]) -> None:
    with pytest.raises(Conflict):
        edit(_cib())


@pytest.mark.parametrize("name", ACTIONS)
def test_no_shell_reads_a_name(name: str) -> None:
    wish = Wish(name, "a b; reboot", "$(c)", "`d`", "e f", "g|h")
    argv = [word for command in ACTIONS[name].run(wish) for word in command.argv]
    for given in ("a b; reboot", "$(c)", "`d`", "e f", "g|h"):
        whole = (given, "`d`=e f", "$(c)=e f", "score=e f", "kind=e f")
        assert not [word for word in argv if given in word and word not in whole]
    assert "$(c)" not in ACTIONS[name].command(wish).replace("'$(c)'", "")


def test_what_the_simulation_says_in_words() -> None:
    xml = """<pacemaker-result><actions>
      <rsc_action action="Move" resource="ip" role="Started" source="node1" dest="node2"/>
      <rsc_action action="Stop" resource="web" role="Started" node="node1" reason="node availability"/>
      <rsc_action action="Start" resource="fs" node="node2" reason="unrunnable dlm start" blocked="true"/>
      <node_action task="Fence" node="node3" reason="peer is no longer part of the cluster"/>
    </actions></pacemaker-result>"""
    assert list(foretold(xml)) == [
        "Move ip from node1 to node2",
        "Stop web on node1, because of node availability",
        "Start fs on node2, because of unrunnable dlm start (blocked: it is not done)",
        "Fence node3: peer is no longer part of the cluster",
    ]
    assert list(foretold("<pacemaker-result/>")) == []
