"""Whether fence_scsi could shut a node out: the LUN is reserved, and each member has a key that can be taken off it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from halab.cli.look.guest import Guest
from halab.cli.look.report import Fault
from halab.cli.look.snapshot import Snapshot
from halab.cli.look.storage import heard
from halab.provisioners.pacemaker.status import ClusterStatus

_AGENT = "stonith:fence_scsi"
_RESERVE = "`halab deploy` reserves it again."
_KEY = "`halab deploy` gives it one while it uses nothing of the LUN. Else `halab ssh {} reboot`, and the cluster does."


def faults(snapshot: Snapshot, status: ClusterStatus | None) -> Iterator[Fault]:
    """fence_scsi says that a node without a key is off already, whatever it does."""
    exporters = heard(snapshot, False)
    if status is None or not exporters or all(resource.agent != _AGENT for resource in status.resources):
        return
    for target, told in exporters.items():
        if not told.reserved:
            yield Fault(target, "its LUN is not reserved: fence_scsi shuts nobody out", remedy=_RESERVE)
    with_key = set(_with_key(exporters.values(), {machine.address: machine.name for machine in snapshot.machines}))
    for node in status.nodes:
        if node.online and not (node.pending or node.unclean or node.name in with_key):
            said = "has no key on the LUN: for fence_scsi it is off already"
            yield Fault(node.name, said, remedy=_KEY.format(node.name))


def _with_key(exporters: Collection[Guest], names: Mapping[str, str]) -> Iterator[str]:
    """`names`: address -> machine."""
    registered = {name for told in exporters for name in told.registered}
    for told in exporters:
        yield from (names.get(one.address, one.name) for one in told.initiators if one.name in registered)
