"""Fencing by one device alone, as `halab fence --method` asks for it, on a real Pacemaker."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from halab.cli.fence import asking
from halab.cli.fence.devices import Device, able, chosen, devices
from halab.provisioners.engine.item import converge
from halab.provisioners.pacemaker.status import parse_status
from halab.provisioners.pacemaker.stonith import FencingLevel, FencingLevelItem, Stonith, StonithItem
from tests.pacemaker.cluster import RealCluster, running
from tests.pacemaker.system import System

pytestmark = pytest.mark.long


@pytest.fixture
def pair(debian: System, tmp_path: Path) -> Iterator[RealCluster]:
    """Its node2 can be fenced by two devices, and by a broken one."""
    with running(debian, tmp_path) as made:
        for name in ("first", "second", "broken"):
            device = Stonith(cluster="pen", name=name, agent="fence_pen", node="node2", params={"name": name})
            assert converge(made.host("node1"), StonithItem(), None, device) == device
        yield made


def levels(pair: RealCluster, *names: str) -> None:
    for number, name in enumerate(names, 1):
        level = FencingLevel(cluster="pen", node="node2", level=number, devices=(name,))
        assert converge(pair.host("node1"), FencingLevelItem(), None, level) == level


def topology(pair: RealCluster) -> dict[str, str]:
    """Level -> its devices, as the CIB has them."""
    found = ET.fromstring(pair.nodes["node1"].ask("cibadmin", "--query")).iter("fencing-level")
    return {level.get("index", ""): level.get("devices", "") for level in found}


def there(pair: RealCluster) -> list[Device]:
    return devices(parse_status(pair.nodes["node1"].ask("crm_mon", "--output-as=xml")))


def test_one_device_alone_and_the_levels_come_back(pair: RealCluster) -> None:
    host, found = pair.host("node1"), there(pair)
    assert {device.method for device in found} == {"pen"}
    fencers = able(found, asking.items(host.ask(asking.able("node2"))))
    assert {device.name for device in fencers} == {"first", "second", "broken"}
    assert asking.items(host.ask(asking.able("node1"))) == []
    second = chosen(fencers, "second", "node2")
    home = pair.host(second.runs_on)
    assert asking.knows(home.ask(asking.metadata(second.agent)), "list")
    assert asking.refusal(home.attempt(asking.monitor("second"))) == ""
    assert asking.items(home.attempt(asking.targets("second"))) == ["node1", "node2"]

    levels(pair, "first", "second")
    answer = asking.fence_by(host, "broken", "node2", "reboot", 60)
    assert asking.refusal(answer), "no other device helps"
    assert pair.fenced == []
    assert topology(pair) == {"1": "first", "2": "second"}
    assert asking.refusal(asking.fence_by(host, "second", "node2", "reboot", 60)) == ""
    assert pair.fenced == [("node2", "node1 by second")]
    assert topology(pair) == {"1": "first", "2": "second"}


def test_without_levels_there_are_none_afterwards(pair: RealCluster) -> None:
    assert asking.refusal(asking.fence_by(pair.host("node1"), "second", "node2", "fence", 60)) == ""
    assert pair.fenced == [("node2", "node1 by second")]
    assert topology(pair) == {}


def test_what_a_lost_asker_has_left_shows_at_its_device_and_an_apply_removes_it(pair: RealCluster) -> None:
    level = '<fencing-level id="by-hand-node2" target="node2" index="1" devices="second"/>'
    text = f"<configuration><fencing-topology>{level}</fencing-topology></configuration>"
    pair.nodes["node1"].ask("cibadmin", "--modify", "--allow-create", "--xml-text", text)
    second = Stonith(cluster="pen", name="second", agent="fence_pen", node="node2", params={"name": "second"})
    left = StonithItem().observe(pair.host("node1"), second)
    assert left is not None
    assert "by-hand-node2" in left.condition
    assert converge(pair.host("node1"), StonithItem(), second, second) == second
    assert topology(pair) == {}
