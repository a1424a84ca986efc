"""Removing: what goes with a resource, and what stays."""

from __future__ import annotations

from typing import Any

import pytest

from halab.provisioners.pacemaker.cib import Cib, render
from halab.provisioners.pacemaker.items import GroupItem, Primitive, PrimitiveItem
from halab.provisioners.pacemaker.settings import ClusterProperty, ClusterPropertyItem, Order, OrderItem
from halab.provisioners.pacemaker.stonith import FencingLevel, FencingLevelItem, Stonith, StonithItem
from tests.unit.provisioners.pacemaker.samples import AFTER_LOCK, DB, FENCE, LOCKING, WEB, WEB_XML, change, cib, dummy


@pytest.mark.parametrize(
    ("item", "before", "last", "after"),
    [
        pytest.param(
            GroupItem(),
            cib(
                LOCKING + WEB_XML,
                AFTER_LOCK + "<rsc_location id='x' rsc='a' node='n1' score='1'/>"
                "<rsc_order id='s'><resource_set id='s1'><resource_ref id='web'/><resource_ref id='dlm'/>"
                "</resource_set></rsc_order>",
                "<tags><tag id='t'><obj_ref id='b'/></tag></tags>",
            ),
            WEB,
            cib(
                LOCKING,
                "<rsc_order id='s'><resource_set id='s1'><resource_ref id='dlm'/></resource_set></rsc_order>",
                "<tags/>",
            ),
            id="a group and all that names it",
        ),
        pytest.param(
            GroupItem(),
            cib(f"<group id='web'>{dummy('a')}{dummy('hand')}{dummy('b')}</group>"),
            WEB,
            cib(f"<group id='web'>{dummy('hand')}</group>"),
            id="a person's member keeps its group",
        ),
        pytest.param(
            PrimitiveItem(),
            cib(f"<clone id='x-clone'>{dummy('x')}</clone>", "<rsc_location id='l' rsc='x-clone' node='n' score='1'/>"),
            Primitive(cluster="c", name="x", agent="ocf:pacemaker:Dummy"),
            cib(),
            id="a primitive that was cloned by hand",
        ),
        pytest.param(
            StonithItem(),
            cib(
                FENCE + FENCE.replace("f1", "f2"),
                rest="<fencing-topology><fencing-level id='1' target='n1' index='1' devices='f1,f2'/>"
                "<fencing-level id='2' target='n1' index='2' devices='f1'/></fencing-topology>",
            ),
            Stonith(cluster="c", name="f1", agent="fence_xvm", node="n1"),
            cib(
                FENCE.replace("f1", "f2"),
                rest="<fencing-topology><fencing-level id='1' target='n1' index='1' devices='f2'/></fencing-topology>",
            ),
            id="a STONITH device leaves its levels",
        ),
        pytest.param(
            FencingLevelItem(),
            cib(
                FENCE,
                rest="<fencing-topology><fencing-level id='1' target='n' index='1' devices='f1'/></fencing-topology>",
            ),
            FencingLevel(cluster="c", node="n", level=1, devices=("f1",)),
            cib(FENCE, rest="<fencing-topology/>"),
            id="a fencing level",
        ),
        pytest.param(
            OrderItem(),
            cib(DB + dummy("a"), "<rsc_order id='o' first='a' then='db'/>"),
            Order(cluster="c", first="a", then="db"),
            cib(DB + dummy("a")),
            id="an order",
        ),
    ],
)
def test_removal(item: Any, before: Cib, last: Any, after: Cib) -> None:
    assert render(change(item, before, last, None)) == render(after)


def test_property_comes_and_goes() -> None:
    item, spec = ClusterPropertyItem(), ClusterProperty(cluster="c", name="no-quorum-policy", value="freeze")
    made = change(item, cib(), None, spec)
    assert (
        '<cluster_property_set id="cib-bootstrap-options"><nvpair id="cib-bootstrap-options-no-quorum-policy" '
        'name="no-quorum-policy" value="freeze" /></cluster_property_set>' in render(made)
    )
    assert item.seen(change(item, made, spec, None), spec) is None
