"""pcsd, so that `pcs` works for a person on any node: certificate, password, and all nodes authorized to each other.

`pcs host auth` is not used: it costs minutes on emulated guests and needs all nodes at once. It would leave behind two
files on each node, which are written here: known-hosts (which token opens which node) and pcs_users.conf (which
tokens this node takes, for whom). Their formats are those of pcs 0.10 to 0.12. What else is in them stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from halab.provisioners.engine import units
from halab.provisioners.engine.command import Command, Secret, script
from halab.provisioners.engine.errors import Conflict
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import Item, attr
from halab.provisioners.engine.limits import cluster_name, dns_label, ipv4
from halab.provisioners.engine.managed_block import Whole, write
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.steps import Run, Step
from halab.provisioners.engine.survey import Says, Text, survey

PORT = 2224
USER = "hacluster"
DIRECTORY = "/var/lib/pcsd"
KNOWN_HOSTS = f"{DIRECTORY}/known-hosts"
USERS = f"{DIRECTORY}/pcs_users.conf"
SETTINGS = f"{DIRECTORY}/pcs_settings.conf"
_CREATION_DATE = "1970-01-01 00:00:00 +0000"  # the same on all nodes and in all runs; pcs only shows it

_CERTIFICATE_THERE = "if [ -s /var/lib/pcsd/pcsd.crt ] && [ -s /var/lib/pcsd/pcsd.key ]; then echo yes; fi"

# Two daemons that start one after the other: busy emulated guests need more than systemd's 90 s. And after a boot the
# cluster comes first: pacemakerd kills a daemon of its own that does not answer it five times, and the node is fenced.
# Of itself pcsd keeps ten workers, each of which loads all of pcs: memory, and minutes of an emulated guest. It makes
# temporary ones when all are busy. And it looks for tasks ten times a second, which is 7% of an idle emulated guest.
# What somebody sets in pcsd's environment file outweighs this.
_DROP_IN = """\
[Service]
TimeoutStartSec=20min
CPUWeight=10
Environment=PCSD_WORKER_COUNT=2 PCSD_CHECK_INTERVAL_MS=1000
"""
_DROP_INS = tuple(f"/etc/systemd/system/{unit}.service.d/halab.conf" for unit in ("pcsd", "pcsd-ruby"))

# pcsd itself would make an RSA key at its first start, for which an emulated guest needs longer than systemd waits.
_CERTIFICATE = """# make pcsd's certificate
umask 077
cd /var/lib/pcsd
if ! [ -s pcsd.crt ] || ! [ -s pcsd.key ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -sha256 \\
    -subj "/CN=$(uname -n)" -keyout pcsd.key -out pcsd.crt 2>/dev/null
fi
"""

# Not yescrypt, Debian's default, which takes an emulated guest a third of a second at each look: only weak passwords
# need a hash that is dear to guess against.
_CHPASSWD = "chpasswd --crypt-method SHA512"

# Does stdin match the password's hash? perl and python both know the system's crypt(); each is missing somewhere.
# 0 yes, 3 no.
_VERIFY = """# compare hacluster's password with its hash
if command -v perl >/dev/null; then
  exec perl -e '$p = <STDIN>; $h = (getpwnam($ARGV[0]))[1]; exit(length($h) > 2 && crypt($p, $h) eq $h ? 0 : 3)' "$1"
fi
exec python3 -W ignore -c '
import crypt, spwd, sys
h = spwd.getspnam(sys.argv[1]).sp_pwdp
sys.exit(0 if len(h) > 2 and crypt.crypt(sys.stdin.read(), h) == h else 3)' "$1"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PcsdNode:
    """A node that is reached through its pcsd."""

    name: str = attr("Node name.", check=dns_label)
    address: str = attr("IPv4 address.", check=ipv4)


def _token(token: Any) -> str | None:
    text = token.reveal() if isinstance(token, Secret) else str(token)
    if not 16 <= len(text) <= 256 or not text.isascii() or not text.isprintable() or '"' in text:
        return "A token has 16 to 256 printable characters."
    return None


def _password(password: Any) -> str | None:
    text = password.reveal() if isinstance(password, Secret) else str(password)
    if len(text) < 8 or not text.isprintable():
        return "The password needs at least 8 printable characters."
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pcsd:
    """pcsd on a node."""

    machine: str = attr("UUID of the machine.", replace=True)
    cluster: str = attr("Name of the cluster.", replace=True, check=cluster_name)
    nodes: tuple[PcsdNode, ...] = attr("All nodes of the cluster.")
    hacluster_password: Secret = attr("Password of the user hacluster, for the web interface.", check=_password)
    token: Secret = attr("Token by which the nodes authorize each other, 16 to 256 characters.", check=_token)
    enabled: bool = attr("Whether pcsd starts at boot.", default=True)
    running: bool = attr("Whether pcsd runs now. Nothing waits until it has started.", default=True)


class PcsdItem(Item[Pcsd]):
    """pcsd configured, enabled, and starting."""

    spec = Pcsd
    phase = "cluster"
    identity = ("machine", "cluster")

    def observe(self, host: Host, wanted: Pcsd) -> Pcsd | None:
        state, certificate, known, users, settings = survey(
            host,
            Says(units.show("pcsd")),
            Says(_CERTIFICATE_THERE),
            Text(KNOWN_HOSTS),
            Text(USERS),
            Text(SETTINGS),
        )
        (unit,) = units.parse_show(state or "")
        clusters = _json(settings, SETTINGS).get("clusters", [])
        if not certificate or not any(c.get("name") == wanted.cluster for c in clusters):
            return None
        mine = sorted(next(c["nodes"] for c in clusters if c.get("name") == wanted.cluster))
        token, nodes = parse_known_hosts(known, mine)
        if token not in accepted_tokens(users):
            token = ""
        verified = host.ask(script(_VERIFY, USER, stdin=wanted.hacluster_password, ok=(0, 3))).rc == 0
        return replace(
            wanted,
            nodes=wanted.nodes if set(nodes) == set(wanted.nodes) else nodes,
            token=Secret(token),
            hacluster_password=wanted.hacluster_password if verified else Secret(""),
            enabled=unit.file == "enabled",
            running=unit.running,
        )

    def steps(self, platform: Platform, now: Pcsd | None, wanted: Pcsd | None) -> Iterator[Step]:
        del platform
        if wanted is None:
            if now is not None:
                yield Run(_remove())
            return
        if now is None:
            yield write(Whole(path, _DROP_IN) for path in _DROP_INS)
            yield Run(script(_CERTIFICATE))
        if now is None or now.hacluster_password != wanted.hacluster_password:
            yield Run(
                script(
                    f"# set hacluster's password\n{_CHPASSWD}",
                    stdin=Secret(f"{USER}:{wanted.hacluster_password.reveal()}\n"),
                )
            )
        if now is None or (set(now.nodes), now.token) != (set(wanted.nodes), wanted.token):
            yield Authorize(wanted.cluster, wanted.nodes, wanted.token)
        if now is None or (now.enabled, now.running) != (wanted.enabled, wanted.running):
            yield Run(_units(wanted))


def _units(wanted: Pcsd) -> Command:
    """pcsd's second daemon, pcsd-ruby, comes and goes with it."""
    enable = (units.enable if wanted.enabled else units.disable)("pcsd")
    # This item is the last one on a node: systemd reads the drop-ins and all that was enabled without a reload.
    reload = "if [ $(systemctl show -p NeedDaemonReload --value pcsd) = yes ]; then systemctl daemon-reload; fi"
    run = f"systemctl {'start' if wanted.running else 'stop'} --no-block pcsd"
    return script(f"# start or stop pcsd\n{enable}\n{reload}\n{run}", timeout_s=300)


def _remove() -> Command:
    stop = f"systemctl stop --no-block pcsd\n{units.disable('pcsd')}"
    files = (KNOWN_HOSTS, USERS, SETTINGS, f"{DIRECTORY}/pcsd.crt", f"{DIRECTORY}/pcsd.key", *_DROP_INS)
    return script(f'# stop pcsd and remove its files\n{stop}\nrm -f -- "$@"\nusermod --lock {USER}', *files)


def _json(text: str | None, path: str) -> dict[str, Any]:
    """One of pcsd's files; {} when it is missing or empty."""
    if text is None or not text.strip():
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Conflict(f"{path} cannot be read", "It is not what pcs writes. Remove the file, and apply again.")
    return found


def parse_known_hosts(text: str | None, names: list[str]) -> tuple[str, tuple[PcsdNode, ...]]:
    """(token, nodes) as known-hosts has them for these names; the token is empty when they do not share one."""
    hosts = {name: host for name, host in _json(text, KNOWN_HOSTS).get("known_hosts", {}).items() if name in names}
    tokens = {host["token"] for host in hosts.values()}
    nodes = tuple(
        PcsdNode(name=name, address=dest["addr"])
        for name, host in sorted(hosts.items())
        for dest in host["dest_list"][:1]
    )
    return (tokens.pop() if len(tokens) == 1 else ""), nodes


def accepted_tokens(text: str | None) -> frozenset[str]:
    """The tokens that let somebody in as hacluster."""
    return frozenset(entry["token"] for entry in _users(text) if entry.get("username") == USER)


def _users(text: str | None) -> list[dict[str, str]]:
    return list(_json(f'{{"users": {text}}}', USERS)["users"]) if text and text.strip() else []


def merge_known_hosts(text: str | None, before: list[str], nodes: tuple[PcsdNode, ...], token: str) -> str:
    """known-hosts with our nodes; `before` are the ones that were ours. The data version grows, else a peer's wins."""
    old = _json(text, KNOWN_HOSTS)
    hosts = {name: host for name, host in old.get("known_hosts", {}).items() if name not in before}
    for node in nodes:
        hosts[node.name] = {"dest_list": [{"addr": node.address, "port": PORT}], "token": token}
    return _file(
        {
            "format_version": 1,
            "data_version": old.get("data_version", 0) + 1,
            "known_hosts": dict(sorted(hosts.items())),
        }
    )


def merge_users(text: str | None, token: str, replaced: str) -> str:
    """pcs_users.conf with our token in place of the one it replaces; tokens of people who logged in stay."""
    rest = [entry for entry in _users(text) if entry.get("token") not in (token, replaced)]
    return _file([*rest, {"token": token, "username": USER, "creation_date": _CREATION_DATE}])


def merge_settings(text: str | None, cluster: str, nodes: tuple[PcsdNode, ...]) -> str:
    """pcs_settings.conf with our cluster in it; permissions as pcs gives them by default."""
    old = _json(text, SETTINGS)
    default = {"local_cluster": [{"type": "group", "name": "haclient", "allow": ["grant", "read", "write"]}]}
    clusters = [c for c in old.get("clusters", []) if c.get("name") != cluster]
    return _file(
        {
            "format_version": 2,
            "data_version": old.get("data_version", 0) + 1,
            "clusters": [*clusters, {"name": cluster, "nodes": sorted(node.name for node in nodes)}],
            "permissions": old.get("permissions") or default,
        }
    )


def _file(content: Any) -> str:
    return json.dumps(content, indent=2) + "\n"


@dataclass(frozen=True, slots=True)
class Authorize:
    """Step: write our entries into pcsd's three files. pcsd reads them anew for each request."""

    cluster: str
    nodes: tuple[PcsdNode, ...]
    token: Secret

    def run(self, host: Host) -> None:
        known, users, settings = survey(host, Text(KNOWN_HOSTS), Text(USERS), Text(SETTINGS))
        clusters = _json(settings, SETTINGS).get("clusters", [])
        before = [name for c in clusters if c.get("name") == self.cluster for name in c["nodes"]]
        replaced, _ = parse_known_hosts(known, before)
        token = self.token.reveal()
        host.put(KNOWN_HOSTS, Secret(merge_known_hosts(known, before, self.nodes, token)), 0o600)
        host.put(USERS, Secret(merge_users(users, token, replaced)), 0o600)
        host.put(SETTINGS, merge_settings(settings, self.cluster, self.nodes), 0o600)

    def __str__(self) -> str:
        return f"authorize {', '.join(node.name for node in self.nodes)} in pcsd"
