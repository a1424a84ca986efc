"""Networks as XML and back, and what a change of reservations needs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from halab.provider.hypervisor.mark import Mark
from halab.provider.hypervisor.network.network_xml import (
    NetworkHost,
    NetworkSpec,
    gateway,
    network_changes,
    network_xml,
    parse_network,
)
from halab.provider.hypervisor.network.rules import problems
from halab.provider.protocol import UNKNOWN

DATA = Path(__file__).parents[4] / "data" / "hypervisor"
MARK = Mark(lab="summit")
NODE1 = NetworkHost("node1", "52:54:00:aa:00:01", "10.17.0.11")
NODE2 = NetworkHost("node2", "52:54:00:aa:00:02", "10.17.0.12")
NAT = NetworkSpec(name="summit", cidr="10.17.0.0/24", mode="nat", domain="summit.test", hosts=(NODE1, NODE2))
SPECS = {
    "network-nat": NAT,
    "network-isolated": NetworkSpec(name="quiet", cidr="10.18.0.0/26", mode="isolated", bridge="quiet0"),
    "network-range": dataclasses.replace(NAT, domain="", dhcp_start="10.17.0.100", dhcp_end="10.17.0.120"),
}


@pytest.mark.parametrize("name", SPECS)
def test_golden(name: str) -> None:
    assert network_xml(SPECS[name], MARK) + "\n" == (DATA / f"{name}.xml").read_text()


@pytest.mark.parametrize("name", SPECS)
def test_round_trip(name: str) -> None:
    assert parse_network(network_xml(SPECS[name], MARK)) == (SPECS[name], MARK)


def test_as_libvirt_shows_it() -> None:
    spec, mark = parse_network((DATA / "network-libvirt.xml").read_text())
    assert mark == MARK
    assert spec == dataclasses.replace(NAT, bridge="virbr0")


def test_values_are_escaped() -> None:
    spec, _mark = parse_network(network_xml(dataclasses.replace(NAT, name="a<b>&\"c'"), MARK))
    assert spec.name == "a<b>&\"c'"


def test_a_foreign_network_has_no_mark() -> None:
    xml = "<network><name>default</name><ip address='192.168.122.1' netmask='255.255.255.0'/></network>"
    assert parse_network(xml) == (NetworkSpec(name="default", cidr="192.168.122.0/24", mode="isolated"), None)


def test_a_reservation_without_its_name_counts_as_missing() -> None:
    xml = network_xml(NAT, MARK).replace("<hostname>node2</hostname>", "<hostname>other</hostname>")
    assert parse_network(xml)[0].hosts == (NODE1,)


def test_gateway() -> None:
    assert gateway("10.17.0.0/24") == "10.17.0.1"


MOVED = dataclasses.replace(NODE2, address="10.17.0.22")
CHANGES = {
    "nothing": (NAT, []),
    "added": (
        dataclasses.replace(NAT, hosts=(NODE1, NODE2, NetworkHost("node3", "52:54:00:aa:00:03", "10.17.0.13"))),
        [
            ("add", "host", '<host mac="52:54:00:aa:00:03" name="node3" ip="10.17.0.13" />'),
            (
                "add",
                "dns",
                '<host ip="10.17.0.13"><hostname>node3</hostname><hostname>node3.summit.test</hostname></host>',
            ),
        ],
    ),
    "removed": (
        dataclasses.replace(NAT, hosts=(NODE1,)),
        [
            ("delete", "host", '<host mac="52:54:00:aa:00:02" name="node2" ip="10.17.0.12" />'),
            ("delete", "dns", '<host ip="10.17.0.12" />'),
        ],
    ),
    "moved": (
        dataclasses.replace(NAT, hosts=(NODE1, MOVED)),
        [
            ("delete", "host", '<host mac="52:54:00:aa:00:02" name="node2" ip="10.17.0.12" />'),
            ("delete", "dns", '<host ip="10.17.0.12" />'),
            ("add", "host", '<host mac="52:54:00:aa:00:02" name="node2" ip="10.17.0.22" />'),
            (
                "add",
                "dns",
                '<host ip="10.17.0.22"><hostname>node2</hostname><hostname>node2.summit.test</hostname></host>',
            ),
        ],
    ),
    "range": (
        dataclasses.replace(NAT, dhcp_start="10.17.0.100", dhcp_end="10.17.0.120"),
        [("add", "range", '<range start="10.17.0.100" end="10.17.0.120" />')],
    ),
    "reordered": (dataclasses.replace(NAT, hosts=(NODE2, NODE1)), []),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes(name: str) -> None:
    wanted, expected = CHANGES[name]
    changes = network_changes(network_xml(NAT, MARK), wanted, NAT)
    assert [(change.command, change.section, change.xml) for change in changes] == expected


def test_what_somebody_else_added_stays_unless_it_is_in_the_way() -> None:
    theirs = NetworkHost("printer", "52:54:00:00:00:77", "10.17.0.77")
    xml = network_xml(dataclasses.replace(NAT, hosts=(*NAT.hosts, theirs)), MARK)
    assert network_changes(xml, NAT, NAT) == []
    instead = dataclasses.replace(theirs, address=NODE2.address)
    xml = network_xml(dataclasses.replace(NAT, hosts=(NODE1, instead)), MARK)
    said = [(change.command, change.section) for change in network_changes(xml, NAT, NAT)]
    assert said == [("delete", "host"), ("delete", "dns"), ("add", "host"), ("add", "dns")]


def test_a_lost_name_is_put_back() -> None:
    xml = network_xml(NAT, MARK).replace("<hostname>node2.summit.test</hostname>", "")
    assert [(change.command, change.section) for change in network_changes(xml, NAT)] == [
        ("delete", "dns"),
        ("add", "dns"),
    ]


def config(**changes: object) -> dict[str, object]:
    hosts = [dataclasses.asdict(host) for host in (NODE1, NODE2)]
    return {"cidr": "10.17.0.0/24", "hosts": hosts, "dhcp_start": None, "dhcp_end": None} | changes


def host(**changes: object) -> dict[str, object]:
    return dataclasses.asdict(NODE1) | {"name": "x", "mac": "52:54:00:00:00:09", "address": "10.17.0.99"} | changes


PROBLEMS = [
    (config(), []),
    (config(hosts=None), []),
    (config(hosts=UNKNOWN, dhcp_start="10.17.0.10", dhcp_end="10.17.0.99"), []),
    (config(cidr=UNKNOWN), []),
    (config(cidr="10.17.0.0/33"), []),  # what one value alone is wrong by, its own check says
    (config(hosts=[host(address="10.17.0")]), []),
    (config(dhcp_start="10.17.0", dhcp_end="10.17.0.99"), []),
    (config(dhcp_start="10.17.0.100"), [("dhcp_start",)]),
    (config(dhcp_start="10.18.0.100", dhcp_end="10.17.0.120"), [("dhcp_start",)]),
    (config(dhcp_start="10.17.0.12", dhcp_end="10.17.0.20"), [("hosts", 1, "address")]),
    (config(hosts=[host(address="10.17.1.1")]), [("hosts", 0, "address")]),
    (config(hosts=[host(address="10.17.0.1")]), [("hosts", 0, "address")]),
    (config(hosts=[host(address="10.17.0.255")]), [("hosts", 0, "address")]),
    (config(hosts=[host(address=UNKNOWN, name=UNKNOWN), UNKNOWN]), []),
    (config(hosts=[host(), host()]), [("hosts", 1, "name"), ("hosts", 1, "mac"), ("hosts", 1, "address")]),
    (
        config(hosts=[host(mac="52:54:00:00:00:AB"), host(name="y", address="10.17.0.98", mac="52:54:00:00:00:ab")]),
        [("hosts", 1, "mac")],
    ),
]


@pytest.mark.parametrize(("cfg", "paths"), PROBLEMS)
def test_problems(cfg: dict[str, object], paths: list[tuple[str | int, ...]]) -> None:
    assert [path for path, _problem in problems(cfg)] == paths
