"""The baseline of every host: its names, time, root's SSH key and firewall."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from halab.provisioners.engine import units
from halab.provisioners.engine.command import script
from halab.provisioners.engine.durable import KEEP, KEPT
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import Item, attr
from halab.provisioners.engine.limits import dns_domain, dns_label, ipv4, one_of
from halab.provisioners.engine.managed_block import Block, Whole, block_lines, other_lines, write
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.steps import Run, Step
from halab.provisioners.engine.survey import Says, Text, survey
from halab.provisioners.host import firewall
from halab.provisioners.host.firewall import SSH, Rules, check_ports, check_sources

HOSTS = "/etc/hosts"
KEY = "/root/.ssh/id_ed25519"
WHAT = "set up host name, time, SSH key and firewall"
# How a chrony is shown as `time_source` that does not do what we set it up for.
CHANGED, STOPPED, DISABLED = "its configuration was changed", "chrony does not run", "chrony is disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostEntry:
    """A host of the lab."""

    name: str = attr("Short host name.", check=dns_label)
    address: str = attr("IPv4 address.", check=ipv4)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSpec:
    """Names, time, SSH key and firewall of a host."""

    machine: str = attr("UUID of the machine.", replace=True)
    hostname: str = attr("Short host name.", check=dns_label)
    domain: str = attr("DNS domain of the lab.", check=dns_domain)
    hosts: tuple[HostEntry, ...] = attr("All hosts of the lab, which /etc/hosts names by long and short name.")
    time_source: str | None = attr(
        "Address of the lab's time server; left out on the time server itself.", default=None, check=ipv4
    )
    time_clients: str | None = attr("Network (CIDR) that the time server serves.", default=None)
    firewall: str = attr("`managed` or `disabled`.", default="managed", check=one_of("managed", "disabled"))
    firewall_open: tuple[str, ...] = attr("Ports to let in, such as `tcp/22`.", default=(SSH,), check=check_ports)
    firewall_sources: tuple[str, ...] = attr(
        "Networks (CIDR) that the ports are opened to; none means all.", default=(), check=check_sources
    )
    ssh_public_key: str | None = attr(
        "Public half of root's key, which is made on the host.", computed=True, stable=True
    )


class HostItem(Item[HostSpec]):
    """What every role stands on. Time is set up, not waited for: the cluster needs no exact time to form."""

    spec = HostSpec
    phase = "host"
    identity = ("machine",)

    def check(self, wanted: HostSpec) -> Iterable[tuple[str, str]]:
        if wanted.firewall == "managed" and SSH not in wanted.firewall_open:
            yield "firewall_open", f"Without {SSH} the host could no longer be reached. Add it."
        if wanted.time_clients and (wrong := check_sources((wanted.time_clients,))):
            yield "time_clients", wrong

    def observe(self, host: Host, wanted: HostSpec) -> HostSpec | None:
        stored_name, running_name, hosts, chrony, unit, key, *rules = survey(
            host,
            Text("/etc/hostname"),
            Says("uname -n"),
            Text(HOSTS),
            Text(host.platform.chrony_config),
            Says(units.show(host.platform.chrony_unit)),
            Text(f"{KEY}.pub"),
            *firewall.questions(host.platform),
        )
        if block_lines(hosts) is None:
            return None
        names = {(stored_name or "").strip(), (running_name or "").strip()}
        # Running and stored name differ: neither is the answer.
        own = names.pop() if len(names) == 1 else " / ".join(sorted(names))
        domain = wanted.domain or _domain_of(own, hosts)
        return replace(
            _seen_firewall(_seen_time(wanted, chrony, unit or ""), host.platform, rules),
            hostname=own,
            domain=domain,
            hosts=_same_order(parse_hosts(hosts or "", own, domain), wanted.hosts),
            ssh_public_key=_key_words(key),
        )

    def steps(self, platform: Platform, now: HostSpec | None, wanted: HostSpec | None) -> Iterator[Step]:
        if wanted is None:
            if now is not None:
                yield from _withdraw(platform, now)
            return
        parts = [_names(now, wanted), _time(platform, now, wanted), _key(now), _firewall(platform, now, wanted)]
        if files := [file for part in parts for file in part[0]]:
            yield write(files)
        if lines := [line for part in parts for line in part[1]]:
            yield Run(script("\n".join([f"# {WHAT}", *lines]), wanted.hostname, platform.chrony_unit, timeout_s=120))


# What a part of the baseline needs: files to write first, then lines of shell ($1 host name, $2 chrony's unit).
Part = tuple[list[Block | Whole], list[str]]


def _names(now: HostSpec | None, wanted: HostSpec) -> Part:
    if now is not None and (now.hostname, now.domain, now.hosts) == (wanted.hostname, wanted.domain, wanted.hosts):
        return [], []
    running = 'if [ "$(uname -n)" != "$1" ]; then printf %s "$1" > /proc/sys/kernel/hostname; fi'
    return [Whole("/etc/hostname", f"{wanted.hostname}\n"), hosts_block(wanted)], [running]


def _time(platform: Platform, now: HostSpec | None, wanted: HostSpec) -> Part:
    if now is not None and (now.time_source, now.time_clients) == (wanted.time_source, wanted.time_clients):
        return [], []
    conf = Whole(platform.chrony_config, render_chrony(wanted.time_source, wanted.time_clients))
    return [conf], [units.enable('"$2"'), 'systemctl restart --no-block "$2"']


def _key(now: HostSpec | None) -> Part:
    if now is not None and now.ssh_public_key is not None:
        return [], []
    make = f'mkdir -m 700 -p /root/.ssh; ssh-keygen -q -t ed25519 -N "" -C "root@$1" -f {KEY}; {KEPT}'
    return [], [
        f"if [ ! -e {KEY} ]; then {make}; fi",
        f"{KEEP}if [ ! -e {KEY}.pub ]; then ssh-keygen -y -f {KEY} > {KEY}.pub.halab-new; keep {KEY}.pub; fi",
    ]


def _firewall(platform: Platform, now: HostSpec | None, wanted: HostSpec) -> Part:
    rules = _rules(wanted)
    if now is not None and (now.firewall, _rules(now)) == (wanted.firewall, rules):
        return [], []
    if wanted.firewall == "managed":
        return firewall.files(platform, rules), firewall.turn_on(platform)
    return [], [] if now is not None and now.firewall == "disabled" else firewall.turn_off(platform)


def _rules(spec: HostSpec) -> Rules:
    return Rules(frozenset(spec.firewall_open), frozenset(spec.firewall_sources))


def _seen_firewall(seen: HostSpec, platform: Platform, found: list[str | None]) -> HostSpec:
    state, rules = firewall.seen(platform, _rules(seen), found)
    if rules == _rules(seen):
        return replace(seen, firewall=state)  # with the order of ports that the user chose
    ports, sources = tuple(sorted(rules.ports)), tuple(sorted(rules.sources))
    return replace(seen, firewall=state, firewall_open=ports, firewall_sources=sources)


def _withdraw(platform: Platform, now: HostSpec) -> Iterator[Step]:
    """Names in /etc/hosts and firewall go; host name, key and time have no "before" to return to."""
    yield write([Block(HOSTS, ())])
    if now.firewall != "disabled":
        yield Run(script("\n".join(["# let everything in", *firewall.turn_off(platform)])))


def hosts_block(wanted: HostSpec) -> Block:
    """/etc/hosts: our hosts; the own name leaves loopback addresses, where Pacemaker must not find it."""
    lines = tuple(f"{h.address} {h.name}.{wanted.domain} {h.name}" for h in wanted.hosts)
    own = re.escape(wanted.hostname)
    name = rf"[[:space:]]+{own}(\.{re.escape(wanted.domain)})?([[:space:]]|$)"
    tidy = rf"/^(127\.|::1[[:space:]])/{{:a;s/{name}/\2/;ta;/^[0-9.:]+[[:space:]]*$/d}}"
    return Block(HOSTS, lines, tidy=tidy)


def parse_hosts(text: str, own: str, domain: str) -> tuple[HostEntry, ...]:
    """The hosts of our block; without the own one when a loopback line names it too, so that this shows as a change."""
    on_loopback = any(
        words[0].startswith(("127.", "::1")) and {own, f"{own}.{domain}"} & set(words[1:])
        for words in (line.split("#")[0].split() for line in other_lines(text))
        if words
    )
    found = [words for line in block_lines(text) or () if len(words := line.split()) >= 2]
    entries = (HostEntry(name=w[-1] if f"{w[-1]}.{domain}" == w[1] else " ".join(w[1:]), address=w[0]) for w in found)
    return tuple(e for e in entries if not (on_loopback and e.name == own))


def _same_order(seen: tuple[HostEntry, ...], wanted: tuple[HostEntry, ...]) -> tuple[HostEntry, ...]:
    return wanted if set(seen) == set(wanted) else seen


def _domain_of(own: str, hosts: str | None) -> str:
    """The domain that our block gives the own name; needed for import, where nobody says it."""
    long_names = [w[1] for line in block_lines(hosts) or () if len(w := line.split()) == 3 and w[2] == own]
    return long_names[0].removeprefix(f"{own}.") if long_names else ""


def render_chrony(source: str | None, clients: str | None) -> str:
    """chrony.conf of the time server (no source) or of a client: the lab has no other time than its own."""
    time = (
        ["local stratum 10"] if source is None else [f"server {source} iburst minpoll 2 maxpoll 6", "makestep 1.0 -1"]
    )
    serves = [f"allow {clients}"] if clients else []
    return "\n".join([*time, *serves, "driftfile /var/lib/chrony/drift", "rtcsync", ""])


def _seen_time(wanted: HostSpec, chrony: str | None, unit: str) -> HostSpec:
    found = [re.search(rf"^{word} (\S+)", chrony or "", re.MULTILINE) for word in ("server", "allow")]
    source, clients = (f[1] if f else None for f in found)
    (state,) = units.parse_show(unit)
    if not state.running or state.file != "enabled":
        return replace(wanted, time_source=STOPPED if state.file == "enabled" else DISABLED)
    if chrony != render_chrony(source, clients):
        return replace(wanted, time_source=CHANGED)
    return replace(wanted, time_source=source, time_clients=clients)


def _key_words(text: str | None) -> str | None:
    """Type and key of a public key file; its comment says nothing that lasts."""
    words = (text or "").split()
    return " ".join(words[:2]) if len(words) >= 2 else None
