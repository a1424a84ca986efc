"""Small CIBs, and items applied to them."""

from __future__ import annotations

from typing import Any

from halab.provisioners.engine.item import Item
from halab.provisioners.engine.platform import DEBIAN_13
from halab.provisioners.pacemaker.cib import Cib, parse, render
from halab.provisioners.pacemaker.edit import EditCib
from halab.provisioners.pacemaker.items import Group, Primitive
from halab.provisioners.pacemaker.primitives import Member, Operation

DB = "<primitive id='db' class='ocf' provider='heartbeat' type='pgsql'/>"
FENCE = "<primitive id='f1' class='stonith' type='fence_xvm'/>"
LOCKING = (
    "<clone id='lock-clone'><group id='lock'><primitive id='dlm' class='ocf' provider='pacemaker' type='controld'/>"
    "</group></clone>"
)
IP = Primitive(cluster="c", name="ip", agent="ocf:heartbeat:IPaddr2", params={"ip": "192.0.2.1"})
IP_XML = (
    "<primitive id='ip' class='ocf' provider='heartbeat' type='IPaddr2'>"
    "<instance_attributes id='ip-instance_attributes'>"
    "<nvpair id='ip-instance_attributes-ip' name='ip' value='192.0.2.1'/></instance_attributes>{}</primitive>"
)


def dummy(name: str) -> str:
    return f"<primitive id='{name}' class='ocf' provider='pacemaker' type='Dummy'/>"


def member(name: str) -> Member:
    return Member(name=name, agent="ocf:pacemaker:Dummy")


def cib(resources: str = "", constraints: str = "", rest: str = "") -> Cib:
    return parse(
        "<cib epoch='1' admin_epoch='0'><configuration><crm_config/><nodes/>"
        f"<resources>{resources}</resources><constraints>{constraints}</constraints>{rest}</configuration></cib>"
    )


def edited(item: Item[Any], before: Cib, now: Any, wanted: Any) -> Cib:
    """The CIB after all edits that the item asks for."""
    after = parse(render(before))
    for step in item.steps(DEBIAN_13, now, wanted):
        if isinstance(step, EditCib):
            step.edit(after)
            again = render(after)
            step.edit(after)
            assert render(after) == again, "an edit must be idempotent"
    return after


def change(item: Any, before: Cib, prior: Any, wanted: Any) -> Cib:
    """As `converge` does it: observed by what was declared last, then changed to what is wanted now."""
    after = edited(item, before, item.seen(before, prior or wanted), wanted)
    if wanted is not None:
        assert item.seen(after, wanted) == wanted
    return after


OP = Operation(name="monitor", interval="10s", timeout="20s", on_fail="restart")
OP_XML = (
    "<operations><op id='ip-monitor-interval-10s' name='monitor' interval='10s' timeout='20s' on-fail='restart'/>"
    "</operations>"
)
DEEP_OP_XML = OP_XML.replace(
    "'restart'/>",
    "'restart'><instance_attributes id='ip-monitor-interval-10s-instance_attributes'>"
    "<nvpair id='ip-monitor-interval-10s-instance_attributes-OCF_CHECK_LEVEL' name='OCF_CHECK_LEVEL' value='10'/>"
    "</instance_attributes></op>",
)
META_XML = (
    "<meta_attributes id='ip-meta_attributes'><nvpair id='ip-meta_attributes-priority' name='priority' value='1'/>"
    "</meta_attributes>"
)
WEB = Group(cluster="c", name="web", primitives=(member("a"), member("b")))
WEB_XML = f"<group id='web'>{dummy('a')}{dummy('b')}</group>"
AFTER_LOCK = "<rsc_order id='order-lock-clone-web-mandatory' first='lock-clone' then='web' kind='Mandatory'/>"
