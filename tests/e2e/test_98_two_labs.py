"""Two labs of one checkout, deployed at the same time: neither knows of the other, and each goes for itself."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from halab.provisioners.engine.command import cmd
from tests.e2e.lab import Lab, hypervisor
from tests.e2e.planned import diff

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def labs(environment: dict[str, str]) -> Iterator[tuple[Lab, Lab]]:
    """The first without a way out of its network, three nodes; the second with one node and a site of its own."""
    isolated = {"HALAB_NAME": "alone", "HALAB_NETWORK_CIDR": "192.168.81.0/24", "HALAB_NETWORK_MODE": "isolated"}
    small = {
        "HALAB_NAME": "small",
        "HALAB_NETWORK_CIDR": "192.168.82.0/24",
        "HALAB_NODE_COUNT": "1",
        "HALAB_SITE_STORAGE": "local",
    }
    both = Lab(environment | isolated), Lab(environment | small)
    try:
        with ThreadPoolExecutor() as pool:
            deploys = list(pool.map(lambda lab: lab.run("make", "deploy"), both))
        assert [done.returncode for done in deploys] == [0, 0]
        yield both
    finally:
        for lab in both:
            if lab.folder.state.exists():
                lab.destroy()


def test_each_serves_its_own_site(labs: tuple[Lab, Lab]) -> None:
    alone, small = labs
    assert alone.until("the isolated lab's site", alone.served_by) in alone.nodes
    assert small.until("the small lab's site", small.served_by) == "node1"
    for lab in labs:
        assert diff(lab).actions == {}
        assert lab.online() == set(lab.nodes)
    with hypervisor() as connection:
        assert len(connection.listAllDomains()) == len(alone.nodes) + len(small.nodes) + 2


def test_an_isolated_network_has_no_way_out(labs: tuple[Lab, Lab]) -> None:
    """Neither to the host's other networks nor to the other lab, whose machines have one."""
    alone, small = labs
    routes = cmd("ip", "-json", "route", "get", small.address("node1"), ok=(0, 1, 2))
    answer = alone.attempt("node1", routes)
    assert answer is not None
    assert "unreachable" in answer.stderr, answer.stdout
    assert "dev" in small.ask("node1", "ip", "-json", "route", "get", "192.0.2.1")


def test_fencing_in_one_leaves_the_other_alone(labs: tuple[Lab, Lab]) -> None:
    alone, small = labs
    boots = {lab: {name: lab.boot_id(name) for name in [*lab.nodes, "target"]} for lab in labs}
    alone.ask("node1", "stonith_admin", "--reboot", "node3", timeout_s=600)
    alone.until("another boot", lambda: alone.boot_id("node3") not in (None, boots[alone]["node3"]), deadline_s=600)
    alone.until("all online", lambda: alone.online() == set(alone.nodes), deadline_s=600)
    assert {name: small.boot_id(name) for name in boots[small]} == boots[small]


def test_a_lab_without_quorum_is_destroyed_and_the_other_stays(labs: tuple[Lab, Lab]) -> None:
    alone, small = labs
    with hypervisor() as connection:
        for node in alone.nodes[1:]:
            connection.lookupByName(f"alone-{node}").suspend()
        alone.until("loss of quorum", lambda: _without_quorum(alone), deadline_s=300)
        alone.destroy()
        names = {domain.name() for domain in connection.listAllDomains()}
        assert names == {"small-node1", "small-target"}
        assert [network.name() for network in connection.listAllNetworks()] == ["small"]
    assert not alone.folder.path.exists()
    assert small.served_by() == "node1"
    assert diff(small).actions == {}
    small.destroy()
    with hypervisor() as connection:
        assert connection.listAllDomains() == []
        assert connection.listAllNetworks() == []


def _without_quorum(lab: Lab) -> bool:
    dc = lab.status().find("summary/current_dc")
    return dc is not None and dc.get("with_quorum") == "false"
