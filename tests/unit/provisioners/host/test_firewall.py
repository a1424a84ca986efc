import json
import re
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from halab.provisioners.engine.errors import UnexpectedOutput
from halab.provisioners.engine.limits import NODE_PORTS, TARGET_PORTS
from halab.provisioners.engine.managed_block import Block
from halab.provisioners.engine.platform import DEBIAN_13, EL_9
from halab.provisioners.host import firewall
from halab.provisioners.host.firewall import INCOMPLETE, NFT_FILE, NFT_INCLUDE, Rules

DATA = Path(__file__).parents[3] / "data" / "host"
# What `nft -j list table inet halab` printed on a node that had loaded the rules of RULES.
LISTING = (DATA / "nft-list-table.json").read_text()
RULES = Rules(frozenset({*NODE_PORTS, "udp/123"}), frozenset({"192.168.77.0/24"}))
INCLUDED = Block("", (NFT_INCLUDE,)).text


def test_what_the_kernel_lists_is_what_was_rendered() -> None:
    assert firewall.parse_nftables(LISTING) == RULES


def test_nftables_text() -> None:
    assert firewall.render_nftables(RULES) == (DATA / "node.nft").read_text()


@pytest.mark.parametrize(
    ("rules", "lines"),
    [
        (Rules(frozenset({"tcp/22"}), frozenset()), ["tcp dport { 22 } accept"]),
        (
            Rules(frozenset(TARGET_PORTS), frozenset({"10.0.0.0/8", "192.168.0.0/16"})),
            [
                "ip saddr { 10.0.0.0/8, 192.168.0.0/16 } tcp dport { 22, 3260 } accept",
                "ip saddr { 10.0.0.0/8, 192.168.0.0/16 } udp dport { 123 } accept",
            ],
        ),
        (Rules(frozenset(), frozenset()), []),
    ],
)
def test_opened_ports(rules: Rules, lines: list[str]) -> None:
    text = firewall.render_nftables(rules)
    assert [line.strip() for line in text.splitlines() if "dport" in line] == lines
    assert "policy drop" in text


def match(left: str, right: object, op: str = "==") -> dict[str, object]:
    protocol, _, field = left.partition(" ")
    where = {"payload": {"protocol": protocol, "field": field}} if field else {"meta": {"key": protocol}}
    return {"match": {"op": op, "left": where, "right": right}}


def listing(*rules: list[object], without: int = 0) -> str:
    """What nft lists when the last `without` rules of LISTING are gone and others are there."""
    entries = json.loads(LISTING)["nftables"]
    entries = entries[: len(entries) - without]
    return json.dumps({"nftables": [*entries, *({"rule": {"expr": rule}} for rule in rules)]})


ACCEPT = {"accept": None}


def test_single_values_are_listed_without_set_and_prefix() -> None:
    one = [match("ip saddr", "10.0.0.1"), match("tcp dport", 22), ACCEPT]
    assert firewall.parse_nftables(listing(one, without=2)) == Rules(frozenset({"tcp/22"}), frozenset({"10.0.0.1/32"}))


@pytest.mark.parametrize(
    ("rules", "without"),
    [
        ([[ACCEPT]], 0),  # everything is let in
        ([[match("tcp dport", 22), ACCEPT]], 0),  # from everywhere
        ([[match("iifname", "eth0"), ACCEPT]], 0),
        ([[match("ip saddr", "10.0.0.1"), ACCEPT]], 0),
        ([[match("tcp dport", 22, "!="), ACCEPT]], 0),
        ([[{"counter": None}, ACCEPT]], 0),
        ([[{"drop": None}]], 0),
        ([], 3),  # replies are not let in any more
    ],
)
def test_rules_that_are_not_ours_show(rules: list[list[object]], without: int) -> None:
    assert firewall.parse_nftables(listing(*rules, without=without)) is None


def test_a_port_more_is_a_port_more() -> None:
    """In our own rule; the plan then names it."""
    more = firewall.parse_nftables(LISTING.replace("[22, 80, 2224, 21064]", "[22, 80, 2224, 21064, 8080]"))
    assert more == Rules(RULES.ports | {"tcp/8080"}, RULES.sources)


def test_a_table_with_another_policy_is_not_ours() -> None:
    assert firewall.parse_nftables(LISTING.replace('"drop"', '"accept"')) is None


def test_nft_that_prints_no_json() -> None:
    with pytest.raises(UnexpectedOutput):
        firewall.parse_nftables("table inet halab {}")


STORED = firewall.render_nftables(RULES)
FEWER = Rules(RULES.ports - {"tcp/80"}, RULES.sources)


@pytest.mark.parametrize(
    ("file", "enabled", "live", "main", "state", "rules"),
    [
        (STORED, "enabled\n", LISTING, INCLUDED, "managed", RULES),
        (None, "disabled\n", "", None, "disabled", FEWER),
        (None, "", "", None, "disabled", FEWER),  # nftables is not even installed
        (STORED, "disabled\n", LISTING, INCLUDED, INCOMPLETE, RULES),
        (STORED, "enabled\n", LISTING, "", INCOMPLETE, RULES),
        (firewall.render_nftables(FEWER), "enabled\n", LISTING, INCLUDED, INCOMPLETE, RULES),
        (STORED, "enabled\n", "", INCLUDED, INCOMPLETE, FEWER),
    ],
)
def test_nftables_seen(file: str | None, enabled: str, live: str, main: str | None, state: str, rules: Rules) -> None:
    assert firewall.seen(DEBIAN_13, FEWER, [file, enabled, live, main]) == (state, rules)


ZONE, CLOSED = firewall.render_zone(RULES), firewall.CLOSED_ZONE
# What `firewall-cmd --list-ports` and `--list-sources` print: firewalld's firewall-cmd(1), one line each.
LIVE = "active\n21064/tcp 2224/tcp 22/tcp 5405/udp 80/tcp 123/udp\n192.168.77.0/24\n\n"


@pytest.mark.parametrize(
    ("file", "enabled", "live", "default", "state", "rules"),
    [
        (ZONE, "enabled\n", LIVE, CLOSED, "managed", RULES),
        (ZONE, "disabled\n", LIVE, CLOSED, INCOMPLETE, RULES),
        (firewall.render_zone(FEWER), "enabled\n", LIVE, CLOSED, INCOMPLETE, RULES),
        (ZONE, "enabled\n", LIVE.replace("80/tcp ", ""), CLOSED, INCOMPLETE, FEWER),  # closed by hand
        (ZONE, "enabled\n", LIVE.rstrip("\n") + "\n22/tcp ssh cockpit\n", CLOSED, INCOMPLETE, RULES),
        (ZONE, "enabled\n", LIVE, None, INCOMPLETE, RULES),
        (None, "enabled\n", "active\n", None, INCOMPLETE, FEWER),
        (ZONE, "enabled\n", "inactive\n", CLOSED, INCOMPLETE, FEWER),
        (None, "disabled\n", "inactive\n", None, "disabled", FEWER),
        (None, "", "", None, "disabled", FEWER),  # firewalld is not even installed
    ],
)
def test_firewalld_seen(
    file: str | None, enabled: str, live: str, default: str | None, state: str, rules: Rules
) -> None:
    assert firewall.seen(EL_9, FEWER, [file, enabled, live, default]) == (state, rules)


def test_firewalld_opens_nothing_else() -> None:
    paths = [entry.path for entry in firewall.files(EL_9, RULES)]
    assert paths == [firewall.ZONE_FILE, firewall.DEFAULT_ZONE_FILE]
    assert ET.fromstring(CLOSED).findall("port") == []
    assert all(path in firewall.turn_off(EL_9)[-1] for path in paths)


def test_zone_without_sources_is_for_everybody() -> None:
    rules = Rules(frozenset({"tcp/22", "udp/123"}), frozenset())
    zone = ET.fromstring(firewall.render_zone(rules))
    assert [source.attrib for source in zone.findall("source")] == [{"address": "0.0.0.0/0"}]
    opened = {(port.get("protocol"), port.get("port")) for port in zone.findall("port")}
    assert opened == {("tcp", "22"), ("udp", "123")}


def test_removal_names_only_our_table() -> None:
    off = "\n".join(firewall.turn_off(DEBIAN_13))
    assert "flush" not in off
    assert NFT_FILE in off
    assert set(re.findall(r"inet (\w+)", off)) == {"halab"}
    subprocess.run(["sh", "-n", "-c", off], check=True)


@pytest.mark.parametrize("port", ["22", "tcp/0", "tcp/65536", "sctp/22", "tcp/22 ", "tcp/ssh"])
def test_wrong_ports(port: str) -> None:
    assert port in (firewall.check_ports((port,)) or "")


@pytest.mark.parametrize("source", ["192.168.77.1/24", "lab", "::/0"])
def test_wrong_sources(source: str) -> None:
    assert source in (firewall.check_sources((source,)) or "")


def test_the_roles_ports_are_ports() -> None:
    assert firewall.check_ports((*NODE_PORTS, *TARGET_PORTS)) is None
