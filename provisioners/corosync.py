"""corosync.conf: rendered from a cluster's definition, and read back. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .errors import ConfigError, UnexpectedOutput
from .item import attr
from .limits import MAX_NODES, MIN_TOKEN_MS, cluster_name, dns_label, ipv4


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One node of a cluster."""

    name: str = attr("Node name: the short host name.", check=dns_label)
    address: str = attr("IPv4 address of the node's only link.", check=ipv4)
    node_id: int = attr("Corosync node ID, 1 and up; it stays with the node for its life.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CorosyncConf:
    """What we read out of a corosync.conf. `token_ms` None: corosync's own default."""

    name: str
    token_ms: int | None
    members: tuple[Member, ...]

    @property
    def is_packaged_example(self) -> bool:
        """The one-node cluster on the loopback address that a package ships and starts."""
        return len(self.members) == 1 and self.members[0].address.startswith("127.")


def render_corosync_conf(name: str, token_ms: int | None, members: Iterable[Member]) -> str:
    """The text of corosync.conf, the same for all members; nodes stand in the order of their IDs."""
    nodes = sorted(members, key=lambda m: m.node_id)
    _check(name, token_ms, nodes)
    totem: dict[str, str | int] = {
        "version": 2,
        "cluster_name": name,
        "transport": "knet",
        "crypto_cipher": "aes256",
        "crypto_hash": "sha256",
        **({"token": token_ms} if token_ms is not None else {}),
    }
    # two_node: quorum is one vote, and wait_for_all is implied so that both must have met once.
    quorum: dict[str, str | int] = {"provider": "corosync_votequorum", **({"two_node": 1} if len(nodes) == 2 else {})}
    nodelist = [_section("node", {"ring0_addr": n.address, "name": n.name, "nodeid": n.node_id}, "    ") for n in nodes]
    return "\n".join(
        [
            _section("totem", totem),
            "nodelist {\n" + "\n".join(nodelist) + "}\n",
            _section("quorum", quorum),
            _section("logging", {"to_logfile": "no", "to_stderr": "no", "to_syslog": "yes"}),
        ]
    )


def _section(name: str, values: dict[str, str | int], indent: str = "") -> str:
    lines = "".join(f"{indent}    {key}: {value}\n" for key, value in values.items())
    return f"{indent}{name} {{\n{lines}{indent}}}\n"


def _check(name: str, token_ms: int | None, nodes: list[Member]) -> None:
    if wrong := cluster_name(name):
        raise ConfigError("The cluster's name cannot be used", wrong, "name")
    if not 1 <= len(nodes) <= MAX_NODES:
        raise ConfigError("Wrong number of cluster members", f"{len(nodes)}; 1 to {MAX_NODES} are possible.", "members")
    same: dict[str, list[str]] = {
        "name": [n.name for n in nodes],
        "address": [n.address for n in nodes],
        "node_id": [str(n.node_id) for n in nodes],
    }
    for what, values in same.items():
        if len(set(values)) != len(values):
            raise ConfigError(f"Two members have the same {what}", f"Give each member its own: {values}.", "members")
    if nodes[0].node_id < 1:
        raise ConfigError("A node ID is too small", "Node IDs start at 1.", "members")
    if token_ms is not None and token_ms < MIN_TOKEN_MS:
        raise ConfigError("The token timeout is too short", f"{token_ms} ms; give {MIN_TOKEN_MS} or more.", "token_ms")


def parse_corosync_conf(text: str) -> CorosyncConf:
    """Read a corosync.conf (ours, pcs's or the package's) as far as we use it."""
    values: dict[tuple[str, ...], str] = {}
    nodes: list[dict[str, str]] = []
    for path, key, value in _entries(text):
        if path == ("nodelist", "node"):
            if key == "{":
                nodes.append({})
            else:
                nodes[-1][key] = value
        elif key != "{":
            values[(*path, key)] = value
    token = values.get(("totem", "token"))
    return CorosyncConf(
        name=values.get(("totem", "cluster_name"), ""),
        token_ms=int(token) if token else None,
        members=tuple(_member(node) for node in nodes),
    )


def _member(node: dict[str, str]) -> Member:
    return Member(name=node.get("name", ""), address=node.get("ring0_addr", ""), node_id=int(node.get("nodeid", 0)))


def _entries(text: str) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """(section path, key, value) of each line; key "{" opens a section."""
    path: list[str] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.endswith("{"):
            path.append(line[:-1].strip())
            yield tuple(path), "{", ""
        elif line == "}" and path:
            path.pop()
        elif ":" in line:
            key, value = line.split(":", 1)
            yield tuple(path), key.strip(), value.strip()
        else:
            raise UnexpectedOutput("corosync.conf cannot be read", f"line {number}: {line[:100]}")
    if path:
        raise UnexpectedOutput("corosync.conf cannot be read", f"section {path[-1]!r} is not closed")
