"""Machines that stand still for a checkpoint: who goes on when something goes wrong, on libvirt's test driver."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import libvirt
import pytest

from halab.provider.hypervisor.connection import Connection
from halab.provider.hypervisor.machine import checkpoint
from halab.provider.hypervisor.machine.checkpoint import Checkpoints
from halab.provider.hypervisor.machine.standing import StandsStill
from halab.provisioners.engine.errors import HalabError
from tests.unit.provider.hypervisor.machine.test_checkpoint import ONE, nodes, states

__all__ = ["nodes"]
GO_ON = ["running", "off", "running"]
FULL = HalabError("No space left", "Make room.")


def refuses(monkeypatch: pytest.MonkeyPatch, call: str, *names: str) -> None:
    """These machines' domains refuse that call of libvirt's."""
    original = getattr(libvirt.virDomain, call)

    def refusing(domain: Any, *arguments: Any) -> Any:
        if domain.name() in names:
            raise libvirt.libvirtError(f"{domain.name()} does not {call}")
        return original(domain, *arguments)

    monkeypatch.setattr(libvirt.virDomain, call, refusing)


def fails_for(monkeypatch: pytest.MonkeyPatch, step: str, *names: str) -> None:
    """`_take` or `_revert` finds the disk full for these."""
    original = getattr(checkpoint, step)

    def full(domain: Any, snapshot: str) -> None:
        if domain.name() in names:
            raise FULL
        original(domain, snapshot)

    monkeypatch.setattr(checkpoint, step, full)


def test_one_that_does_not_go_on_holds_no_other(
    connection: Connection, nodes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes["node2"].create()
    with monkeypatch.context() as patched:
        refuses(patched, "resume", "summit-node1", "summit-node2")
        with pytest.raises(StandsStill, match="Still held: node1, node2") as error:
            Checkpoints(connection, "summit").save(ONE)
    assert states(nodes) == ["paused", "paused", "running"]
    assert "summit-node1 does not resume" in error.value.detail
    assert "virsh resume summit-node1, virsh resume summit-node2" in error.value.detail


def test_why_a_save_failed_is_told_though_one_does_not_go_on(
    connection: Connection, nodes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    refuses(monkeypatch, "resume", "summit-node1")
    fails_for(monkeypatch, "_take", "summit-target")
    with pytest.raises(StandsStill, match=r"Still held: node1.*Before that: No space left"):
        Checkpoints(connection, "summit").save(ONE)
    assert states(nodes) == ["paused", "off", "running"]


def test_a_snapshot_that_cannot_be_removed_keeps_no_other_and_is_told(
    connection: Connection, nodes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    fails_for(monkeypatch, "_take", "summit-target")
    with monkeypatch.context() as patched:
        patched.setattr(libvirt.virDomainSnapshot, "delete", _kept_by("summit-node1"))
        with pytest.raises(HalabError, match="No space left"):
            Checkpoints(connection, "summit", told.append).save(ONE)
    assert Checkpoints(connection, "summit").snapshots() == {ONE: frozenset({"node1"})}
    assert f"snapshots {ONE} stay: " in told[-1]
    assert states(nodes) == GO_ON


def _kept_by(name: str) -> Callable[[Any], None]:
    delete = libvirt.virDomainSnapshot.delete

    def deleting(snapshot: Any) -> None:
        if snapshot.getDomain().name() == name:
            raise libvirt.libvirtError("it is kept")
        delete(snapshot)

    return deleting


def test_who_stood_still_before_does_so_afterwards(connection: Connection, nodes: dict[str, Any]) -> None:
    nodes["target"].suspend()
    checkpoints = Checkpoints(connection, "summit")
    saved = checkpoints.save(ONE)
    assert states(nodes) == ["running", "off", "paused"]
    assert [one.running for one in saved] == [True, False, False]
    nodes["target"].resume()
    checkpoints.restore(ONE, saved)
    assert states(nodes) == ["running", "off", "paused"], "as it was then"


def test_who_is_back_and_who_is_not_is_told_and_the_restore_again_goes_on(
    connection: Connection, nodes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = Checkpoints(connection, "summit")
    saved = checkpoints.save(ONE)
    with monkeypatch.context() as patched:
        fails_for(patched, "_revert", "summit-target")
        with pytest.raises(HalabError, match="in part: back are node1, node2, not target") as error:
            checkpoints.restore(ONE, saved)
    assert "All of them stand still" in error.value.detail
    assert "halab checkpoint restore again goes on" in error.value.detail
    assert f"target: {FULL}" in error.value.detail
    assert states(nodes) == ["paused", "off", "paused"]
    checkpoints.restore(ONE, saved)
    assert states(nodes) == GO_ON


def test_when_none_is_back_those_that_ran_go_on(
    connection: Connection, nodes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = Checkpoints(connection, "summit")
    saved = checkpoints.save(ONE)
    nodes["node2"].create()
    nodes["target"].suspend()
    fails_for(monkeypatch, "_revert", *(domain.name() for domain in nodes.values()))
    with pytest.raises(HalabError, match=r"No machine was restored.*As before, target stand still.*No space left"):
        checkpoints.restore(ONE, saved)
    assert states(nodes) == ["running", "running", "paused"]


def test_one_that_a_failed_restore_has_ended_keeps_all_still(
    connection: Connection, nodes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """libvirt ends a machine before it starts it from the snapshot."""
    checkpoints = Checkpoints(connection, "summit")
    saved = checkpoints.save(ONE)

    def ends(domain: Any, snapshot: str) -> None:
        if domain.name() == "summit-target":
            domain.destroy()
        raise FULL

    monkeypatch.setattr(checkpoint, "_revert", ends)
    with pytest.raises(HalabError, match="back are none, not node1, node2, target"):
        checkpoints.restore(ONE, saved)
    assert states(nodes) == ["paused", "off", "off"]


def test_one_that_cannot_be_held_keeps_no_other(
    connection: Connection, nodes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = Checkpoints(connection, "summit")
    saved = checkpoints.save(ONE)
    refuses(monkeypatch, "suspend", "summit-target")
    with pytest.raises(HalabError, match="summit-target does not suspend"):
        checkpoints.save("halab-two-2")
    with pytest.raises(HalabError, match=r"No machine was restored.*summit-target does not suspend"):
        checkpoints.restore(ONE, saved)
    assert states(nodes) == GO_ON
