"""Edits are tables: what is, what was and is declared, and the CIB after the edit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from halab.provisioners.pacemaker.cib import Cib, render
from halab.provisioners.pacemaker.constraints import ColocatedWith, NodePreference, StartsAfter
from halab.provisioners.pacemaker.items import Clone, CloneItem, GroupItem, PrimitiveItem
from halab.provisioners.pacemaker.primitives import Operation
from halab.provisioners.pacemaker.settings import Colocation, ColocationItem, Location, LocationItem, Order, OrderItem
from halab.provisioners.pacemaker.stonith import FencingLevel, FencingLevelItem, Stonith, StonithItem
from tests.unit.provisioners.pacemaker.samples import (
    AFTER_LOCK,
    DB,
    DEEP_OP_XML,
    FENCE,
    IP,
    IP_XML,
    LOCKING,
    META_XML,
    OP,
    OP_XML,
    WEB,
    WEB_XML,
    change,
    cib,
    dummy,
    member,
)


@pytest.mark.parametrize(
    ("item", "before", "prior", "wanted", "after"),
    [
        pytest.param(PrimitiveItem(), cib(), None, IP, cib(IP_XML.format("")), id="make a primitive"),
        pytest.param(
            PrimitiveItem(),
            cib(IP_XML.format("")),
            IP,
            replace(IP, operations=(OP,), meta={"priority": "1"}),
            cib(IP_XML.format(META_XML + OP_XML)),
            id="add an operation and a meta attribute",
        ),
        pytest.param(
            PrimitiveItem(),
            cib(IP_XML.format(META_XML + OP_XML)),
            replace(IP, operations=(OP,), meta={"priority": "1"}),
            IP,
            cib(IP_XML.format("<operations/>")),
            id="what was declared and no longer is goes",
        ),
        pytest.param(
            PrimitiveItem(),
            cib(IP_XML.format(META_XML + OP_XML)),
            IP,
            replace(IP, params={"ip": "192.0.2.2"}),
            cib(IP_XML.replace("192.0.2.1", "192.0.2.2").format(META_XML + OP_XML)),
            id="what others added stays",
        ),
        pytest.param(
            PrimitiveItem(),
            cib(IP_XML.format(OP_XML)),
            replace(IP, operations=(OP,)),
            replace(IP, operations=(Operation(name="monitor", interval="10s", timeout="1min"),)),
            cib(IP_XML.format(OP_XML.replace("20s", "1min").replace(" on-fail='restart'", ""))),
            id="change an operation in place",
        ),
        pytest.param(
            PrimitiveItem(),
            cib(IP_XML.format(OP_XML)),
            replace(IP, operations=(OP,)),
            replace(IP, operations=(replace(OP, attributes={"OCF_CHECK_LEVEL": "10"}),)),
            cib(IP_XML.format(DEEP_OP_XML)),
            id="have an operation look deeper",
        ),
        pytest.param(
            PrimitiveItem(),
            cib(IP_XML.format(DEEP_OP_XML)),
            replace(IP, operations=(replace(OP, attributes={"OCF_CHECK_LEVEL": "10"}),)),
            replace(IP, operations=(OP,)),
            cib(IP_XML.format(OP_XML)),
            id="and no longer",
        ),
        pytest.param(
            GroupItem(),
            cib(LOCKING),
            None,
            replace(
                WEB,
                after=(StartsAfter(resource="lock"),),
                colocations=(ColocatedWith(with_resource="lock-clone"),),
                locations=(NodePreference(node="n1", score="5"),),
            ),
            cib(
                LOCKING + WEB_XML,
                "<rsc_location id='location-web-n1-5' rsc='web' node='n1' score='5'/>"
                "<rsc_colocation id='colocation-web-lock-clone-INFINITY' rsc='web' with-rsc='lock-clone' "
                "score='INFINITY'/>" + AFTER_LOCK,
            ),
            id="a group comes with its constraints, which name the clone",
        ),
        pytest.param(
            GroupItem(),
            cib(LOCKING + WEB_XML, AFTER_LOCK + "<rsc_location id='mine' rsc='web' node='n9' score='1'/>"),
            replace(WEB, after=(StartsAfter(resource="lock-clone"),)),
            WEB,
            cib(LOCKING + WEB_XML, "<rsc_location id='mine' rsc='web' node='n9' score='1'/>"),
            id="our constraint goes, a person's stays",
        ),
        pytest.param(
            GroupItem(),
            cib(f"<group id='web'>{dummy('a')}{dummy('hand')}{dummy('b')}</group>"),
            WEB,
            replace(WEB, primitives=(member("b"), member("a"))),
            cib(f"<group id='web'>{dummy('b')}{dummy('hand')}{dummy('a')}</group>"),
            id="order inside a group",
        ),
        pytest.param(
            GroupItem(),
            cib(WEB_XML, "<rsc_location id='x' rsc='a' node='n1' score='1'/>"),
            WEB,
            replace(WEB, primitives=(member("b"), member("z"))),
            cib(f"<group id='web'>{dummy('b')}{dummy('z')}</group>"),
            id="a member leaves with its constraints, another comes",
        ),
        pytest.param(
            GroupItem(),
            cib(
                WEB_XML,
                "<rsc_location id='cli-ban-web-on-n1' rsc='web' role='Started' node='n1' score='-INFINITY'/>"
                "<rsc_location id='cli-prefer-b' rsc='b' node='n1' score='INFINITY'/>"
                "<rsc_location id='cli-ban-db-on-n1' rsc='db' node='n1' score='-INFINITY'/>",
            ),
            WEB,
            WEB,
            cib(WEB_XML, "<rsc_location id='cli-ban-db-on-n1' rsc='db' node='n1' score='-INFINITY'/>"),
            id="what moving by hand left is removed",
        ),
        pytest.param(
            CloneItem(),
            cib(),
            None,
            Clone(
                cluster="c",
                name="lock-clone",
                group_name="lock",
                primitives=(member("a"),),
                meta={"interleave": "true"},
            ),
            cib(
                "<clone id='lock-clone'><meta_attributes id='lock-clone-meta_attributes'>"
                "<nvpair id='lock-clone-meta_attributes-interleave' name='interleave' value='true'/></meta_attributes>"
                f"<group id='lock'>{dummy('a')}</group></clone>"
            ),
            id="a clone of a group",
        ),
        pytest.param(
            CloneItem(),
            cib(),
            None,
            Clone(cluster="c", name="a-clone", primitives=(member("a"),)),
            cib(f"<clone id='a-clone'>{dummy('a')}</clone>"),
            id="a clone of a primitive",
        ),
        pytest.param(
            StonithItem(),
            cib(),
            None,
            Stonith(cluster="c", name="f1", agent="fence_xvm", node="n1", machine="u", delay="5s"),
            cib(
                "<primitive id='f1' class='stonith' type='fence_xvm'><instance_attributes id='f1-instance_attributes'>"
                "<nvpair id='f1-instance_attributes-pcmk_host_list' name='pcmk_host_list' value='n1'/>"
                "<nvpair id='f1-instance_attributes-pcmk_delay_base' name='pcmk_delay_base' value='5s'/>"
                "</instance_attributes></primitive>"
            ),
            id="a STONITH device",
        ),
        pytest.param(
            FencingLevelItem(),
            cib(FENCE),
            None,
            FencingLevel(cluster="c", node="n1", level=1, devices=("f1",)),
            cib(
                FENCE,
                rest="<fencing-topology><fencing-level id='fl-n1-1' target='n1' index='1' devices='f1'/>"
                "</fencing-topology>",
            ),
            id="a fencing level",
        ),
        pytest.param(
            LocationItem(),
            cib(LOCKING),
            None,
            Location(cluster="c", resource="dlm", node="n1", score="-INFINITY"),
            cib(
                LOCKING,
                "<rsc_location id='location-lock-clone-n1--INFINITY' rsc='lock-clone' node='n1' score='-INFINITY'/>",
            ),
            id="a constraint on what is cloned is one on the clone",
        ),
        pytest.param(
            ColocationItem(),
            cib(dummy("a") + DB, "<rsc_colocation id='theirs' rsc='a' with-rsc='db' score='10'/>"),
            None,
            Colocation(cluster="c", resource="a", with_resource="db"),
            cib(dummy("a") + DB, "<rsc_colocation id='theirs' rsc='a' with-rsc='db' score='INFINITY'/>"),
            id="an existing constraint is taken over",
        ),
        pytest.param(
            OrderItem(),
            cib(dummy("a") + DB, "<rsc_order id='old' first='a' then='db' score='0'/>"),
            None,
            Order(cluster="c", first="a", then="db"),
            cib(dummy("a") + DB, "<rsc_order id='old' first='a' then='db' kind='Mandatory'/>"),
            id="an order in the old form",
        ),
        pytest.param(
            OrderItem(),
            cib(
                dummy("a") + DB, "<rsc_order id='theirs' first='a' then='db' first-action='promote' kind='Mandatory'/>"
            ),
            None,
            Order(cluster="c", first="a", then="db"),
            cib(
                dummy("a") + DB,
                "<rsc_order id='theirs' first='a' then='db' first-action='promote' kind='Mandatory'/>"
                "<rsc_order id='order-a-db-mandatory' first='a' then='db' kind='Mandatory'/>",
            ),
            id="a special order is not ours",
        ),
    ],
)
def test_edits(item: Any, before: Cib, prior: Any, wanted: Any, after: Cib) -> None:
    assert render(change(item, before, prior, wanted)) == render(after)
