"""Whom `halab fence` asks, and for whom it asks nobody; how long it waits, and what it says when that is over."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from halab.cli.fence.devices import Device
from halab.cli.fence.evidence import REBOOT
from halab.cli.fence.firing import Firing
from halab.provisioners.engine.command import Command, Result
from halab.provisioners.engine.errors import (
    CommandFailed,
    ConfigError,
    ConnectError,
    ConnectionLost,
    HalabError,
    TimedOut,
)
from halab.provisioners.pacemaker.status import ClusterStatus
from tests.unit.cli.fence.test_fence import STATUS, Cluster, domain, node

__all__ = ["domain"]
LEVELS = "<x><fencing-level index='1' devices='a,b'/><fencing-level index='2' devices='c'/></x>"


@pytest.mark.parametrize(("device", "limit_s"), [(None, "180"), (Device("a", "fence_redfish", "node1"), "120")])
def test_long_enough_for_all_levels(domain: Any, device: Device | None, limit_s: str) -> None:
    cluster = Cluster(domain)

    def answer(_: str, command: Command) -> Result:
        return Result(command, 0, LEVELS if "cibadmin" in command.argv[0] else "x", "")

    cluster.answer = answer  # type: ignore[method-assign, assignment]
    assert str(Firing(cluster, 1.0)._limit_s(cluster.host("node1"), "node2", device)) == limit_s  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [TimedOut("it did not end within 420 s"), ConnectionLost("node1: broke")])
def test_what_may_still_come_is_told(domain: Any, error: HalabError) -> None:
    """With --json as well: the fencing goes on in the cluster, and nobody may take it for refused."""
    cluster = Cluster(domain)

    def never() -> None:
        raise error

    cluster.fences = never
    fired = Firing(cluster, 0.01).fire("node2", REBOOT, None)  # type: ignore[arg-type]
    assert fired.fault == f"{error.summary}: Pacemaker may still do it, `halab status` tells"


@dataclass
class Silent(Cluster):
    """Its first looks fail, each with one of these errors."""

    errors: list[HalabError] = field(default_factory=list)
    forgot: int = 0

    def status(self, among: object = ()) -> ClusterStatus:
        if self.errors:
            raise self.errors.pop(0)
        return STATUS

    def forget(self) -> None:
        self.forgot += 1


MUTE = [
    ConnectError("node1 does not answer"),
    TimedOut("it did not end within 60 s"),
    CommandFailed("crm_mon"),
]


def test_a_look_that_fails_does_not_end_the_wait(domain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("halab.cli.fence.firing._POLL_S", 0)
    cluster = Silent(domain, errors=[*MUTE])
    assert Firing(cluster, 1.0).back_s("node2", "boot-0") >= 0  # type: ignore[arg-type]
    assert (cluster.errors, cluster.forgot) == ([], 1 + len(MUTE)), "who was mute is asked anew"


@pytest.mark.parametrize("error", MUTE)
def test_what_the_last_look_met_is_told_at_the_end(domain: Any, error: HalabError) -> None:
    cluster = Silent(domain, errors=[error] * 3)
    with pytest.raises(TimedOut, match="node2 is no member again within 0 s") as told:
        Firing(cluster, 0.0).back_s("node2", "")  # type: ignore[arg-type]
    assert f"The last look failed: {error}" in told.value.detail
    assert "halab status" in told.value.detail


def test_a_machine_that_is_gone_is_not_fired_at(domain: Any) -> None:
    """That it is off afterwards would prove nothing."""
    cluster = Cluster(domain)
    cluster.nodes[1].uuid = "00000000-0000-4000-8000-000000000000"
    with pytest.raises(HalabError, match="node2 is gone for libvirt"):
        Firing(cluster, 0.01).fire("node2", REBOOT, None)  # type: ignore[arg-type]
    assert cluster.asked == []


@pytest.mark.parametrize(
    ("members", "asked"),
    [
        (STATUS.nodes, "node1"),
        ((node("node1", dc="node3"), node("node2", dc="node3"), node("node3", dc="node3")), "node3"),
        ((replace(node("node1"), online=False), *STATUS.nodes[1:]), "node3"),
        ((replace(node("node1"), online=False), node("node2"), replace(node("node3"), pending=True)), None),
        ((node("node2", dc="node2"),), None),
    ],
)
def test_who_is_asked(domain: Any, members: Any, asked: str | None) -> None:
    """The DC, else another one that is there; never the victim."""
    firing = Firing(Cluster(domain), 1.0)  # type: ignore[arg-type]
    seen: ClusterStatus = replace(STATUS, nodes=members)
    if asked is None:
        with pytest.raises(HalabError, match="nobody can fence node2"):
            firing._asker(seen, "node2")
    else:
        assert firing._asker(seen, "node2") == asked


def test_the_only_node_has_nobody_that_could_fence_it(domain: Any) -> None:
    cluster = Cluster(domain)
    del cluster.nodes[1:]
    with pytest.raises(ConfigError, match="nobody can fence node1"):
        Firing(cluster, 1.0).check("node1")  # type: ignore[arg-type]
