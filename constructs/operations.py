"""How long Pacemaker waits for an action, and how often it looks: as the agents advise on KVM, more under emulation."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from halab.constructs import bindings
from halab.constructs.settings import Settings


@dataclass(frozen=True, slots=True)
class Advised:
    """The timeouts that an agent's metadata names, in seconds."""

    start: int
    stop: int
    monitor: int


# Of resource-agents 4.12 and 4.16, and of Pacemaker 2.1 and 3.0; for systemd's units what pcs writes.
ADVISED = {
    "ocf:pacemaker:controld": Advised(start=90, stop=100, monitor=20),
    "ocf:heartbeat:lvmlockd": Advised(start=90, stop=90, monitor=90),
    "ocf:heartbeat:LVM-activate": Advised(start=90, stop=90, monitor=90),
    "ocf:heartbeat:Filesystem": Advised(start=60, stop=60, monitor=40),
    "ocf:heartbeat:IPaddr2": Advised(start=20, stop=20, monitor=20),
    "ocf:heartbeat:apache": Advised(start=40, stop=60, monitor=20),
    "systemd": Advised(start=100, stop=100, monitor=100),
}
_EMULATED_S, _EMULATED_MONITOR_S = 180, 120
"""Emulated nodes are slow to start anything. An agent that is not in the table gets these everywhere."""
_FENCE_S, _EMULATED_FENCE_S, _EMULATED_LEVEL_S = 60, 120, 90  # the first is Pacemaker's own stonith-timeout
_EMULATED_DEVICE_S = 240
_AGENT_S = {"login_timeout": (5, 20), "shell_timeout": (3, 20), "power_timeout": (20, 60)}
"""Upper limits on KVM, as fencing.py has them for people, and emulated."""
_TIE_S = (5, 15)
"""On KVM, and emulated: longer than it takes to lose sight of the other, elect a DC and have an agent cut the power."""

Operation = bindings.ClonePrimitivesOperations
"""Groups and STONITH devices take the same."""


def by_hypervisor(machine: bindings.Machine, kvm: str | int, emulated: str | int) -> str:
    """Terraform's expression for one of two values, by what the machine runs on."""
    one, other = json.dumps(kvm), json.dumps(emulated)
    return f'{machine.terraform_address}.hypervisor_used == "kvm" ? {one} : {other}'


class Operations:
    """Timeouts are upper limits, not waits. `node`: the machine that tells what the nodes run on."""

    def __init__(self, settings: Settings, node: bindings.Machine) -> None:
        self._settings, self._node = settings, node

    def chosen(self, kvm: str | int, emulated: str | int) -> str:
        """One of two values, by what the nodes run on."""
        return str(kvm) if kvm == emulated else f"${{{by_hypervisor(self._node, kvm, emulated)}}}"

    def seconds(self, kvm: int, emulated: int) -> str:
        """A time, which time_scale stretches."""
        return self.chosen(self._settings.stretched(kvm), self._settings.stretched(emulated))

    def start_and_stop(self, agent: str) -> list[Operation]:
        advised = _advised(agent, _EMULATED_S)
        times = {"start": advised.start, "stop": advised.stop}
        return [
            {"name": name, "interval": "0s", "timeout": self.seconds(kvm, _EMULATED_S)} for name, kvm in times.items()
        ]

    def monitor(self, agent: str, interval_s: int, emulated_s: int) -> Operation:
        """Looks each so many seconds: on KVM, and emulated. Slow machines look less often, too: what is left of them is
        for those who use the cluster. A node of a busy host stands still for a minute now and then: no failure."""
        advised = _advised(agent, _EMULATED_MONITOR_S)
        return self._monitor(interval_s, emulated_s, self.seconds(advised.monitor, _EMULATED_MONITOR_S))

    def monitor_or_fence(self, agent: str, interval_s: int, emulated_s: int) -> Operation:
        """For what only a reset of the node can mend."""
        return {**self.monitor(agent, interval_s, emulated_s), "on_fail": "fence"}

    def read_or_fence(self, interval_s: int, emulated_s: int, timeout_s: int) -> Operation:
        """A monitor that reads the device, too. A list of mounts says nothing of a LUN that a node has lost."""
        monitor = self._monitor(interval_s, emulated_s, self._settings.stretched(timeout_s))
        return {**monitor, "on_fail": "fence", "attributes": {"OCF_CHECK_LEVEL": "10"}}

    def _monitor(self, interval_s: int, emulated_s: int, timeout: str) -> Operation:
        return {"name": "monitor", "interval": self.seconds(interval_s, emulated_s), "timeout": timeout}

    def of_fencing(self) -> list[Operation]:
        """Of a STONITH device. An agent takes an emulated node 3 s, ten times that when it has just booted, and beside
        all else of a deploy, on a busy host, longer than a fencing may: that failed deploys. That is also why it is not
        asked each minute there. A door that is gone or silent shows sooner, by the agent's own limits."""
        timeout = self.seconds(_FENCE_S, _EMULATED_DEVICE_S)
        return [
            {"name": "monitor", "interval": self.seconds(60, 300), "timeout": timeout},
            {"name": "start", "interval": "0s", "timeout": timeout},
        ]

    def stonith_timeout(self) -> str:
        """What a fencing may take. A pause after each of its two power commands comes on top."""
        return self._fencing(_EMULATED_FENCE_S)

    def first_node_delay(self) -> str | None:
        """How much later node1 is fenced than others; None: not at all. Of two nodes it survives where none serves."""
        if self._settings.fencing.delay_s:
            return f"{self._settings.fencing.delay_s}s"
        return self.seconds(*_TIE_S) if self._settings.is_tied_by_a_split else None

    def priority_delay(self) -> str | None:
        """How much later the node that serves is fenced; None where no split is tied. Pacemaker adds it to the other
        delay, and wants it to be twice that one."""
        if not self._settings.is_tied_by_a_split:
            return None
        if given := self._settings.fencing.delay_s:
            return f"{2 * given}s"
        kvm, emulated = _TIE_S
        return self.seconds(2 * kvm, 2 * emulated)

    def agent_limits(self, *names: str) -> dict[str, str]:
        """Those of the agent's own limits that it keeps to, by name.

        Pacemaker has agents wait for ever (fencing.py: all time-outs are 0 there). A door that does not answer, or a
        machine that does not come on again, would cost the whole of a fencing's time.
        """
        return {"disable_timeout": "0", **{name: self.stretched_number(*_AGENT_S[name]) for name in names}}

    def level_timeout(self) -> str:
        """What one of several levels may take: the next one must not wait as long as a fencing may."""
        return self._fencing(_EMULATED_LEVEL_S)

    def _fencing(self, emulated_s: int) -> str:
        kvm_s = _FENCE_S + 2 * self._settings.fencing.power_wait_s
        return self.seconds(kvm_s, max(emulated_s, kvm_s))

    def after(self, seconds: str, kvm: int, emulated: int) -> str:
        """A timeout so long after a number that Terraform knows (`type.name.attribute`)."""
        return f"${{{seconds} + ({by_hypervisor(self._node, kvm, emulated)})}}s"

    def stretched_number(self, kvm: int, emulated: int, times: float = 1.0) -> str:
        """A number without a unit, as agents and Corosync take it, stretched by time_scale."""
        scale = max(1.0, self._settings.time_scale) * times
        return self.chosen(math.ceil(kvm * scale), math.ceil(emulated * scale))


def _advised(agent: str, otherwise_s: int) -> Advised:
    otherwise = Advised(otherwise_s, otherwise_s, otherwise_s)
    return ADVISED.get("systemd" if agent.startswith("systemd:") else agent, otherwise)
