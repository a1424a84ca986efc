from __future__ import annotations

from pathlib import Path

import pytest

from halab.provisioners.engine.errors import ClusterNotRunning, TimedOut, UnexpectedOutput
from halab.provisioners.pacemaker.status import Ban, parse_status, plain_id

DATA = Path(__file__).parents[3] / "data" / "pacemaker"


def read(name: str) -> str:
    return (DATA / name).read_text()


def test_running_cluster() -> None:
    status = parse_status(read("crm_mon-2.1-running.xml"))
    assert [(n.name, n.available) for n in status.nodes] == [("node1", True), ("node2", True), ("node3", True)]
    assert [(r.id, r.nodes, r.within) for r in status.resources if r.id in ("dlm", "ip", "fence1")] == [
        ("fence1", ("node1",), ()),
        ("dlm", ("node1",), ("locking-clone", "locking")),
        ("dlm", ("node2",), ("locking-clone", "locking")),
        ("dlm", ("node3",), ("locking-clone", "locking")),
        ("ip", ("node2",), ("web",)),
    ]
    assert all(r.settled for r in status.resources)
    assert status.bans == (Ban("location-web-node3--INFINITY", "web", "node3"),)
    assert (status.dc, status.failures, status.symmetric, status.maintenance_mode) == (None, (), True, False)


def test_failures() -> None:
    status = parse_status(read("crm_mon-2.1-failed.xml"))
    assert [str(f) for f in status.failures] == [
        "start of apache failed on node2: not installed (User-injected result)"
    ]
    assert [(c.resource, c.node, c.infinite) for c in status.fail_counts] == [("apache", "node2", False)]
    assert [r.settled for r in status.instances("apache")] == [False]


def test_pacemaker_3() -> None:
    status = parse_status(read("crm_mon-3.0-failed.xml"))
    assert (status.dc, status.with_quorum, status.version) == ("node1", True, "3.0.0-3.0.0")
    assert [str(f) for f in status.failures] == ["probe of nope failed on node1: not installed"]
    assert [(r.id, r.settled, r.within) for r in status.resources] == [
        ("d1", True, ()),
        ("c1a", True, ("c1-clone", "c1")),
        ("c1b", True, ("c1-clone", "c1")),
        ("bad", True, ()),
        ("nope", False, ()),
        ("banned", False, ()),
    ]
    assert [ban.resource for ban in status.bans] == ["banned"]


@pytest.mark.parametrize("name", ["crm_mon-2.1-not-connected.xml", "crm_mon-3.0-not-connected.xml"])
def test_no_cluster_is_not_an_empty_cluster(name: str) -> None:
    with pytest.raises(ClusterNotRunning):
        parse_status(read(name))


def test_daemons_without_a_cib_are_a_cluster_that_begins() -> None:
    """After its daemons were started anew. One that does not run would be left alone by a delete."""
    daemons = '<pacemakerd sys_from="pacemakerd" state="running" last_updated="2026-12-01 03:57:52Z"/>'
    with pytest.raises(TimedOut, match="does not show anything yet"):
        parse_status(f'<pacemaker-result>{daemons}<status code="0" message="OK"/></pacemaker-result>')


@pytest.mark.parametrize("text", ["", "Cluster Summary:", "<pacemaker-result/>"])
def test_anything_else_is_an_error(text: str) -> None:
    with pytest.raises(UnexpectedOutput):
        parse_status(text)


@pytest.mark.parametrize(("name", "plain"), [("dlm:0", "dlm"), ("dlm", "dlm"), ("a:b", "a:b"), ("x:12", "x")])
def test_plain_id(name: str, plain: str) -> None:
    assert plain_id(name) == plain
