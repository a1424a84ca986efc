"""Whether fence_scsi or fence_mpath could shut a node out: the LUN is reserved, each member has a key to lose."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from halab.cli.look.guest import Guest
from halab.cli.look.report import Fault
from halab.cli.look.snapshot import Snapshot
from halab.cli.look.storage import heard
from halab.provisioners.pacemaker.status import ClusterStatus

_AGENTS = {"stonith:fence_scsi": "fence_scsi", "stonith:fence_mpath": "fence_mpath"}
_RESERVE = "`halab deploy` reserves it again."
_KEY = "`halab deploy` gives it one while it uses nothing of the LUN. Else `halab ssh {} reboot`, and the cluster does."


def faults(snapshot: Snapshot, status: ClusterStatus | None) -> Iterator[Fault]:
    """Both say that a node without a key is off already, whatever it does."""
    exporters = heard(snapshot, False)
    agents = {resource.agent for resource in status.resources}.intersection(_AGENTS) if status else set()
    if status is None or not exporters or not agents:
        return
    agent = _AGENTS[min(agents)]
    for target, told in exporters.items():
        if not told.reserved:
            yield Fault(target, f"its LUN is not reserved: {agent} shuts nobody out", remedy=_RESERVE)
    with_key = set(_with_key(exporters.values(), {machine.address: machine.name for machine in snapshot.machines}))
    for node in status.nodes:
        if node.online and not (node.pending or node.unclean or node.name in with_key):
            said = f"has no key on the LUN: for {agent} it is off already"
            yield Fault(node.name, said, remedy=_KEY.format(node.name))


def _with_key(exporters: Collection[Guest], names: Mapping[str, str]) -> Iterator[str]:
    """`names`: address -> machine."""
    registered = {name for told in exporters for name in told.registered}
    for told in exporters:
        yield from (names.get(one.address, one.name) for one in told.initiators if one.name in registered)
