"""One node's membership in the cluster: corosync and pacemaker configured, started, enabled; and how it leaves."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from halab.provisioners.corosync.cluster_keys import put_key, shown
from halab.provisioners.corosync.conf import Member, parse_corosync_conf, refuse_fixed, same_meaning
from halab.provisioners.corosync.founded import CONF, COROSYNC_KEY, PACEMAKER_KEY, belongs
from halab.provisioners.corosync.late_start import LATE_START, START_AT_ONCE, START_LATE, is_late
from halab.provisioners.corosync.leaving import Stop
from halab.provisioners.engine import units
from halab.provisioners.engine.command import Command, Result, Secret, cmd, script
from halab.provisioners.engine.durable import KEEP, KEPT
from halab.provisioners.engine.errors import HalabError, UnexpectedOutput
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import Item, attr
from halab.provisioners.engine.limits import cluster_name, node_name
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.steps import Await, Run, Step
from halab.provisioners.engine.survey import Says, Text, survey

# How long a leaving node may take to move its resources away and to stop, in seconds.
LEAVE_S = 240

# Pacemaker waits dc-deadtime, 20 s, for a DC to show up before the first election. In a cluster that is being formed
# there is none, so the CIB that a node begins with says less. It goes as soon as the node is online: when a configured
# cluster boots, the time keeps nodes that are up first from fencing the ones that are not up yet.
_FIRST_START = "halab-first-start"
_SEED = (
    f'<crm_config><cluster_property_set id="{_FIRST_START}">'
    f'<nvpair id="{_FIRST_START}-dc-deadtime" name="dc-deadtime" value="6s"/></cluster_property_set></crm_config>'
)
# Nodes that start at once may lose their #feature-set attribute: the DC clears what a joining node wrote too early, and
# the cluster calls itself MIXED-VERSION until it is written again.
_AFTER_FIRST_START = """# take back the short dc-deadtime of the first start
cibadmin --delete --scope crm_config --xml-text "$1"
attrd_updater --refresh
"""

_CIB = "/var/lib/pacemaker/cib/cib.xml"
# $1 corosync.conf, $2 what the first CIB has. State of another cluster (the package's own one, too) must not reach
# ours. The keys are in place before.
_FORM = f"""# configure and start corosync and pacemaker
{KEEP}systemctl stop pacemaker corosync
rm -rf /var/lib/corosync/* /var/lib/pacemaker/cib/*
chown root:haclient /etc/pacemaker
chmod 750 /etc/pacemaker
printf %s "$1" > {CONF}.halab-new
chmod 644 {CONF}.halab-new
cibadmin --empty | sed "s|<crm_config/>|$2|" > {_CIB}.halab-new
chown hacluster:haclient {_CIB}.halab-new
chmod 600 {_CIB}.halab-new
keep {CONF} {_CIB}
"""

# $1 corosync.conf, other arguments: nodes that it no longer has. -R makes all nodes read their own file again.
_RELOAD = f"""# write corosync.conf and have it read
{KEEP}printf %s "$1" > {CONF}.halab-new
chmod 644 {CONF}.halab-new
keep {CONF}
shift
if systemctl is-active -q corosync; then
  corosync-cfgtool -R
  if systemctl is-active -q pacemaker; then
    for gone; do crm_node --force -R "$gone"; done
  fi
fi
"""

# What a node that has left takes away.
_FORGET = f"""\
{units.disable("pacemaker", "corosync")}
rm -rf {CONF} {COROSYNC_KEY} {PACEMAKER_KEY} /var/lib/corosync/* /var/lib/pacemaker/cib/*
{KEPT}
{START_AT_ONCE}"""

# 90: a unit failed, its last words follow.
_PROBE = """# ask crm_mon
if systemctl is-failed -q corosync pacemaker; then
  journalctl -q -o cat -n 25 -u corosync -u pacemaker
  exit 90
fi
exec crm_mon --output-as=xml
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterMember:
    """A machine as a node of a cluster."""

    machine: str = attr("UUID of the machine.", replace=True)
    cluster: str = attr("Name of the cluster.", replace=True, check=cluster_name)
    name: str = attr("Node name, as Corosync and Pacemaker have it.", replace=True, check=node_name)
    corosync_conf: str = attr("Text of corosync.conf, the same for all members.")
    # A node with another key can talk to nobody: it leaves and comes back.
    corosync_authkey: Secret = attr("Corosync's key: the file's text, `base64:…` if it is binary.", replace=True)
    pacemaker_authkey: Secret = attr("Pacemaker's key, in the same form.", replace=True)
    enabled: bool = attr("Whether the node joins the cluster when it boots.", default=True)
    running: bool = attr("Whether the node takes part in the cluster now.", default=True)
    late_start: bool = attr("Whether a boot lets the others notice the node's loss before it joins.", default=True)


class MemberItem(Item[ClusterMember]):
    """Created when the node is online with quorum.

    A node leaves by its own removal; the others forget it when their corosync.conf no longer names it.
    """

    spec = ClusterMember
    phase = "cluster"
    identity = ("machine", "cluster", "name")
    timeout_s = 1200.0

    def check(self, wanted: ClusterMember) -> Iterable[tuple[str, str]]:
        try:
            conf = parse_corosync_conf(wanted.corosync_conf)
        except HalabError as error:
            yield "corosync_conf", f"{error.summary}: {error.detail}"
            return
        if conf.name != wanted.cluster:
            yield "corosync_conf", f"It is of the cluster {conf.name!r}, not {wanted.cluster!r}."
        if wanted.name not in {m.name for m in conf.members}:
            yield "name", f"corosync_conf has no node {wanted.name!r}. Add it to the cluster's members."

    def plan(self, prior: ClusterMember | None, wanted: ClusterMember) -> ClusterMember:
        if prior is not None and prior.running and wanted.running and prior.corosync_conf:
            refuse_fixed(prior.corosync_conf, wanted.corosync_conf)
        return wanted

    def observe(self, host: Host, wanted: ClusterMember) -> ClusterMember | None:
        asked = Says(units.show("pacemaker", "corosync")), shown(COROSYNC_KEY), shown(PACEMAKER_KEY), LATE_START
        conf, state, corosync_key, pacemaker_key, late = survey(host, Text(CONF), *asked)
        states = units.parse_show(state or "")
        ours = bool(corosync_key) and any(unit.running or unit.file == "enabled" for unit in states)
        if not belongs(host.name, conf, wanted.cluster, ours):
            return None
        return replace(
            wanted,
            # Comments and layout are nobody's business: pcs writes another one.
            corosync_conf=wanted.corosync_conf if same_meaning(conf or "", wanted.corosync_conf) else conf or "",
            corosync_authkey=Secret(corosync_key or ""),
            pacemaker_authkey=Secret(pacemaker_key or ""),
            enabled=all(unit.file == "enabled" for unit in states),
            running=all(unit.running for unit in states),
            late_start=is_late(late),
        )

    def steps(self, platform: Platform, now: ClusterMember | None, wanted: ClusterMember | None) -> Iterator[Step]:
        del platform
        if wanted is None:
            if now is not None:
                yield Stop(LEAVE_S, "leave the cluster: stop it here, remove its configuration", _FORGET)
            return
        if now is not None and _keys(now) != _keys(wanted):
            # What an earlier run left, whose state is lost: otherwise another key makes another member.
            yield Stop(LEAVE_S, "leave the cluster, whose key is another one", _FORGET)
            now = None
        if now is None:
            yield put_key(COROSYNC_KEY, wanted.corosync_authkey, 0o400)
            yield put_key(PACEMAKER_KEY, wanted.pacemaker_authkey, 0o640, "root:haclient")
            yield Run(_units(wanted, _FORM + _late(wanted), wanted.corosync_conf, _SEED))
        else:
            if now.corosync_conf != wanted.corosync_conf:
                yield from (_reachable(node) for node in (new_nodes(now, wanted) if now.running else ()))
                yield Run(script(_RELOAD, wanted.corosync_conf, *lost_nodes(now, wanted), timeout_s=120))
            if now.late_start != wanted.late_start:
                yield Run(script(f"# when corosync starts after a boot\n{_late(wanted)}"))
            if (now.enabled, now.running) != (wanted.enabled, wanted.running):
                yield Run(_units(wanted, "# start or stop corosync and pacemaker"))
        if wanted.running:
            yield online(wanted.name)
            if now is None:
                yield Run(script(_AFTER_FIRST_START, f'<cluster_property_set id="{_FIRST_START}"/>'))


def _keys(member: ClusterMember) -> tuple[Secret, Secret]:
    return member.corosync_authkey, member.pacemaker_authkey


def _late(wanted: ClusterMember) -> str:
    return START_LATE if wanted.late_start else START_AT_ONCE


def _units(wanted: ClusterMember, before: str, *args: str) -> Command:
    """Bring units to the wanted state; the start goes on while the rest is done."""
    run = "systemctl start --no-block corosync pacemaker" if wanted.running else "systemctl stop pacemaker corosync"
    enable = (units.enable if wanted.enabled else units.disable)("corosync", "pacemaker")
    return script(f"{before}\n{run}\n{enable}", *args, timeout_s=600)


def new_nodes(now: ClusterMember, wanted: ClusterMember) -> tuple[Member, ...]:
    """Nodes that the wanted corosync.conf names and the present one does not."""
    try:
        before = {m.name for m in parse_corosync_conf(now.corosync_conf).members}
    except UnexpectedOutput:
        return ()
    if now.name not in before:
        return ()  # somebody has spoilt the file: who is new is not to be seen in it
    return tuple(m for m in parse_corosync_conf(wanted.corosync_conf).members if m.name not in before)


def _reachable(node: Member) -> Await:
    """A node counts for the quorum from the moment that corosync.conf names it: not before it is up."""
    return Await(
        f"the new node {node.name}",
        cmd("ping", "-c", 1, "-W", 2, node.address, ok=(0, 1, 2)),
        lambda result: result.rc == 0,
        deadline_s=600,
    )


def lost_nodes(now: ClusterMember, wanted: ClusterMember) -> tuple[str, ...]:
    """Nodes that the present corosync.conf names and the wanted one does not."""
    try:
        before = parse_corosync_conf(now.corosync_conf).members
    except UnexpectedOutput:
        return ()
    after = {m.name for m in parse_corosync_conf(wanted.corosync_conf).members}
    return tuple(sorted({m.name for m in before} - after))


def online(name: str) -> Await:
    """Wait until this node is an online member of a cluster with quorum, as the node itself sees it."""
    return Await(
        f"node {name} online in a cluster with quorum",
        script(_PROBE),
        lambda result: is_online(result, name),
        deadline_s=300,
        failed=lambda result: result.stdout[-2000:].strip() or "A unit failed." if result.rc == 90 else None,
        seen=describe,
    )


def is_online(result: Result, name: str) -> bool:
    """Whether crm_mon's XML shows the node online, not pending, and its partition with quorum."""
    if (root := _status(result)) is None:
        return False
    dc, node = root.find("summary/current_dc"), root.find(f"nodes/node[@name='{name}']")
    return (
        dc is not None
        and dc.get("with_quorum") == "true"
        and node is not None
        and (node.get("online"), node.get("pending"), node.get("unclean")) == ("true", "false", "false")
    )


def describe(result: Result) -> str:
    """What crm_mon shows of DC, quorum and nodes, in words."""
    if (root := _status(result)) is None:
        return "Pacemaker does not answer: " + (result.stderr or result.stdout)[-500:].strip()
    dc = root.find("summary/current_dc")
    known = dc.get("name", "none") if dc is not None else "none"
    quorum = "with" if dc is not None and dc.get("with_quorum") == "true" else "without"
    shown = ("online", "pending", "unclean", "shutdown")
    nodes = [
        " ".join([n.get("name", "?"), *(word for word in shown if n.get(word) == "true")])
        for n in root.findall("nodes/node")
    ]
    return f"DC {known}, {quorum} quorum, nodes: {', '.join(nodes) or 'none'}."


def _status(result: Result) -> ET.Element | None:
    """crm_mon's XML; None while Pacemaker does not answer (or its output was cut short)."""
    try:
        return ET.fromstring(result.stdout) if result.rc == 0 else None
    except ET.ParseError:
        return None
