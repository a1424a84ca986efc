"""The cluster as one of its machines has it: what corosync.conf and the keys say there."""

from __future__ import annotations

from dataclasses import dataclass

from halab.provisioners.corosync.cluster_keys import shown
from halab.provisioners.corosync.conf import parse_corosync_conf
from halab.provisioners.engine.command import Secret
from halab.provisioners.engine.errors import Conflict, UnexpectedOutput
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.survey import Text, survey

CONF = "/etc/corosync/corosync.conf"
COROSYNC_KEY = "/etc/corosync/authkey"
PACEMAKER_KEY = "/etc/pacemaker/authkey"


@dataclass(frozen=True, slots=True)
class Definition:
    """What all members of a cluster share; a key that is not there is empty."""

    corosync_conf: str
    corosync_authkey: Secret
    pacemaker_authkey: Secret

    @property
    def has_keys(self) -> bool:
        return bool(self.corosync_authkey.reveal() and self.pacemaker_authkey.reveal())


def founded(host: Host, cluster: str) -> Definition | None:
    """The cluster as one of its machines has it; None if that is no member of it. Raises Conflict."""
    conf, *keys = survey(host, Text(CONF), shown(COROSYNC_KEY), shown(PACEMAKER_KEY))
    if conf is None or not belongs(host.name, conf, cluster, ours=False):
        return None
    return Definition(conf, *(Secret(key or "") for key in keys))


def definition(host: Host, cluster: str) -> Definition:
    """The same. Raises Conflict if the machine is no member."""
    if (found := founded(host, cluster)) is None:
        raise Conflict(f"{host.name} is no member of {cluster}", f"It has no {CONF} of that cluster.", "cluster")
    return found


def belongs(name: str, conf: str | None, cluster: str, ours: bool) -> bool:
    """Whether a node is a member of the cluster; `ours`: its key and units say so. Conflict: it is another's member."""
    try:
        there = parse_corosync_conf(conf) if conf is not None else None
    except UnexpectedOutput:
        there = None
    if there is None or not there.name:
        return ours  # somebody has removed or spoilt the file: it is written again, under the running node
    if there.name != cluster and not there.is_packaged_example:
        raise Conflict(
            f"{name} belongs to another cluster",
            f"{CONF} names {there.name!r}, not {cluster!r}. Take the node out of it first.",
            "cluster",
        )
    return there.name == cluster
