"""corosync.conf: rendered from a cluster's definition, and read back. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from halab.provisioners.engine.errors import ConfigError, UnexpectedOutput
from halab.provisioners.engine.item import attr
from halab.provisioners.engine.limits import MAX_NODES, MIN_TOKEN_MS, cluster_name, host_ipv4, node_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One node of a cluster."""

    name: str = attr("Node name, as Corosync and Pacemaker have it.", check=node_name)
    address: str = attr("IPv4 address of the node's only link.", check=host_ipv4)
    node_id: int = attr("Corosync node ID, 1 and up; it stays with the node for its life.")


Key = tuple[str, ...]
"""Sections from the outside in, then the name of the entry."""

# What corosync takes only when it starts (corosync.conf(5), and its own list of such entries).
_FIXED = re.compile(
    r"totem\.(version|transport|ip_version|netmtu|threads|keyfile|key|cluster_name|secauth)|quorum\.provider|system\..*"
)
# Entries that have an attribute of their own.
_OWN = frozenset({("totem", "cluster_name"), ("totem", "token")})
_SECRET = frozenset({"totem.key"})
_OPTION = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class CorosyncConf:
    """What we read out of a corosync.conf. `token_ms` None: corosync's own default."""

    name: str
    token_ms: int | None
    members: tuple[Member, ...]
    entries: Mapping[Key, str] = field(default_factory=dict, compare=False, repr=False)
    """All entries but those of the nodes; of a section that stands there twice the second is `name#2`."""
    nodes: tuple[Mapping[str, str], ...] = field(default=(), compare=False, repr=False)

    @property
    def is_packaged_example(self) -> bool:
        """The one-node cluster on the loopback address that a package ships and starts."""
        return len(self.members) == 1 and self.members[0].address.startswith("127.")

    @property
    def two_node(self) -> bool:
        """Whether one of two nodes is quorum enough."""
        return self.entries.get(("quorum", "two_node")) == "1"


def check_options(options: object) -> str | None:
    """A rule for `options` of a cluster (see limits.py)."""
    for name, value in options.items() if isinstance(options, Mapping) else ():
        if not _OPTION.fullmatch(name) or name.startswith("nodelist."):
            return f"{name!r} is no option: write section.entry, for example totem.consensus or logging.debug."
        if tuple(name.split(".")) in _OWN:
            return f"{name} has an attribute of its own: leave it out."
        if name in _SECRET:
            return f"{name} would stand in the state and in a file that all may read: halab makes a key, leave it out."
        if not isinstance(value, str) or not value.isprintable() or set(value) & set("{}"):
            return f"{name}: a value is one line without braces."
    return None


def render_corosync_conf(
    name: str, token_ms: int | None, members: Iterable[Member], options: Mapping[str, str] = _NONE
) -> str:
    """The text of corosync.conf, the same for all members; nodes stand in the order of their IDs.

    `options` are further entries as section.entry; an empty value leaves out what would be written otherwise.
    """
    nodes = sorted(members, key=lambda m: m.node_id)
    _check(name, token_ms, nodes)
    entries = _defaults(name, token_ms, nodes, device=_names_device(options))
    for option, value in options.items():
        entries.pop(tuple(option.split(".")), None)
        if value:
            entries[tuple(option.split("."))] = value
    nodelist = [_lines({(k,): v for k, v in _node_entries(n).items()}, "        ") for n in nodes]
    sections = [
        _section("totem", entries),
        "nodelist {\n" + "\n".join(f"    node {{\n{lines}    }}\n" for lines in nodelist) + "}\n",
        *(_section(section, entries) for section in dict.fromkeys(key[0] for key in entries) if section != "totem"),
    ]
    return "\n".join(sections)


def _names_device(options: Iterable[str]) -> bool:
    return any(option.startswith("quorum.device.") for option in options)


def _defaults(name: str, token_ms: int | None, nodes: list[Member], *, device: bool) -> dict[Key, str]:
    totem = {
        "version": "2",
        "cluster_name": name,
        "transport": "knet",
        "crypto_cipher": "aes256",
        "crypto_hash": "sha256",
        **({"token": str(token_ms)} if token_ms is not None else {}),
    }
    # two_node: quorum is one vote, and wait_for_all is implied so that both must have met once. Corosync does not start
    # with it where a quorum device has the third vote.
    two_node = {"two_node": "1"} if len(nodes) == 2 and not device else {}
    quorum = {"provider": "corosync_votequorum", **two_node}
    logging = {"to_logfile": "no", "to_stderr": "no", "to_syslog": "yes"}
    parts = {"totem": totem, "quorum": quorum, "logging": logging}
    return {(section, key): value for section, values in parts.items() for key, value in values.items()}


def _node_entries(node: Member) -> dict[str, str]:
    return {"ring0_addr": node.address, "name": node.name, "nodeid": str(node.node_id)}


def _section(name: str, entries: Mapping[Key, str]) -> str:
    inner = {key[1:]: value for key, value in entries.items() if key[0] == name}
    return f"{name} {{\n{_lines(inner, '    ')}}}\n"


def _lines(entries: Mapping[Key, str], indent: str) -> str:
    own = "".join(f"{indent}{key[0]}: {value}\n" for key, value in entries.items() if len(key) == 1)
    for section in dict.fromkeys(key[0] for key in entries if len(key) > 1):
        inner = {key[1:]: value for key, value in entries.items() if key[0] == section and len(key) > 1}
        own += f"{indent}{section} {{\n{_lines(inner, indent + '    ')}{indent}}}\n"
    return own


def same_meaning(one: str, other: str) -> bool:
    """Whether two texts say the same to corosync, whatever their order, layout and comments."""
    if one == other:
        return True
    try:
        return _meaning(parse_corosync_conf(one)) == _meaning(parse_corosync_conf(other))
    except UnexpectedOutput:
        return False


def _meaning(conf: CorosyncConf) -> tuple[object, ...]:
    return dict(conf.entries), sorted(sorted(node.items()) for node in conf.nodes)


def options_of(text: str) -> dict[str, str] | None:
    """The `options` with which a cluster of that name, token and members has such a corosync.conf; None: no options do.

    That is so for several links, or for sections that stand there more than once.
    """
    conf = parse_corosync_conf(text)
    plain = {key: value for key, value in conf.entries.items() if key not in _OWN}
    ours = _defaults(conf.name, conf.token_ms, list(conf.members), device=_names_device(map(".".join, plain)))
    options = {".".join(key): value for key, value in plain.items() if ours.get(key) != value}
    options |= {".".join(key): "" for key in ours if key not in conf.entries}
    try:
        fits = same_meaning(render_corosync_conf(conf.name, conf.token_ms, conf.members, options), text)
    except ConfigError:
        fits = False
    return options if fits and check_options(options) is None else None


def fixed_changes(before: str, after: str) -> tuple[str, ...]:
    """What differs between two texts that a running corosync does not take over."""
    old, new = parse_corosync_conf(before), parse_corosync_conf(after)
    keys = (key for key in {**old.entries, **new.entries} if old.entries.get(key) != new.entries.get(key))
    changed = [".".join(key) for key in keys]
    ids = {node.name: node.node_id for node in old.members}
    moved = [f"the node id of {n.name}" for n in new.members if ids.get(n.name, n.node_id) != n.node_id]
    return (*(name for name in changed if _FIXED.fullmatch(name)), *moved)


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


def refuse_fixed(before: str, after: str) -> None:
    """Raises ConfigError for a change that a running corosync would not take over."""
    try:
        fixed = fixed_changes(before, after)
    except UnexpectedOutput:
        return  # the file is spoilt: it is written anew
    if fixed:
        raise ConfigError(
            f"{', '.join(fixed)} cannot be changed while corosync runs",
            "Stop the cluster on all nodes first (`pcs cluster stop --all` on one of them: services stop). Then apply: "
            "that writes the new corosync.conf and starts the nodes again.",
            "corosync_conf",
        )


def parse_corosync_conf(text: str) -> CorosyncConf:
    """Read a corosync.conf (ours, pcs's or the package's)."""
    values: dict[Key, str] = {}
    nodes: list[dict[str, str]] = []
    seen: dict[Key, int] = {}
    place: list[str] = []
    for path, key, value in _entries(text):
        if key == "{":
            place = [*place[: len(path) - 1], path[-1]]
            if path == ("nodelist", "node"):
                nodes.append({})
                continue
            seen[tuple(place)] = count = seen.get(tuple(place), 0) + 1
            place[-1] += f"#{count}" if count > 1 else ""
        elif path == ("nodelist", "node"):
            nodes[-1][key] = value
        else:
            values[(*place[: len(path)], key)] = value
    token = values.get(("totem", "token"))
    return CorosyncConf(
        name=values.get(("totem", "cluster_name"), ""),
        token_ms=int(token) if token and token.isdigit() else None,
        members=tuple(_member(node) for node in nodes),
        entries=values,
        nodes=tuple(nodes),
    )


def _member(node: dict[str, str]) -> Member:
    return Member(name=node.get("name", ""), address=node.get("ring0_addr", ""), node_id=int(node.get("nodeid", 0)))


def _entries(text: str) -> Iterator[tuple[Key, str, str]]:
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
