"""Constraints in sentences, and the removal of one."""

from __future__ import annotations

from pathlib import Path

import pytest

from halab.cli.console import rules
from halab.cli.console.contract import Wish
from halab.provisioners.engine.errors import Conflict
from halab.provisioners.pacemaker.cib import Cib, parse, render

_CIB = """<cib><configuration><resources/><constraints>
  <rsc_location id="l1" rsc="web" node="node1" score="INFINITY"/>
  <rsc_location id="l2" rsc="web" node="node2" score="-50"/>
  <rsc_location id="l3" rsc="web"><rule id="r" score="5"><expression id="e" attribute="a" operation="defined"/></rule>
  </rsc_location>
  <rsc_colocation id="c1" rsc="ip" with-rsc="web" score="INFINITY"/>
  <rsc_colocation id="c2" rsc="ip" with-rsc="db" score="-INFINITY"/>
  <rsc_order id="o1" first="ip" then="web"/>
  <rsc_order id="o2" first="db" then="web" score="0"/>
  <rsc_order id="o3" kind="Serialize">
    <resource_set id="s"><resource_ref id="a"/><resource_ref id="b"/></resource_set></rsc_order>
  <rsc_ticket id="t1" rsc="web" ticket="north"/>
</constraints></configuration></cib>"""
_TOLD = {
    "l1": "web prefers node1 (always)",
    "l2": "web avoids node2 (score -50)",
    "l3": "web: location by a rule",
    "c1": "ip runs where web runs (always)",
    "c2": "ip runs apart from db (never)",
    "o1": "web starts after ip (mandatory)",
    "o2": "web starts after db (optional)",
    "o3": "several resources: order of a, b",
    "t1": "web: ticket north",
}
_DATA = Path(__file__).parents[3] / "data/pacemaker"


def _cib() -> Cib:
    return parse(_CIB)


def test_each_is_told_in_a_sentence() -> None:
    assert {one.id: one.told for one in rules.set_now(_cib())} == _TOLD


def test_those_between_two_have_ends() -> None:
    ends = {one.id: (one.kind, one.first, one.second) for one in rules.set_now(_cib())}
    assert ends["o1"] == ("order", "ip", "web")
    assert ends["c1"] == ("colocation", "ip", "web")
    assert ends["o3"] == ("order", "", "")
    assert ends["t1"] == ("ticket", "", "")


@pytest.mark.parametrize("name", _TOLD)
def test_one_is_removed_and_the_others_stay(name: str) -> None:
    cib, wish = _cib(), Wish("constraint-delete", name=name)
    rules.refuse_gone(cib, wish)
    rules.remove(cib, wish)
    assert {one.id for one in rules.set_now(cib)} == _TOLD.keys() - {name}
    once = render(cib)
    rules.remove(cib, wish)
    assert render(cib) == once
    with pytest.raises(Conflict, match="no constraint"):
        rules.refuse_gone(cib, wish)


@pytest.mark.parametrize("version", ["2.1", "3.0"])
def test_recorded_configurations_are_told(version: str) -> None:
    found = list(rules.set_now(parse((_DATA / f"cib-{version}.xml").read_text())))
    assert found
    assert all(one.id and one.told for one in found)
