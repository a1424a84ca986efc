"""What a real Pacemaker makes of nodes that fence themselves. sbd itself needs a watchdog, which no node has here: a
process of its name stands in for it, by which Pacemaker knows whether it runs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from halab.cli.fence import asking
from halab.cli.fence.devices import Device, able, devices
from halab.provisioners.engine.errors import ClusterNotRunning
from halab.provisioners.engine.item import converge, remove
from halab.provisioners.pacemaker.settings import ClusterProperty, ClusterPropertyItem
from halab.provisioners.pacemaker.status import parse_status
from halab.provisioners.pacemaker.stonith import FencingLevel, FencingLevelItem, Stonith, StonithItem
from tests.pacemaker.cluster import THREE, RealCluster, running, until
from tests.pacemaker.system import System

pytestmark = pytest.mark.long

_COUNTED_S = 8
COUNTED = ClusterProperty(cluster="pen", name="stonith-watchdog-timeout", value=f"{_COUNTED_S}s")
WATCHDOG = Stonith(cluster="pen", name="watchdog", agent="fence_watchdog", node="")


@pytest.fixture
def three(debian: System, tmp_path: Path) -> Iterator[RealCluster]:
    with running(debian, tmp_path, THREE) as made:
        yield made


_STAND_IN = """cp /bin/sleep /usr/sbin/sbd
setsid /usr/sbin/sbd infinity > /dev/null 2>&1 < /dev/null &
printf "%10d\\n" $! > /run/sbd.pid
"""


def stand_in(cluster: RealCluster) -> None:
    """Each node has a process of sbd's name and place, and sbd's file with its number."""
    for node in cluster.nodes.values():
        node.ask("sh", "-euc", _STAND_IN)


def test_pacemaker_ends_where_sbd_does_not_run(three: RealCluster) -> None:
    """So the property comes after the last sbd, and goes before the first."""
    # It looks whether the property is there, and nobody is to ask any more.
    with contextlib.suppress(ClusterNotRunning):
        converge(three.host("node1"), ClusterPropertyItem(), None, COUNTED)
    until("end of Pacemaker", lambda: all(three.status(name) is None for name in three.names))


def there(cluster: RealCluster, by: str = "node1") -> list[Device]:
    return devices(parse_status(cluster.nodes[by].ask("crm_mon", "--output-as=xml")))


@pytest.mark.parametrize("levels", [False, True], ids=["alone", "after another"])
def test_who_is_silent_for_long_enough_counts_as_fenced(three: RealCluster, levels: bool) -> None:
    if levels and three.system.pacemaker == "2.1":
        pytest.skip("the settings refuse that: 2.1.5's time for a fencing does not have the watchdog's in it")
    host, lost = three.host("node1"), "node3"
    stand_in(three)
    assert converge(host, ClusterPropertyItem(), None, COUNTED) == COUNTED
    assert converge(host, StonithItem(), None, WATCHDOG) == WATCHDOG
    if levels:
        broken = Stonith(cluster="pen", name="broken", agent="fence_pen", node=lost, params={"name": "broken"})
        converge(host, StonithItem(), None, broken)
        for number, name in enumerate(("broken", "watchdog"), 1):
            level = FencingLevel(cluster="pen", node=lost, level=number, devices=(name,))
            assert converge(host, FencingLevelItem(), None, level) == level
    found = until("the device", lambda: [one for one in there(three) if one.method == "watchdog" and one.runs_on])
    listed = asking.items(host.ask(asking.able(lost)))
    assert "watchdog" not in listed, "a node knows its own only"
    assert found[0] in able(there(three), listed)
    assert asking.refusal(three.host(found[0].runs_on).attempt(asking.monitor("watchdog"))) == ""

    began = time.monotonic()
    three.power_off(lost)
    until("fencing", lambda: _is_off(three, lost))
    assert time.monotonic() - began > _COUNTED_S
    assert three.fenced == []
    said = three.nodes["node1"].ask("sh", "-c", "cat /var/log/pacemaker/pacemaker.log") + three.nodes["node2"].ask(
        "sh", "-c", "cat /var/log/pacemaker/pacemaker.log"
    )
    assert f"Self-fencing (reboot) by {lost} for" in said

    remove(host, StonithItem(), WATCHDOG)
    remove(host, ClusterPropertyItem(), COUNTED)
    assert three.online("node1") == set(three.names) - {lost}


def _is_off(cluster: RealCluster, lost: str) -> bool:
    root = cluster.status("node1")
    node = None if root is None else root.find(f"nodes/node[@name='{lost}']")
    return node is not None and (node.get("online"), node.get("unclean")) == ("false", "false")
