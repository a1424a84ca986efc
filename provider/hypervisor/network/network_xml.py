"""A network as values, and as libvirt's XML, both ways."""

from __future__ import annotations

import ipaddress
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from halab.provider.hypervisor.mark import Mark, mark_in


@dataclass(frozen=True, slots=True)
class NetworkHost:
    """A DHCP reservation, which is also a DNS name. MAC in lower case."""

    name: str
    mac: str
    address: str

    def concerns(self, hosts: Iterable[NetworkHost]) -> bool:
        """Whether it is about one of these hosts: it has a name, a MAC or an address of theirs."""
        return any(self.name == h.name or self.mac == h.mac or self.address == h.address for h in hosts)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSpec:
    """A network with one IPv4 subnet. Empty texts: no DNS domain, bridge name left to libvirt, no dynamic range."""

    name: str
    cidr: str
    mode: str
    domain: str = ""
    bridge: str = ""
    hosts: tuple[NetworkHost, ...] = ()
    dhcp_start: str = ""
    dhcp_end: str = ""


def gateway(cidr: str) -> str:
    """The hypervisor's own address: the first of the subnet."""
    return str(next(ipaddress.IPv4Network(cidr).hosts()))


def network_xml(spec: NetworkSpec, mark: Mark) -> str:
    """libvirt's XML for a new network."""
    root = ET.Element("network")
    _text(root, "name", spec.name)
    ET.SubElement(root, "metadata").append(mark.element())
    if spec.mode == "nat":
        ET.SubElement(root, "forward", mode="nat")
    bridge = ET.SubElement(root, "bridge", stp="on", delay="0")
    if spec.bridge:
        bridge.set("name", spec.bridge)
    if spec.domain:
        ET.SubElement(root, "domain", name=spec.domain, localOnly="yes")
    # Short names never leave the host: without an uplink a question to the outside would hang.
    dns = ET.SubElement(root, "dns", forwardPlainNames="no")
    dns.extend(_dns_host(host, spec.domain) for host in spec.hosts)
    subnet = ipaddress.IPv4Network(spec.cidr)
    ip = ET.SubElement(root, "ip", address=gateway(spec.cidr), prefix=str(subnet.prefixlen))
    if spec.hosts or spec.dhcp_start:
        dhcp = ET.SubElement(ip, "dhcp")
        dhcp.extend(_range(*dynamic) for dynamic in _ranges(spec))
        dhcp.extend(_dhcp_host(host) for host in spec.hosts)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode")


@dataclass(frozen=True, slots=True)
class Change:
    """One virNetworkUpdate: add or delete `xml` in the section host (reservation), range or dns."""

    command: Literal["add", "delete"]
    section: Literal["host", "range", "dns"]
    xml: str


def network_changes(xml: str, wanted: NetworkSpec, before: NetworkSpec | None = None) -> list[Change]:
    """What leads from a network's XML to the wanted reservations, names and range; deletions come first.

    `before` is what was wanted last. What somebody else has added stays, unless it is in the way.
    """
    root = ET.fromstring(xml)
    now, names = set(_reservations(root)), _names(root)
    ours = (*wanted.hosts, *(before.hosts if before else ()))
    ranges = {(r.get("start", ""), r.get("end", "")) for r in root.findall("ip/dhcp/range")}
    in_the_way = ranges - set(_ranges(wanted)) if wanted.dhcp_start or (before and before.dhcp_start) else set()
    want = {host.address: _dns_host(host, wanted.domain) for host in wanted.hosts}
    fitting = {address for address, host in want.items() if names.get(address) == _texts(host)}
    stale = {host for host in now - set(wanted.hosts) if host.concerns(ours)}
    deletions = [
        *(_change("delete", "host", _dhcp_host(host)) for host in sorted(stale, key=lambda h: h.mac)),
        *(_change("delete", "range", _range(*old)) for old in sorted(in_the_way)),
        *(
            _change("delete", "dns", ET.Element("host", ip=address))
            for address in sorted((names.keys() & {host.address for host in ours}) - fitting)
        ),
    ]
    additions = [
        *(_change("add", "range", _range(*new)) for new in _ranges(wanted) if new not in ranges),
        *(_change("add", "host", _dhcp_host(host)) for host in wanted.hosts if host not in now),
        *(_change("add", "dns", host) for address, host in want.items() if address not in fitting),
    ]
    return deletions + additions


def _change(command: Literal["add", "delete"], section: Literal["host", "range", "dns"], element: ET.Element) -> Change:
    return Change(command, section, ET.tostring(element, encoding="unicode"))


def _dhcp_host(host: NetworkHost) -> ET.Element:
    return ET.Element("host", mac=host.mac, name=host.name, ip=host.address)


def _dns_host(host: NetworkHost, domain: str) -> ET.Element:
    """The short name and, where there is a domain, the long one."""
    element = ET.Element("host", ip=host.address)
    _text(element, "hostname", host.name)
    if domain:
        _text(element, "hostname", f"{host.name}.{domain}")
    return element


def _range(start: str, end: str) -> ET.Element:
    return ET.Element("range", start=start, end=end)


def _ranges(spec: NetworkSpec) -> list[tuple[str, str]]:
    return [(spec.dhcp_start, spec.dhcp_end)] if spec.dhcp_start else []


def parse_network(xml: str) -> tuple[NetworkSpec, Mark | None]:
    """What libvirt says a network is. A reservation without its DNS names counts as missing: it has to be mended."""
    root = ET.fromstring(xml)
    ip = root.find("ip[@address]")
    forward, bridge, domain = root.find("forward"), root.find("bridge"), root.find("domain")
    range_ = root.find("ip/dhcp/range")
    names = _names(root)
    spec = NetworkSpec(
        name=root.findtext("name", ""),
        cidr="" if ip is None else _cidr(ip),
        mode="isolated" if forward is None else forward.get("mode", "nat"),
        domain="" if domain is None else domain.get("name", ""),
        bridge="" if bridge is None else bridge.get("name", ""),
        hosts=tuple(host for host in _reservations(root) if host.name in names.get(host.address, ())),
        dhcp_start="" if range_ is None else range_.get("start", ""),
        dhcp_end="" if range_ is None else range_.get("end", ""),
    )
    return spec, mark_in(root)


def _reservations(root: ET.Element) -> list[NetworkHost]:
    return [
        NetworkHost(host.get("name", ""), host.get("mac", "").lower(), host.get("ip", ""))
        for host in root.findall("ip/dhcp/host")
    ]


def _names(root: ET.Element) -> dict[str, set[str | None]]:
    """Address -> its names in the network's DNS."""
    return {host.get("ip", ""): _texts(host) for host in root.findall("dns/host")}


def _texts(host: ET.Element) -> set[str | None]:
    return {name.text for name in host.iter("hostname")}


def _cidr(ip: ET.Element) -> str:
    mask = ip.get("prefix") or ip.get("netmask") or "24"
    return str(ipaddress.IPv4Network(f"{ip.get('address')}/{mask}", strict=False))


def _text(parent: ET.Element, tag: str, text: str) -> None:
    ET.SubElement(parent, tag).text = text
