"""Is the way free: the lab's addresses, the ports on its bridge, a firewall between guests and host."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from halab.cli.doctor.facts import Facts, Listener
from halab.cli.doctor.finding import Finding, bad, good, unknown, warning

_DNS = 53
_EVERYWHERE = ("0.0.0.0", "::")


def routes(facts: Facts) -> Iterator[Finding]:
    """Whether something else is reached at the lab's addresses."""
    wanted = facts.wanted
    if facts.routes is None:
        yield unknown("network", "the routing table could not be read", "Install iproute2: ip -json route show.")
        return
    taken = [
        route
        for route in facts.routes
        if route.network.prefixlen and route.network.overlaps(wanted.network)
        if not (wanted.deployed and route.source == wanted.gateway)
    ]
    for route in taken:
        yield bad(
            "network",
            f"{route.network} is routed to {route.device} already, and the lab's {wanted.network} overlaps it",
            "Set network.cidr to a free range, such as 192.168.177.0/24; halab sweep, if a killed run left it there.",
        )
    if not taken:
        yield good("network", f"{wanted.network} is {'the lab alone' if wanted.deployed else 'free'}")


def ports(facts: Facts) -> Iterator[Finding]:
    """What listens where the lab's DNS and its fencing endpoint have to, before they are there."""
    dns = _in_the_way(facts, _DNS, ("tcp", "udp"))
    if dns:
        yield bad(
            "port 53",
            f"{_holder(facts, _DNS)} answers DNS on {dns.address}: libvirt's dnsmasq for the lab cannot",
            "Let it listen on its own addresses only (dnsmasq: bind-interfaces; BIND: listen-on), or end it.",
        )
    for name, (kind, ports_) in facts.wanted.endpoint_ports.items():
        for port in ports_:
            if taken := _in_the_way(facts, port, (kind,)):
                yield bad(
                    f"port {port}",
                    f"{_holder(facts, port)} listens on {taken.address}: the fencing endpoint cannot",
                    f"End it, or set {name} to another.",
                )
    if not dns:
        yield good("ports", "53 and the fencing endpoint's are free for the lab's bridge")


def _in_the_way(facts: Facts, port: int, kinds: tuple[str, ...]) -> Listener | None:
    """On all addresses, or on the lab's own unless that is the lab itself."""
    places = _EVERYWHERE if facts.wanted.deployed else (*_EVERYWHERE, facts.wanted.gateway)
    found = (one for one in facts.listeners if one.port == port and one.kind in kinds and one.address in places)
    return next(found, None)


def _holder(facts: Facts, port: int) -> str:
    return facts.holders.get(port, "another program")


def firewall(facts: Facts) -> Iterator[Finding]:
    """What may keep guests from the host's DNS, DHCP and fencing endpoint, and nodes from each other."""
    seen, network = facts.firewall, facts.wanted.network
    found = False
    if seen.ufw:
        found = True
        yield warning(
            "firewall",
            "ufw is enabled: by its defaults guests do not reach the host's DHCP, DNS and fencing endpoint",
            f"sudo ufw allow from {network}; sudo ufw allow proto udp to any port 67; "
            f"sudo ufw route allow from {network}",
        )
    if seen.firewalld and not seen.zone:
        found = True
        yield warning(
            "firewall",
            "firewalld runs, and has no zone libvirt: guests may not reach the host",
            "Install libvirt's own zone (libvirt-daemon-driver-network), then firewall-cmd --reload.",
        )
    if seen.rules is None:
        yield unknown("firewall", f"nftables' rules could not be read: {seen.why}", "sudo halab doctor looks at them.")
        return
    for chain in _dropping(seen.rules, "input"):
        found = True
        yield warning(
            "firewall",
            f"nftables drops what {chain} does not name: guests may not reach the host's DHCP, DNS and endpoint",
            f"Accept what comes from {network}, and UDP port 67, in that chain.",
        )
    for chain in _dropping(seen.rules, "forward"):
        found = True
        yield from _forward(facts, chain)
    if not found:
        yield good("firewall", "nothing drops what comes from guests")


def _forward(facts: Facts, chain: str) -> Iterator[Finding]:
    if facts.firewall.bridges_filtered:
        yield bad(
            "firewall",
            f"{chain} drops what it does not name, and bridges are filtered too: nodes do not reach each other",
            f"sudo sysctl net.bridge.bridge-nf-call-iptables=0, or accept {facts.wanted.network} in that chain.",
        )
    else:
        yield warning(
            "firewall",
            f"{chain} drops what it does not name: guests have no way out to other networks (the lab needs none)",
            f"Accept {facts.wanted.network} in that chain if guests shall reach other networks.",
        )


def _dropping(rules: dict[str, Any], hook: str) -> list[str]:
    """Base chains at a hook that drop by default, libvirt's own left out."""
    chains = [item["chain"] for item in rules.get("nftables", []) if "chain" in item]
    return [
        f"{chain['family']} {chain['table']} {chain['name']}"
        for chain in chains
        if chain.get("hook") == hook and chain.get("policy") == "drop" and "libvirt" not in chain["table"]
        if chain["family"] in ("ip", "inet")
    ]
