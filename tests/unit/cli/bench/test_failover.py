"""What the benchmark reads out of a failover, on what crm_mon really printed."""

from dataclasses import replace
from pathlib import Path

import pytest

from halab.cli.bench import failover
from halab.cli.bench.failover import CrashEvents, choose_witness, follow, parse_token
from halab.provider.run.known_hosts import pinned_key
from halab.provisioners.engine.errors import HalabError, TimedOut, UnexpectedOutput
from halab.provisioners.pacemaker.status import ClusterStatus, FencingEvent, parse_status

RUNNING = Path(__file__).resolve().parents[3] / "data/pacemaker/crm_mon-2.1-running.xml"
OLD = FencingEvent("node2", "reboot", "success", "node1", "2026-01-01 10:00:00Z")
NEW = replace(OLD, completed="2026-01-01 11:00:00Z")
PENDING = replace(NEW, status="pending", completed="")


@pytest.fixture
def healthy() -> ClusterStatus:
    return parse_status(RUNNING.read_text())


def seen(status: ClusterStatus, *fencing: FencingEvent, online: bool = True, unclean: bool = False) -> ClusterStatus:
    """The status with this about node2."""
    nodes = tuple(
        replace(node, online=online, unclean=unclean) if node.name == "node2" else node for node in status.nodes
    )
    return replace(status, nodes=nodes, fencing=fencing)


def test_a_failover_as_a_surviving_node_sees_it(healthy: ClusterStatus) -> None:
    events = CrashEvents("node2", frozenset({(OLD.target, OLD.completed)}))
    looks = [
        (seen(healthy, OLD), None, None),
        (seen(healthy, OLD, unclean=True), 1, None),
        (seen(healthy, OLD, PENDING, unclean=True, online=False), 1, None),
        (seen(healthy, OLD, replace(NEW, target="node1"), online=False), 1, None),
        (seen(healthy, OLD, NEW, online=False), 1, 4),
        (seen(healthy, OLD, NEW, online=True), 1, 4),
    ]
    for at, (status, detected, fenced) in enumerate(looks):
        events.look(status, float(at))
        assert (events.detected, events.fenced) == (detected, fenced), at


def test_a_node_that_was_fenced_between_two_looks_was_detected_too(healthy: ClusterStatus) -> None:
    events = CrashEvents("node2", frozenset())
    events.look(seen(healthy, NEW), 7.0)
    assert (events.detected, events.fenced) == (7.0, 7.0)


def test_follow_looks_until_both_came(healthy: ClusterStatus) -> None:
    looks = iter([healthy, seen(healthy, unclean=True), seen(healthy, NEW, online=False)])
    pauses: list[float] = []
    detected, fenced = follow(CrashEvents("node2", frozenset()), lambda: next(looks), pause=pauses.append)
    assert detected <= fenced
    assert pauses == [failover.STATUS_POLL_S] * 2


@pytest.mark.parametrize(("unclean", "missing"), [(False, "even seen as lost"), (True, "fenced")])
def test_follow_gives_up_and_says_what_is_missing(healthy: ClusterStatus, unclean: bool, missing: str) -> None:
    with pytest.raises(TimedOut, match=f"node2 was not {missing} within 0 s"):
        follow(CrashEvents("node2", frozenset()), lambda: seen(healthy, unclean=unclean), 0.0, lambda _: None)


def test_the_witness_survives_and_is_not_the_dc_if_there_is_a_choice(healthy: ClusterStatus) -> None:
    nodes = tuple(replace(node, is_dc=node.name == "node1") for node in healthy.nodes)
    status = replace(healthy, nodes=nodes)
    assert [choose_witness(status, crashed) for crashed in ("node1", "node2", "node3")] == ["node2", "node3", "node2"]
    two = replace(healthy, nodes=nodes[:2])
    assert choose_witness(two, "node2") == "node1"
    off = replace(healthy, nodes=tuple(replace(node, online=False) for node in nodes))
    with pytest.raises(HalabError, match="No node would be left"):
        choose_witness(off, "node1")


def test_the_pinned_key_of_a_host() -> None:
    known = "node1.summit.test,node1,10.0.0.1 ssh-ed25519 AAAA\nnode10,10.0.0.2 ssh-ed25519 BBBB\n"
    assert pinned_key(known, "node1") == "ssh-ed25519 AAAA"
    assert pinned_key(known, "node10") == "ssh-ed25519 BBBB"
    with pytest.raises(UnexpectedOutput, match="no key of node2"):
        pinned_key(known, "node2")


def test_the_token() -> None:
    assert parse_token("runtime.config.totem.token (u32) = 10650\n") == 10650
    with pytest.raises(UnexpectedOutput, match="did not tell the token"):
        parse_token("runtime.config.totem.token (u32) = \n")
