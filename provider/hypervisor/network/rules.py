"""What is wrong between the attributes of a network: pure, for its validation."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from halab.provider.hypervisor.checks import network_cidr
from halab.provider.hypervisor.network.network_xml import gateway
from halab.provider.protocol import State
from halab.provisioners.engine import limits

Problem = tuple[tuple[str | int, ...], str]


def problems(cfg: State) -> list[Problem]:
    """What is wrong between attributes, as (path, problem); unknown values are left out."""
    start, end = cfg.get("dhcp_start"), cfg.get("dhcp_end")
    found: list[Problem] = []
    if (start is None) != (end is None):
        found.append((("dhcp_start",), "dhcp_start and dhcp_end belong together: give both or neither."))
    if not isinstance(cfg.get("cidr"), str) or network_cidr(cfg["cidr"]):
        return found
    subnet = ipaddress.IPv4Network(cfg["cidr"])
    usable = f"Use an address of {subnet} other than {gateway(cfg['cidr'])}, which is the hypervisor's."
    for path, address in _addresses(cfg):
        if _outside(address, subnet):
            found.append((path, f"{address} cannot be given out. {usable}"))
        elif path[0] == "hosts" and _within(address, start, end):
            found.append((path, f"{address} lies in the dynamic range {start} to {end}: keep them apart."))
    return found + _duplicates(cfg.get("hosts"))


def _addresses(cfg: State) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    for name in ("dhcp_start", "dhcp_end"):
        yield (name,), cfg.get(name)
    for index, host in _hosts(cfg.get("hosts")):
        yield ("hosts", index, "address"), host["address"]


def _hosts(hosts: Any) -> Iterator[tuple[int, State]]:
    """Those of the list that are known."""
    for index, host in enumerate(hosts if isinstance(hosts, list) else ()):
        if isinstance(host, dict):
            yield index, host


def _duplicates(hosts: Any) -> list[Problem]:
    found: list[Problem] = []
    seen: dict[tuple[str, str], int] = {}
    for index, host in _hosts(hosts):
        for field in ("name", "mac", "address"):
            if not isinstance(host[field], str):
                continue
            first = seen.setdefault((field, host[field].lower()), index)
            if first != index:
                found.append((("hosts", index, field), f"{host[field]} stands at hosts[{first}] already."))
    return found


def _outside(text: Any, subnet: ipaddress.IPv4Network) -> bool:
    if not isinstance(text, str) or limits.ipv4(text):
        return False
    address = ipaddress.IPv4Address(text)
    edges = (subnet.network_address, subnet.broadcast_address, ipaddress.IPv4Address(gateway(str(subnet))))
    return address not in subnet or address in edges


def _within(address: Any, start: Any, end: Any) -> bool:
    if any(not isinstance(text, str) or limits.ipv4(text) for text in (address, start, end)):
        return False
    low, value, high = map(ipaddress.IPv4Address, (start, address, end))
    return low <= value <= high
