"""A node's client of the quorum device: corosync-qdevice, which asks a host outside of the cluster for its vote."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from halab.provisioners.engine import units
from halab.provisioners.engine.command import script
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import Item, attr
from halab.provisioners.engine.limits import cluster_name
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.steps import Await, Run, Step

_UNIT = "corosync-qdevice"
# The tool prints text only. It fails while the daemon does not run.
_STATE = "corosync-qdevice-tool -s"
# The first line: what it says of the connection, or nothing.
_LOOK = f"""# look at the quorum device
if systemctl is-active -q {_UNIT}; then said=$(LC_ALL=C {_STATE} | grep '^State:') || :; fi
echo "${{said-}}"
{units.show(_UNIT)}"""
_SERVE = f"""# start what asks the quorum device
systemctl start {_UNIT}
{units.enable(_UNIT)}
"""
_END = f"""# end what asks the quorum device
{units.disable(_UNIT)}
systemctl stop {_UNIT}
"""


def _useful(connected: bool) -> str | None:
    return None if connected else "a quorum device that is not asked has no use: leave the resource out."


@dataclass(frozen=True, slots=True, kw_only=True)
class QuorumDevice:
    """A cluster node asks the quorum device that corosync.conf names (`quorum.device`)."""

    machine: str = attr("UUID of the machine.", replace=True)
    cluster: str = attr("Name of the cluster.", replace=True, check=cluster_name)
    connected: bool = attr("Whether it runs, starts at boot, and its host answers.", default=True, check=_useful)


class QuorumDeviceItem(Item[QuorumDevice]):
    """Created when the device's host has answered."""

    spec = QuorumDevice
    phase = "cluster"
    identity = ("machine", "cluster")
    ordinary = True  # the unit is its package's

    def observe(self, host: Host, wanted: QuorumDevice) -> QuorumDevice | None:
        said, _, shown = host.look(script(_LOOK)).stdout.partition("\n")
        (unit,) = units.parse_show(shown)
        if unit.load == "not-found" or not (unit.running or unit.file == "enabled"):
            return None
        return replace(wanted, connected=unit.running and unit.file == "enabled" and is_connected(said))

    def steps(self, platform: Platform, now: QuorumDevice | None, wanted: QuorumDevice | None) -> Iterator[Step]:
        del platform
        if wanted is None:
            if now is not None:
                yield Run(script(_END, timeout_s=120))
            return
        if now is None or not now.connected:
            yield Run(script(_SERVE, timeout_s=120))
            yield Await(
                "an answer of the quorum device",
                script(f"# ask for the quorum device\nLC_ALL=C {_STATE}"),
                lambda result: result.rc == 0 and is_connected(result.stdout),
                deadline_s=120,
            )


def is_connected(said: str) -> bool:
    """Whether `corosync-qdevice-tool -s` says that the device's host answers."""
    return re.search(r"^State:\s+Connected$", said, re.MULTILINE) is not None
