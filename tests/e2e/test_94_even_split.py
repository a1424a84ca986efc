"""Four nodes, split in half: the target's vote lets one half go on, which fences the other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.lab import Lab, deployed
from tests.e2e.planned import diff

pytestmark = pytest.mark.long

_FOUR = {"HALAB_NAME": "four", "HALAB_NODE_COUNT": "4", "HALAB_NETWORK_CIDR": "192.168.79.0/24"}
_HALVES = (("node1", "node2"), ("node3", "node4"))
_CUT = """nft add table inet cut
nft add chain inet cut in '{ type filter hook input priority -10; }'
for address; do nft add rule inet cut in ip saddr "$address" udp dport 5405 drop; done
"""


@pytest.fixture(scope="module")
def four(environment: dict[str, str]) -> Iterator[Lab]:
    with deployed({**environment, **_FOUR}) as lab:
        yield lab


def _votes(lab: Lab, node: str) -> dict[str, str]:
    """Lines "name: value" of corosync-quorumtool, which prints text only; it exits with 1 where there is quorum."""
    lines = lab.ask(node, "corosync-quorumtool", "-s", ok=(0, 1)).splitlines()
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def test_the_target_has_a_vote(four: Lab) -> None:
    for node in four.nodes:
        votes = _votes(four, node)
        assert (votes["Expected votes"], votes["Total votes"], votes["Quorum"].split()[0]) == ("5", "5", "3")
    assert diff(four).actions == {}


def test_exactly_one_half_goes_on_and_the_cluster_heals(four: Lab) -> None:
    four.until("the site", four.served_by)
    before = {node: four.boot_id(node) for node in four.nodes}
    for half, other in (_HALVES, _HALVES[::-1]):
        for node in half:
            four.ask(node, "sh", "-euc", _CUT, "sh", *map(four.address, other))

    def booted() -> tuple[str, ...]:
        return tuple(node for node in four.nodes if four.boot_id(node) not in (None, before[node]))

    lost = four.until("a half that was fenced", lambda: booted() if booted() in _HALVES else None, deadline_s=600)
    (kept,) = (half for half in _HALVES if half != lost)
    assert four.until("the site", four.served_by) in kept
    for node in kept:
        four.ask(node, "nft", "delete", "table", "inet", "cut")
    four.until("all online", lambda: four.online(kept[0]) == set(four.nodes), deadline_s=600)
    four.until("GFS2 everywhere", lambda: four.all_mounted(kept[0]), deadline_s=600)
    assert {node: four.boot_id(node) for node in kept} == {node: before[node] for node in kept}
    events = four.status(kept[0]).iterfind("fence_history/fence_event")
    assert {event.get("target") for event in events if event.get("status") == "success"} == set(lost)
    assert diff(four).actions == {}


def test_with_three_nodes_there_is_no_further_vote(four: Lab, environment: dict[str, str]) -> None:
    three = Lab({**environment, **_FOUR, "HALAB_NODE_COUNT": "3"})
    three.deploy()
    for node in three.nodes:
        votes = _votes(three, node)
        assert (votes["Expected votes"], votes["Total votes"], votes["Quorum"].split()[0]) == ("3", "3", "2")
        assert three.ask(node, "systemctl", "is-active", "corosync-qdevice", ok=(3,)).strip() == "inactive"
    assert diff(three).actions == {}
