"""Two spellings of one thing in the CIB: no difference to what is declared, and nothing is written twice."""

from __future__ import annotations

import copy
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from halab.provisioners.pacemaker import values
from halab.provisioners.pacemaker.cib import Cib
from halab.provisioners.pacemaker.primitives import Operation
from halab.provisioners.pacemaker.stonith import Stonith, StonithItem

_CIB = """<cib><configuration><crm_config/><nodes/><resources>
<primitive id="fence" class="stonith" type="fence_wti"><instance_attributes id="i">
<nvpair id="d" name="pcmk_delay_base" value="{delay}"/></instance_attributes>
<operations><op id="m" name="monitor" interval="{interval}"/></operations></primitive>
</resources><constraints/></configuration></cib>"""
DEVICE = Stonith(
    cluster="c",
    name="fence",
    agent="fence_wti",
    node="",
    delay="node1:0s;node2:10s",
    operations=(Operation(name="monitor", interval="60s"),),
)


def cib(delay: str, interval: str) -> Cib:
    return Cib(ET.fromstring(_CIB.format(delay=delay, interval=interval)))


@pytest.mark.parametrize(
    ("delay", "interval"),
    [("node1:0s;node2:10s", "60s"), ("Node2:10 node1:0ms", "PT1M"), ("node1:0;node2:PT10S", "60")],
)
def test_what_means_the_same_is_no_difference(delay: str, interval: str) -> None:
    found = cib(delay, interval)
    element = StonithItem().find(found, "fence")
    assert element is not None
    assert StonithItem().view(found, element, DEVICE) == DEVICE
    StonithItem().write(found, DEVICE, DEVICE)
    assert len(found.root.findall(".//op")) == 1, "Pacemaker takes one monitor with an interval"


@pytest.mark.parametrize("delay", ["node1:0s;node2:11s", "node1:0s", "10s"])
def test_another_delay_is_seen(delay: str) -> None:
    found = cib(delay, "60s")
    element = StonithItem().find(found, "fence")
    assert element is not None
    seen = StonithItem().view(found, element, DEVICE)
    assert seen == replace(DEVICE, delay=delay)
    before = copy.deepcopy(found)
    StonithItem().write(found, seen, DEVICE)
    assert found.root.find(".//nvpair").get("value") == DEVICE.delay, before  # type: ignore[union-attr]


def test_a_device_with_a_delay_for_each_node_can_be_imported_and_declared() -> None:
    """What is read for an import is what a plan takes."""
    found = cib("node1:0s;node2:10s", "PT1M")
    element = StonithItem().find(found, "fence")
    assert element is not None
    imported = StonithItem().view(found, element, replace(DEVICE, agent="", delay=None))
    assert imported.delay == "node1:0s;node2:10s"
    assert values.check_delay(imported.delay) is None
