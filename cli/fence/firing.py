"""Has a node fenced, and looks whether it was."""

from __future__ import annotations

import time
from dataclasses import dataclass

from halab.cli.drill.guests import Guests
from halab.cli.fence import asking
from halab.cli.fence.culprits import who_fenced
from halab.cli.fence.devices import Device, able, devices
from halab.cli.fence.evidence import OFF, REBOOT, Evidence
from halab.cli.look.hypervisor import powers
from halab.cli.look.snapshot import Power
from halab.provider.hypervisor.machine.happenings import Happenings
from halab.provider.hypervisor.machine.presence import Presence
from halab.provisioners.engine.command import cmd
from halab.provisioners.engine.errors import ConfigError, ConnectError, ConnectionLost, HalabError, TimedOut
from halab.provisioners.engine.host import Host
from halab.provisioners.pacemaker.status import ClusterStatus

LIMIT_S, EVENT_S, BACK_S = 60, 30, 300
"""Seconds on KVM: Pacemaker's for each device, libvirt's for its event after that, the node's to be a member again."""
_LEAST_DEVICES = 2  # Pacemaker has the agent of a single one try twice
_POLL_S = 1.0


@dataclass(frozen=True, slots=True)
class Fired:
    """How it went. `fault` is empty when it worked; `proof`: what was seen of it outside of the cluster.

    `by`: the devices that did it, as far as a journal tells.
    """

    node: str
    asked: str
    took_s: float
    proof: str = ""
    fault: str = ""
    by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Firing:
    """For one lab. `stretch`: how much longer it may take than on KVM."""

    guests: Guests
    stretch: float

    def check(self, name: str) -> None:
        """ConfigError unless the cluster has a node of that name, and another one to ask."""
        names = [node.name for node in self.guests.nodes]
        if name not in names:
            raise ConfigError(f"there is no node {name!r}", f"The cluster has {', '.join(names)}.")
        if len(names) == 1:
            raise ConfigError(f"nobody can fence {name}", "A cluster of one node has no other that could.")

    def seen_from_elsewhere(self, node: str) -> ClusterStatus:
        """The cluster as another node sees it. HalabError when none answers."""
        return self.guests.status([other.name for other in self.guests.nodes if other.name != node])

    def able(self, node: str) -> list[Device]:
        """The devices that can fence it, as Pacemaker says. HalabError."""
        status = self.seen_from_elsewhere(node)
        answer = self.guests.host(self._asker(status, node)).ask(asking.able(node))
        return able(devices(status), asking.items(answer))

    def first(self, node: str) -> list[Device]:
        """The devices that Pacemaker tries first: its first level, or all that can fence it. HalabError."""
        status = self.seen_from_elsewhere(node)
        names = asking.first_level(self.guests.host(self._asker(status, node)).ask(asking.levels(node)))
        return able(devices(status), names) if names else self.able(node)

    def fire(self, node: str, action: str, device: Device | None) -> Fired:
        """`device`: by this one alone; else as the cluster itself would. HalabError: nothing was done."""
        status = self.seen_from_elsewhere(node)
        asker = self._asker(status, node)
        power = self._power(node)
        if power.state is not Presence.OFF and not power.state.on:
            raise HalabError(f"{node} is {power.state.value} for libvirt", power.why)
        evidence = Evidence(self.guests.machine(node).uuid, power.state.on)
        boot = self.boot_id(node) if evidence.was_on else ""
        host = self.guests.host(asker)
        limit_s = self._limit_s(host, node, device)
        with Happenings(evidence.tell, self.guests.place.uri):
            began = time.monotonic()
            fault = _asked(host, node, action, device, limit_s)
            took_s = time.monotonic() - began
            if fault:
                return Fired(node, asker, took_s, fault=fault)
            proof = evidence.proof(action, EVENT_S * self.stretch)
        if not proof and action == REBOOT and boot and self.boot_id(node) not in ("", boot):
            proof = "another boot"
        # Events may come later than the answer, or have come before we listened: what runs now was not left off.
        runs = bool(proof) and action == OFF and self._power(node).state.on
        if proof and not runs:
            by = (device.name,) if device else self._by(status, node, began)
            return Fired(node, asker, took_s, proof, by=by)
        return Fired(node, asker, took_s, fault=_unproven([*evidence.seen, "it runs"] if runs else evidence.seen))

    def back_s(self, node: str, boot: str) -> float:
        """Waits until the node, in another boot than `boot`, is a member again; seconds. TimedOut.

        `boot`: empty where any boot will do.
        """
        began, limit_s = time.monotonic(), BACK_S * self.stretch
        self.guests.forget()
        while (lacks := self._lacks(node, boot)) is not None:
            if time.monotonic() - began > limit_s:
                advice = "halab status says what it lacks."
                detail = f"The last look failed: {lacks}. {advice}" if lacks else advice
                raise TimedOut(f"{node} is no member again within {limit_s:.0f} s", detail)
            time.sleep(_POLL_S)
        return time.monotonic() - began

    def boot_id(self, node: str) -> str:
        """Another one with each boot; empty when the node does not answer."""
        try:
            return (
                self.guests.host(node).ask(cmd("cat", "/proc/sys/kernel/random/boot_id", timeout_s=10)).stdout.strip()
            )
        except (ConnectError, TimedOut):
            self.guests.forget()  # a mute host is not asked again for a while
            return ""

    def _limit_s(self, host: Host, node: str, device: Device | None) -> int:
        """Long enough for all levels, one after the other."""
        used = 1 if device else asking.used(host.ask(asking.levels(node)))
        return round(LIMIT_S * max(_LEAST_DEVICES, used) * self.stretch)

    def _by(self, status: ClusterStatus, node: str, began: float) -> tuple[str, ...]:
        others = [member.name for member in status.nodes if member.available and member.name != node]
        return who_fenced(self.guests, others, node, time.monotonic() - began)

    def _power(self, node: str) -> Power:
        uuid, place = self.guests.machine(node).uuid, self.guests.place
        return powers(place.uri, place.lab, [uuid])[uuid]

    def _lacks(self, node: str, boot: str) -> str | None:
        """None: it is back. Else why it could not be looked; empty: it was, and is not back yet."""
        try:
            member = self.seen_from_elsewhere(node).node(node)
        except HalabError as error:  # whoever is asked may be away for a moment, too: the others look after a fencing
            self.guests.forget()
            return str(error)
        back = member is not None and member.available and self.boot_id(node) not in ("", boot)
        return None if back else ""

    def _asker(self, status: ClusterStatus, node: str) -> str:
        for member in sorted(status.nodes, key=lambda member: not member.is_dc):
            if member.name != node and member.available:
                return member.name
        raise HalabError(f"nobody can fence {node}", "No other node is online. halab status says why.")


def _asked(host: Host, node: str, action: str, device: Device | None, limit_s: int) -> str:
    """Has it fenced; why that failed, in Pacemaker's words, or empty."""
    try:
        if device is None:
            answer = asking.fence(host, node, action, limit_s)
        else:
            answer = asking.fence_by(host, device.name, node, action, limit_s)
    except (TimedOut, ConnectionLost) as error:
        return f"{error.summary}: Pacemaker may still do it, `halab status` tells"
    return asking.refusal(answer)


def _unproven(seen: list[str]) -> str:
    what = f"of it: {', '.join(seen)}" if seen else "nothing of it"
    return f"Pacemaker says that it was fenced, and libvirt has seen {what}"


def idlest(status: ClusterStatus, names: list[str]) -> str:
    """Whom a trial costs least: the last node that runs no service of its own and leads nothing. HalabError."""

    def costs(name: str) -> tuple[bool, bool]:
        serves = any(
            name in one.nodes and not one.agent.startswith("stonith:") and len(status.instances(one.id)) == 1
            for one in status.resources
        )
        return serves, status.dc == name

    ready = [name for name in reversed(names) if (node := status.node(name)) and node.available]
    if len(ready) < 2:
        raise HalabError("a trial needs two nodes that are online", "halab status says what the others lack.")
    return min(ready, key=costs)
