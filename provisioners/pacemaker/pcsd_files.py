"""pcsd's three files: which token opens which node, which tokens a node takes, which clusters it knows.

Their formats are those of pcs 0.10 to 0.12. What is of others in them stays, whatever is written and removed here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from halab.provisioners.engine import units
from halab.provisioners.engine.command import Secret, script
from halab.provisioners.engine.durable import KEPT
from halab.provisioners.engine.errors import Conflict
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import attr
from halab.provisioners.engine.limits import ipv4, node_name
from halab.provisioners.engine.survey import Text, survey

PORT = 2224
USER = "hacluster"
DIRECTORY = "/var/lib/pcsd"
KNOWN_HOSTS = f"{DIRECTORY}/known-hosts"
USERS = f"{DIRECTORY}/pcs_users.conf"
SETTINGS = f"{DIRECTORY}/pcs_settings.conf"
_CREATION_DATE = "1970-01-01 00:00:00 +0000"  # the same on all nodes and in all runs; pcs only shows it
DROP_INS = tuple(f"/etc/systemd/system/{unit}.service.d/halab.conf" for unit in ("pcsd", "pcsd-ruby"))
PYTHON = "/etc/halab/pcsd"
"""A folder of Python modules for pcsd alone."""

# A certificate that was not made here stays: ours names the host alone, and signs itself.
_STOP = f"""# stop pcsd and remove its files
systemctl stop --no-block pcsd
{units.disable("pcsd")}
rm -f -- "$@"
rm -rf -- {PYTHON}
cd {DIRECTORY}
[ ! -s pcsd.crt ] ||
[ "$(openssl x509 -in pcsd.crt -noout -subject -issuer -nameopt RFC2253)" != "subject=CN=$(uname -n)
issuer=CN=$(uname -n)" ] || rm -f pcsd.crt pcsd.key
{KEPT}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PcsdNode:
    """A node that is reached through its pcsd."""

    name: str = attr("Node name.", check=node_name)
    address: str = attr("IPv4 address.", check=ipv4)


def parsed(text: str | None, path: str) -> dict[str, Any]:
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
    hosts = {name: host for name, host in parsed(text, KNOWN_HOSTS).get("known_hosts", {}).items() if name in names}
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
    return list(parsed(f'{{"users": {text}}}', USERS)["users"]) if text and text.strip() else []


def merge_known_hosts(text: str | None, before: list[str], nodes: tuple[PcsdNode, ...], token: str) -> str:
    """known-hosts with our nodes; `before` are the ones that were ours. The data version grows, else a peer's wins."""
    old = parsed(text, KNOWN_HOSTS)
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
    old = parsed(text, SETTINGS)
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


def without_ours(texts: tuple[str | None, str | None, str | None], cluster: str, token: str) -> tuple[Any, Any, Any]:
    """known-hosts, pcs_users.conf and pcs_settings.conf without what was written for this cluster, parsed.

    What is of others stays: hosts by another token, other tokens, other clusters.
    """
    known, settings = parsed(texts[0], KNOWN_HOSTS), parsed(texts[2], SETTINGS)
    clusters = settings.get("clusters", [])
    mine = {name for c in clusters if c.get("name") == cluster for name in c["nodes"]}
    hosts = known.get("known_hosts", {})
    kept = {n: host for n, host in hosts.items() if n not in mine or not token or host.get("token") != token}
    return (
        {**known, "data_version": known.get("data_version", 0) + 1, "known_hosts": kept},
        [entry for entry in _users(texts[1]) if not token or entry.get("token") != token],
        {
            **settings,
            "data_version": settings.get("data_version", 0) + 1,
            "clusters": [c for c in clusters if c.get("name") != cluster],
        },
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
        clusters = parsed(settings, SETTINGS).get("clusters", [])
        before = [name for c in clusters if c.get("name") == self.cluster for name in c["nodes"]]
        replaced, _ = parse_known_hosts(known, before)
        token = self.token.reveal()
        host.put(KNOWN_HOSTS, Secret(merge_known_hosts(known, before, self.nodes, token)), 0o600)
        host.put(USERS, Secret(merge_users(users, token, replaced)), 0o600)
        host.put(SETTINGS, merge_settings(settings, self.cluster, self.nodes), 0o600)

    def __str__(self) -> str:
        return f"authorize {', '.join(node.name for node in self.nodes)} in pcsd"


@dataclass(frozen=True, slots=True)
class Revoke:
    """Step: take our entries out of pcsd's three files. pcsd itself ends where nobody else has any."""

    cluster: str
    token: Secret

    def run(self, host: Host) -> None:
        texts = survey(host, Text(KNOWN_HOSTS), Text(USERS), Text(SETTINGS))
        known, users, settings = without_ours((texts[0], texts[1], texts[2]), self.cluster, self.token.reveal())
        if not (known["known_hosts"] or users or settings["clusters"]):
            host.ask(script(_STOP, KNOWN_HOSTS, USERS, SETTINGS, *DROP_INS))
            return
        host.put(KNOWN_HOSTS, Secret(_file(known)), 0o600)
        host.put(USERS, Secret(_file(users)), 0o600)
        host.put(SETTINGS, _file(settings), 0o600)

    def __str__(self) -> str:
        return f"take the entries of {self.cluster} out of pcsd"
