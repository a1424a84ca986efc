"""Firewall rules: an nftables table of our own, or a firewalld zone. Pure: text, and what text says.

ICMP, established connections and loopback are always let in.
"""

from __future__ import annotations

import ipaddress
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from halab.provisioners.engine import units
from halab.provisioners.engine.durable import KEEP, KEPT
from halab.provisioners.engine.errors import UnexpectedOutput
from halab.provisioners.engine.managed_block import Block, Whole, block_lines
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.survey import Says, Text

TABLE = "halab"
NFT_FILE = "/etc/nftables/halab.nft"
NFT_MAIN = "/etc/nftables.conf"
NFT_INCLUDE = f'include "{NFT_FILE}"'
ZONE_FILE = f"/etc/firewalld/zones/{TABLE}.xml"
# What the lab's networks do not claim comes to the default zone, in which the installer may have opened ports.
DEFAULT_ZONE_FILE = "/etc/firewalld/zones/public.xml"
CLOSED_ZONE = '<?xml version="1.0" encoding="utf-8"?>\n<zone>\n  <short>Public</short>\n</zone>\n'

# How a firewall is shown that is neither as we make it nor gone.
INCOMPLETE = "incomplete"

_NFT_LIVE = """
if command -v nft >/dev/null; then
  if nft list tables | grep -qx "table inet $1"; then nft -j list table inet "$1"; fi
fi
"""
# is-active fails when the answer is no, and when there is no such unit: its words tell.
# Then what is in force: one line each of ports and sources of our zone, and of all that the default zone opens.
_ACTIVE = """
systemctl is-active firewalld || exit 0
if firewall-cmd --get-zones | grep -qw "$1"; then
  firewall-cmd --zone="$1" --list-ports
  firewall-cmd --zone="$1" --list-sources
  echo $(firewall-cmd --list-ports; firewall-cmd --list-services)
fi
"""
_ENABLED = f'{units.IS_ENABLED}is_enabled "$1"'

SSH = "tcp/22"


@dataclass(frozen=True, slots=True)
class Rules:
    """Ports such as "tcp/22", open to the networks of `sources` (CIDR); no sources means to everybody."""

    ports: frozenset[str]
    sources: frozenset[str]


def check_ports(ports: Iterable[str]) -> str | None:
    """What is wrong with a list of ports, or None."""
    for port in ports:
        found = re.fullmatch(r"(tcp|udp)/([1-9][0-9]{0,4})", port)
        if found is None or int(found[2]) > 65535:
            return f"{port!r} is not a port. Write it as tcp/22 or udp/5405."
    return None


def check_sources(sources: Iterable[str]) -> str | None:
    """What is wrong with a list of networks, or None."""
    for source in sources:
        try:
            ipaddress.IPv4Network(source)
        except ValueError as error:
            return f"{source!r} is not an IPv4 network in CIDR form: {error}"
    return None


def _numbers(ports: Iterable[str], protocol: str) -> list[int]:
    return sorted(int(p.split("/")[1]) for p in ports if p.startswith(f"{protocol}/"))


def render_nftables(rules: Rules) -> str:
    """A file for `nft -f` that replaces our table in one transaction and touches no other."""
    source = f"ip saddr {{ {', '.join(sorted(rules.sources))} }} " if rules.sources else ""
    opened = "".join(
        f"        {source}{protocol} dport {{ {', '.join(map(str, numbers))} }} accept\n"
        for protocol in ("tcp", "udp")
        if (numbers := _numbers(rules.ports, protocol))
    )
    return (
        f"table inet {TABLE}\n"
        f"delete table inet {TABLE}\n"
        f"table inet {TABLE} {{\n"
        "    chain input {\n"
        "        type filter hook input priority filter; policy drop;\n"
        '        iifname "lo" accept\n'
        "        ct state established,related accept\n"
        "        meta l4proto { icmp, ipv6-icmp } accept\n"
        f"{opened}"
        "    }\n"
        "}\n"
    )


def parse_nftables(listing: str) -> Rules | None:
    """What is open in the output of `nft -j list table inet halab`; None when it is not a table that we would make."""
    try:
        entries = json.loads(listing)["nftables"]
    except (ValueError, KeyError, TypeError) as error:
        raise UnexpectedOutput("nft printed no JSON", str(error)) from error
    chains = [e["chain"] for e in entries if "chain" in e]
    if [(c["name"], c.get("hook"), c.get("policy")) for c in chains] != [("input", "input", "drop")]:
        return None
    rules = [_signature(e["rule"]["expr"]) for e in entries if "rule" in e]
    opened = [dict(rule) for rule in rules if rule is not None]
    ports = {f"{p}/{port}" for rule in opened for p in ("tcp", "udp") for port in rule.get(f"{p} dport", ())}
    sources = {_network(source) for rule in opened for source in rule.get("ip saddr", ())}
    found = Rules(frozenset(ports), frozenset(sources))
    # A rule more than ours may open everything, and one less may cut everybody off.
    return found if sorted(map(repr, rules)) == sorted(map(repr, _signatures(found))) else None


_Signature = tuple[tuple[str, tuple[str, ...]], ...]
_ALWAYS: tuple[_Signature, ...] = (
    (("ct state", ("established", "related")),),
    (("iifname", ("lo",)),),
    (("l4proto", ("icmp", "ipv6-icmp")),),
)
_PROTOCOL_NAMES = {"1": "icmp", "58": "ipv6-icmp"}  # as nft shows them where it has no list of names


def _signature(statements: list[dict[str, Any]]) -> _Signature | None:
    """What a rule accepts, as (what is looked at, its values); None if it is of another kind than ours."""
    *matches, verdict = statements or [{}]
    if verdict != {"accept": None} or any(m.get("match", {}).get("op") not in ("==", "in") for m in matches):
        return None
    named = ((_left(m["match"]["left"]), _values(m["match"]["right"])) for m in matches)
    return tuple(sorted((left, tuple(sorted(_PROTOCOL_NAMES.get(v, v) for v in values))) for left, values in named))


def _signatures(rules: Rules) -> list[_Signature]:
    """Those of the rules that we make."""
    source = (("ip saddr", tuple(sorted(_shown(s) for s in rules.sources))),) if rules.sources else ()
    ports = {protocol: tuple(sorted(map(str, _numbers(rules.ports, protocol)))) for protocol in ("tcp", "udp")}
    return [*_ALWAYS, *((*source, (f"{protocol} dport", numbers)) for protocol, numbers in ports.items() if numbers)]


def _left(left: dict[str, Any]) -> str:
    if "payload" in left:
        return f"{left['payload'].get('protocol')} {left['payload'].get('field')}"
    return f"ct {left['ct'].get('key')}" if "ct" in left else str(left.get("meta", {}).get("key"))


def _values(right: Any) -> list[str]:
    members = right["set"] if isinstance(right, dict) and "set" in right else right
    return [_value(member) for member in (members if isinstance(members, list) else [members])]


def _value(member: Any) -> str:
    if isinstance(member, dict) and "prefix" in member:
        return f"{member['prefix']['addr']}/{member['prefix']['len']}"
    return str(member)


def _shown(source: str) -> str:
    """A network as nft shows it."""
    return source.removesuffix("/32")


def _network(shown: str) -> str:
    return shown if "/" in shown else f"{shown}/32"


def render_zone(rules: Rules) -> str:
    """A firewalld zone that holds the lab's networks and opens the ports to them."""
    zone = ET.Element("zone")
    ET.SubElement(zone, "short").text = TABLE
    for source in sorted(rules.sources or {"0.0.0.0/0"}):
        ET.SubElement(zone, "source", address=source)
    for protocol in ("tcp", "udp"):
        for number in _numbers(rules.ports, protocol):
            ET.SubElement(zone, "port", protocol=protocol, port=str(number))
    ET.indent(zone)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(zone, encoding="unicode") + "\n"


def _parse_live_zone(lines: list[str]) -> Rules | None:
    """The rules in force: ports as 22/tcp in one line, sources in the next; None where there is no such zone."""
    if len(lines) < 2:
        return None
    ports = (port.partition("/") for port in lines[0].split())
    return Rules(frozenset(f"{p}/{number}" for number, _, p in ports), frozenset(lines[1].split()) - {"0.0.0.0/0"})


def files(platform: Platform, rules: Rules) -> list[Block | Whole]:
    """The files that hold the rules."""
    if platform.firewall == "firewalld":
        return [Whole(ZONE_FILE, render_zone(rules)), Whole(DEFAULT_ZONE_FILE, CLOSED_ZONE)]
    return [Whole(NFT_FILE, render_nftables(rules)), Block(NFT_MAIN, (NFT_INCLUDE,), mode=0o755)]


def turn_on(platform: Platform) -> list[str]:
    """Lines of shell that put the files into effect, now and at each boot."""
    if platform.firewall == "firewalld":
        return [f"systemctl enable -q --now firewalld\n{KEPT}", "firewall-cmd -q --reload"]
    # The unit is not started: it would flush all tables first. At boot nothing is there that it could flush.
    return [f"nft -f {NFT_FILE}", units.enable("nftables")]


def turn_off(platform: Platform) -> list[str]:
    """Lines of shell that let everything in, now and at each boot."""
    unit = platform.firewall
    off = f"if systemctl cat {unit} >/dev/null 2>&1; then {{}}; fi"
    if unit == "firewalld":
        disable = "systemctl disable -q --now firewalld"
        return [off.format(disable), f"rm -f {ZONE_FILE} {DEFAULT_ZONE_FILE}\n{KEPT}"]
    return [
        f"if command -v nft >/dev/null; then printf 'table inet {TABLE}\\ndelete table inet {TABLE}\\n' | nft -f -; fi",
        f"""\
{KEEP}if [ -e {NFT_MAIN} ]; then
  sed '/^# BEGIN halab/,/^# END halab/d' {NFT_MAIN} > {NFT_MAIN}.halab-new
  chmod 755 {NFT_MAIN}.halab-new
  keep {NFT_MAIN}
fi""",
        off.format(units.disable("nftables")),
        f"rm -f {NFT_FILE}\n{KEPT}",
    ]


def questions(platform: Platform) -> tuple[Text | Says, ...]:
    """What to ask a guest; `seen` takes the answers."""
    enabled = Says(_ENABLED, (platform.firewall,))
    if platform.firewall == "firewalld":
        return Text(ZONE_FILE), enabled, Says(_ACTIVE, (TABLE,)), Text(DEFAULT_ZONE_FILE)
    return Text(NFT_FILE), enabled, Says(_NFT_LIVE, (TABLE,)), Text(NFT_MAIN)


def seen(platform: Platform, wanted: Rules, found: list[str | None]) -> tuple[str, Rules]:
    """("managed", "disabled" or INCOMPLETE, the rules in force); `wanted` where nothing is to be said of them."""
    file, enabled, live, *main = found
    on, live = (enabled or "").strip() == "enabled", (live or "").strip()
    if platform.firewall == "firewalld":
        active, *zone = live.split("\n")
        if active != "active" and not on:
            return "disabled", wanted
        rules = _parse_live_zone(zone)
        stored = on and rules is not None and file == render_zone(rules) and main[0] == CLOSED_ZONE and not zone[2:]
    else:
        if not live and file is None and not on:
            return "disabled", wanted
        rules = parse_nftables(live) if live else None
        stored = on and block_lines(main[0]) == (NFT_INCLUDE,) and rules is not None and file == render_nftables(rules)
    if rules is None:
        return INCOMPLETE, wanted
    return "managed" if stored else INCOMPLETE, rules
