"""Conflicts, drift, import, and the steps that lead from what is to what is wanted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from halab.provisioners.engine.errors import Conflict
from halab.provisioners.engine.item import Item
from halab.provisioners.engine.platform import DEBIAN_13
from halab.provisioners.pacemaker.cib import Cib, parse, render
from halab.provisioners.pacemaker.constraints import NodePreference, StartsAfter
from halab.provisioners.pacemaker.edit import EditCib
from halab.provisioners.pacemaker.items import Clone, CloneItem, Group, GroupItem, Primitive, PrimitiveItem
from halab.provisioners.pacemaker.primitives import Member, Operation
from halab.provisioners.pacemaker.settings import Colocation, ColocationItem, Order, OrderItem
from halab.provisioners.pacemaker.stonith import FencingLevel, FencingLevelItem, Stonith, StonithItem
from tests.unit.provisioners.pacemaker.samples import (
    DB,
    FENCE,
    IP,
    IP_XML,
    LOCKING,
    OP,
    OP_XML,
    WEB,
    WEB_XML,
    change,
    cib,
    dummy,
    edited,
    member,
)


@pytest.mark.parametrize(
    ("item", "before", "wanted", "says"),
    [
        (PrimitiveItem(), cib(WEB_XML), replace(IP, name="web"), "web is not a primitive"),
        (GroupItem(), cib(DB), replace(WEB, name="db"), "db is not a group"),
        (CloneItem(), cib(DB), Clone(cluster="c", name="db", primitives=(member("a"),)), "db is not a clone"),
        (StonithItem(), cib(DB), Stonith(cluster="c", name="db", agent="fence_xvm", node="n"), "not a STONITH device"),
        (PrimitiveItem(), cib(DB), replace(IP, name="db"), "another agent"),
        (PrimitiveItem(), cib(DB, "<rsc_location id='ip' rsc='db' node='n'/>"), IP, "ip is taken"),
        (GroupItem(), cib(dummy("a")), WEB, "a exists elsewhere"),
        (CloneItem(), cib(f"<clone id='k'>{dummy('a')}</clone>"),
         Clone(cluster="c", name="k", group_name="g", primitives=(member("a"),)), "clones a primitive"),
        (OrderItem(), cib(DB), Order(cluster="c", first="nobody", then="db"), "no resource nobody"),
        (FencingLevelItem(), cib(DB), FencingLevel(cluster="c", node="n", level=1, devices=("db",)), "no STONITH"),
    ],
)  # fmt: skip
def test_conflicts(item: Any, before: Cib, wanted: Any, says: str) -> None:
    with pytest.raises(Conflict, match=says):
        edited(item, before, item.seen(before, wanted), wanted)


def test_what_others_add_is_no_difference_and_what_drifts_is() -> None:
    item = PrimitiveItem()
    wanted = replace(IP, operations=(OP,), locations=(NodePreference(node="n1", score="+INFINITY"),))
    made = change(item, cib(), None, wanted)
    by_hand = parse(
        render(made).replace('timeout="20s"', 'timeout="20000ms"').replace('value="192.0.2.1"', 'value="x"')
    )
    assert item.seen(by_hand, wanted) == replace(wanted, params={"ip": "x"})
    gone = parse(render(made).replace('on-fail="restart"', "").replace("<rsc_location", "<rsc_location node-x='1'"))
    seen = item.seen(gone, wanted)
    assert seen is not None
    assert (seen.operations[0].on_fail, seen.locations) == (None, ())


def test_a_removal_that_stopped_half_way_shows() -> None:
    item = GroupItem()
    before = cib(WEB_XML)
    stop = next(step for step in item.steps(DEBIAN_13, WEB, None) if isinstance(step, EditCib))
    stop.edit(before)
    seen = item.seen(before, WEB)
    assert seen is not None
    assert [m.meta for m in seen.primitives] == [{"target-role": "Stopped"}] * 2
    assert render(change(item, before, WEB, WEB)) == render(cib(WEB_XML))


CONTROLD = Member(name="dlm", agent="ocf:pacemaker:controld")
HELD = "<meta_attributes id='m'><nvpair id='m1' name='{}' value='{}'/></meta_attributes>"


CLONED = Clone(cluster="c", name="lock-clone", group_name="lock", primitives=(CONTROLD,))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("target-role", "Stopped"),
        ("target-role", "stopped"),
        *(("is-managed", word) for word in ("false", "No", "n", "off", "0")),
        *(("maintenance", word) for word in ("true", "Yes", "y", "on", "1")),
    ],
)
@pytest.mark.parametrize(
    ("item", "wanted", "xml"),
    [
        (PrimitiveItem(), IP, IP_XML),
        (GroupItem(), WEB, WEB_XML.replace(">", ">{}", 1)),
        (CloneItem(), CLONED, LOCKING.replace(">", ">{}", 1)),
        pytest.param(CloneItem(), CLONED, LOCKING.replace("'lock'>", "'lock'>{}"), id="the group in a clone"),
        (
            StonithItem(),
            Stonith(cluster="c", name="f1", agent="fence_xvm", node="n1"),
            "<primitive id='f1' class='stonith' type='fence_xvm'><instance_attributes id='i'>"
            "<nvpair id='i1' name='pcmk_host_list' value='n1'/></instance_attributes>{}</primitive>",
        ),
    ],
)
def test_what_was_disabled_or_unmanaged_shows(item: Any, wanted: Any, xml: str, name: str, value: str) -> None:
    """`pcs resource disable`, `pcs stonith disable`, `pcs resource unmanage`."""
    before = cib(xml.format(HELD.format(name, value)))
    assert item.seen(before, wanted) == replace(wanted, meta={name: value})
    assert item.seen(before, replace(wanted, meta={name: value})).meta == {name: value}  # declared: no difference
    assert "meta_attributes" not in render(change(item, before, wanted, wanted))
    others = cib(xml.format(HELD.format("target-role", "Started")))
    assert item.seen(others, wanted) == wanted


def test_an_operation_that_was_switched_off_shows() -> None:
    item, wanted = PrimitiveItem(), replace(IP, operations=(OP,))
    off = parse(render(change(item, cib(), None, wanted)).replace("<op ", '<op enabled="false" '))
    seen = item.seen(off, wanted)
    assert seen is not None
    assert seen.operations == ()
    assert "enabled" not in render(change(item, off, wanted, wanted))


def test_what_happened_while_nobody_managed_it_is_looked_at_before_it_is_managed_again() -> None:
    """A file system that was unmounted meanwhile must not be fenced for it."""
    now = replace(WEB, primitives=(WEB.primitives[0], replace(WEB.primitives[1], meta={"is-managed": "false"})))
    said = [str(step) for step in GroupItem().steps(DEBIAN_13, now, WEB)]
    assert said[:2] == ["have the cluster look at b again", "change the CIB: web"]
    said = [str(step) for step in GroupItem().steps(DEBIAN_13, replace(WEB, meta={"maintenance": "true"}), WEB)]
    assert sorted(said[:2]) == ["have the cluster look at a again", "have the cluster look at b again"]


@pytest.mark.parametrize(
    ("item", "blank", "found"),
    [
        (
            PrimitiveItem(),
            Primitive(cluster="c", name="ip", agent=""),
            replace(IP, operations=(OP,), locations=(NodePreference(node="n1", score="5"),)),
        ),
        (GroupItem(), replace(WEB, primitives=()), WEB),
        (
            CloneItem(),
            Clone(cluster="c", name="lock-clone", primitives=()),
            Clone(
                cluster="c",
                name="lock-clone",
                group_name="lock",
                primitives=(CONTROLD,),
            ),
        ),
        (
            StonithItem(),
            Stonith(cluster="c", name="f1", agent="", node=""),
            Stonith(cluster="c", name="f1", agent="fence_xvm", node=""),
        ),
        (
            OrderItem(),
            Order(cluster="c", first="lock", then="web"),
            Order(cluster="c", first="lock", then="web", kind="Optional"),
        ),
    ],
)  # fmt: skip
def test_import_takes_everything(item: Any, blank: Any, found: Any) -> None:
    there = cib(
        LOCKING + WEB_XML + FENCE + IP_XML.format(OP_XML),
        "<rsc_location id='1' rsc='ip' node='n1' score='5'/>"
        "<rsc_order id='o' first='lock-clone' then='web' kind='Optional'/>",
    )
    if isinstance(found, Group):
        found = replace(found, after=(StartsAfter(resource="lock-clone", kind="Optional"),))
    assert item.seen(there, blank) == found


def steps(item: Item[Any], now: Any, wanted: Any) -> list[str]:
    return [str(step) for step in item.steps(DEBIAN_13, now, wanted)]


@pytest.mark.parametrize(
    ("now", "wanted", "expected"),
    [
        (None, IP, ["change the CIB: ip", "wait for start of ip"]),
        (None, replace(IP, wait=False), ["change the CIB: ip"]),
        (IP, IP, ["forget earlier failures of ip", "wait for start of ip"]),
        (
            IP,
            replace(IP, meta={"priority": "1"}),
            [
                "change the CIB: ip",
                "forget earlier failures of ip",
                "wait for ip with its changes",
                "wait for start of ip",
            ],
        ),
        (IP, None, ["change the CIB: stop ip", "wait for stop of ip", "change the CIB: remove ip"]),
        (None, None, []),
    ],
)
def test_steps(now: Any, wanted: Any, expected: list[str]) -> None:
    assert steps(PrimitiveItem(), now, wanted) == expected


def test_a_member_is_stopped_before_it_leaves() -> None:
    one = replace(WEB, primitives=WEB.primitives[:1], wait=False)
    assert steps(GroupItem(), WEB, one) == ["change the CIB: stop b", "wait for stop of b", "change the CIB: web"]


@pytest.mark.parametrize(
    ("item", "wanted", "field"),
    [
        (PrimitiveItem(), replace(IP, operations=(OP, replace(OP, interval="10000ms"))), "operations"),
        (PrimitiveItem(), replace(IP, operations=(Operation(name="monitor"),)), "operations"),
        (PrimitiveItem(), replace(IP, after=(StartsAfter(resource="ip"),)), "after"),
        (PrimitiveItem(), replace(IP, locations=(NodePreference(node="n"), NodePreference(node="n"))), "locations"),
        (GroupItem(), replace(WEB, primitives=()), "primitives"),
        (GroupItem(), replace(WEB, primitives=(member("a"), member("a"))), "primitives"),
        (GroupItem(), replace(WEB, name="a"), "primitives"),
        (CloneItem(), Clone(cluster="c", name="k", primitives=(member("a"), member("b"))), "group_name"),
        (StonithItem(), Stonith(cluster="c", name="f", agent="x", node="n", params={"pcmk_host_list": "n"}), "params"),
        (FencingLevelItem(), FencingLevel(cluster="c", node="n", level=1, devices=()), "devices"),
        (FencingLevelItem(), FencingLevel(cluster="c", node="n", level=1, devices=("a b",)), "devices"),
        (OrderItem(), Order(cluster="c", first="a", then="a"), "then"),
        (ColocationItem(), Colocation(cluster="c", resource="a", with_resource="a"), "with_resource"),
    ],
)
def test_checks(item: Item[Any], wanted: Any, field: str) -> None:
    assert field in [name for name, _ in item.check(wanted)]


@pytest.mark.parametrize(
    ("item", "prior", "wanted", "fields"),
    [
        (GroupItem(), WEB, replace(WEB, primitives=(replace(member("a"), agent="ocf:x:y"),)), ["primitives"]),
        (GroupItem(), WEB, replace(WEB, primitives=WEB.primitives[::-1]), []),
        (
            CloneItem(),
            Clone(cluster="c", name="k", primitives=(member("a"),)),
            Clone(cluster="c", name="k", primitives=(member("b"),)),
            ["primitives"],
        ),
        (
            StonithItem(),
            Stonith(cluster="c", name="f", agent="x", node="n", machine="1"),
            Stonith(cluster="c", name="f", agent="x", node="n", machine="2"),
            ["machine"],
        ),
        (
            StonithItem(),
            Stonith(cluster="c", name="f", agent="x", node="n"),
            Stonith(cluster="c", name="f", agent="x", node="n", machine="2"),
            [],
        ),
    ],
)
def test_replaced(item: Item[Any], prior: Any, wanted: Any, fields: list[str]) -> None:
    assert list(item.requires_replace(prior, wanted)) == fields
