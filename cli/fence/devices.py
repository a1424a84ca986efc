"""The cluster's fencing devices, by the names that `fencing.method` has for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from halab.provisioners.engine.errors import ConfigError
from halab.provisioners.pacemaker.status import ClusterStatus

WATCHDOG = "watchdog"
_CLASS, _PREFIX = "stonith:", "fence_"
# Agents that have another name than their method.
_METHODS = {"ipmilan": "ipmi", "ipmilanplus": "ipmi", "virt": "xvm"}


@dataclass(frozen=True, slots=True)
class Device:
    """A STONITH resource. `runs_on`: the node that watches it, empty while none does."""

    name: str
    agent: str
    runs_on: str

    @property
    def method(self) -> str:
        """As `fencing.method` calls it: fence_ipmilan is `ipmi`."""
        short = self.agent.removeprefix(_PREFIX)
        return _METHODS.get(short, short)


def devices(status: ClusterStatus) -> list[Device]:
    """All of them, in the cluster's own order."""
    return [
        Device(one.id, one.agent.removeprefix(_CLASS), next(iter(one.nodes), ""))
        for one in status.resources
        if one.agent.startswith(_CLASS)
    ]


def able(all_: Iterable[Device], names: Sequence[str]) -> list[Device]:
    """Those of these names, as they stand in the cluster, and a watchdog: of a node's own that node alone knows."""
    return [device for device in all_ if device.name in names or device.method == WATCHDOG]


def chosen(among: Sequence[Device], wanted: str, node: str) -> Device:
    """The device that `wanted`, a method or a device's name, means for a node. ConfigError."""
    found = [device for device in among if wanted == device.name] or [d for d in among if wanted == d.method]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(device.name for device in found)
        raise ConfigError(f"--method {wanted}: several devices fence {node} so", f"Name one of them: {names}.")
    there = ", ".join(f"{device.method} ({device.name})" for device in among) or "none"
    raise ConfigError(f"--method {wanted}: no such device fences {node}", f"These do: {there}.")
