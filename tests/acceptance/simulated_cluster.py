"""A double of Pacemaker for restarts: who is online, in standby, and what runs where follows from libvirt's domains."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from halab.provider.hypervisor.machine import boot
from halab.provisioners.corosync.conf import Member, render_corosync_conf
from halab.provisioners.engine.command import Command, Result

if TYPE_CHECKING:
    from tests.acceptance.doubles import DoubledProvider
    from tests.acceptance.guests import Guest

_NOT_CONNECTED = 102
_CLONED, _SINGLE = "dlm", "site"


@dataclass
class SimulatedCluster:
    """Nodes are the lab's machines that belong to a cluster. `broken` ones never run their clones again."""

    provider: DoubledProvider
    events: list[str] = field(default_factory=list)
    standby: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    maintenance: bool = False
    moving: int = 0  # how many looks it takes until what runs on a node in standby has moved

    def answer(self, guest: Guest, command: Command) -> Result | None:
        program, *words = command.argv
        if program == "crm_mon":
            return Result(command, 0, self._status(), "")
        if program == "crm_simulate":
            return Result(command, 0, "<pacemaker-result><actions/></pacemaker-result>", "")
        if program == "crm_attribute":
            node = words[words.index("--node") + 1]
            on = "--update" in words
            self.events.append(f"standby {node}" if on else f"unstandby {node}")
            (self.standby.add if on else self.standby.discard)(node)
            self.moving = 2
            return Result(command, 0, "", "")
        if command.argv == ("cat", "/etc/corosync/corosync.conf"):
            return Result(command, 0, render_corosync_conf("summit", None, self._members()), "")
        return None

    def _members(self) -> list[Member]:
        views = [view for view in self.provider.inventory.machines() if view.cluster]
        return [Member(name=v.hostname, address=v.address, node_id=i) for i, v in enumerate(views, 1)]

    def up(self) -> dict[str, bool]:
        views = self.provider.inventory.machines()
        return {view.hostname: view.presence.on for view in views if view.cluster}

    def _status(self) -> str:
        self.moving = max(0, self.moving - 1)
        up = self.up()
        nodes = "".join(
            f'<node name="{name}" id="{name}" online="{_word(on)}" standby="{_word(name in self.standby)}" '
            f'maintenance="false" pending="false" unclean="false" is_dc="false"/>'
            for name, on in up.items()
        )
        return (
            '<pacemaker-result><summary><current_dc present="true" name="x" with_quorum="true" version="3"/>'
            f'<cluster_options symmetric-cluster="true" maintenance-mode="{_word(self.maintenance)}"/></summary>'
            f"<nodes>{nodes}</nodes><resources>{''.join(self._resources(up))}</resources>"
            '<status code="0" message="OK"/></pacemaker-result>'
        )

    def _resources(self, up: dict[str, bool]) -> Iterator[str]:
        able = [n for n, on in up.items() if on and (n not in self.standby or self.moving) and n not in self.broken]
        for node in able:
            yield _resource(_CLONED, node)
        if able:
            yield _resource(_SINGLE, able[0])


def _resource(name: str, node: str) -> str:
    return (
        f'<resource id="{name}" resource_agent="x" role="Started" active="true" failed="false" blocked="false" '
        f'managed="true" orphaned="false"><node name="{node}"/></resource>'
    )


def _word(value: bool) -> str:
    return "true" if value else "false"


def simulate(patch: pytest.MonkeyPatch, provider: DoubledProvider) -> SimulatedCluster:
    """Put it into all guests of a provider, as long as `patch` lasts. Its events say which machines go off and on."""
    cluster = SimulatedCluster(provider)
    shut_down, start = boot.shut_down, boot.start

    def recorded_shut_down(domain: object, wait: object, name: str) -> None:
        cluster.events.append(f"off {name}")
        shut_down(domain, wait, name)  # type: ignore[arg-type]
        cluster.standby.discard(name)  # it was for this boot only

    def recorded_start(domain: object) -> None:
        start(domain)
        cluster.events.append("on")

    patch.setattr(boot, "shut_down", recorded_shut_down)
    patch.setattr(boot, "start", recorded_start)
    patch.setattr(provider.guests, "answer", cluster.answer)
    return cluster
