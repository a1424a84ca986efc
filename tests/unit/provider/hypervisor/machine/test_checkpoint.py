"""Checkpoints on libvirt's test driver, which has snapshots."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import libvirt
import pytest

from halab.provider.hypervisor.connection import Connection
from halab.provider.hypervisor.inventory import write_mark
from halab.provider.hypervisor.machine import checkpoint
from halab.provider.hypervisor.machine.checkpoint import Checkpoints, Machine
from halab.provider.hypervisor.mark import Mark
from halab.provisioners.engine.errors import Conflict, HalabError
from tests.unit.provider.hypervisor.conftest import Refusing

XML = "<domain type='test'><name>{}</name><memory>8388608</memory><os><type>hvm</type></os></domain>"
ONE = "halab-one-1"


def machine(connection: Connection, hostname: str, lab: str = "summit") -> Any:
    domain = connection.libvirt.defineXML(XML.format(f"{lab}-{hostname}"))
    write_mark(domain, Mark(lab=lab, hostname=hostname))
    return domain


@pytest.fixture
def nodes(connection: Connection) -> dict[str, Any]:
    """Two that run, one that is off."""
    nodes = {name: machine(connection, name) for name in ("node1", "node2", "target")}
    for name in ("node1", "target"):
        nodes[name].create()
    return nodes


def state(domain: Any) -> str:
    return {libvirt.VIR_DOMAIN_RUNNING: "running", libvirt.VIR_DOMAIN_PAUSED: "paused"}.get(domain.state()[0], "off")


def states(nodes: dict[str, Any]) -> list[str]:
    return [state(domain) for domain in nodes.values()]


def test_all_stand_still_while_one_is_taken(
    connection: Connection, nodes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    take = checkpoint._take

    def watching(domain: Any, snapshot: str) -> None:
        seen.append(states(nodes))
        take(domain, snapshot)

    monkeypatch.setattr(checkpoint, "_take", watching)
    saved = Checkpoints(connection, "summit").save(ONE)
    assert seen == [["paused", "off", "paused"]] * 3
    assert states(nodes) == ["running", "off", "running"]
    assert [(m.hostname, m.running) for m in saved] == [("node1", True), ("node2", False), ("target", True)]


def test_what_was_on_is_on_and_what_was_off_is_off(connection: Connection, nodes: dict[str, Any]) -> None:
    checkpoints = Checkpoints(connection, "summit")
    saved = checkpoints.save(ONE)
    nodes["node1"].destroy()
    nodes["node2"].create()
    checkpoints.restore(ONE, saved)
    assert states(nodes) == ["running", "off", "running"]


def test_nobody_goes_on_before_all_are_back(
    connection: Connection, nodes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = Checkpoints(connection, "summit")
    saved = checkpoints.save(ONE)
    seen: list[str] = []
    revert = checkpoint._revert

    def watching(domain: Any, snapshot: str) -> None:
        seen.extend(states(nodes))
        revert(domain, snapshot)
        seen.extend(states(nodes))

    monkeypatch.setattr(checkpoint, "_revert", watching)
    checkpoints.restore(ONE, saved)
    assert set(seen) == {"paused", "off"}
    assert states(nodes) == ["running", "off", "running"]


def test_one_that_fails_leaves_none_and_all_go_on(
    connection: Connection, nodes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    take = checkpoint._take

    def full(domain: Any, snapshot: str) -> None:
        if domain.name().endswith("target"):
            raise HalabError("No space left", "Make room.")
        take(domain, snapshot)

    monkeypatch.setattr(checkpoint, "_take", full)
    checkpoints = Checkpoints(connection, "summit")
    with pytest.raises(HalabError, match="No space left"):
        checkpoints.save(ONE)
    assert checkpoints.snapshots() == {}
    assert states(nodes) == ["running", "off", "running"]


def made_anew(connection: Connection, nodes: dict[str, Any]) -> str:
    nodes["node2"].undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA)
    machine(connection, "node2")
    return "node2"


def added(connection: Connection, nodes: dict[str, Any]) -> str:
    machine(connection, "node3")
    return "node3"


def removed(connection: Connection, nodes: dict[str, Any]) -> str:
    nodes["node2"].undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA)
    return "node2"


@pytest.mark.parametrize("change", [made_anew, added, removed])
def test_other_machines_are_refused_before_anything_stands_still(
    connection: Connection, nodes: dict[str, Any], change: Callable[[Connection, dict[str, Any]], str]
) -> None:
    checkpoints = Checkpoints(connection, "summit")
    saved = checkpoints.save(ONE)
    hostname = change(connection, nodes)
    with pytest.raises(Conflict) as error:
        checkpoints.restore(ONE, saved)
    assert f"removed since: {hostname}." in error.value.detail
    assert state(nodes["node1"]) == "running"


def test_a_snapshot_that_somebody_removed_is_named(connection: Connection, nodes: dict[str, Any]) -> None:
    checkpoints = Checkpoints(connection, "summit")
    saved = checkpoints.save(ONE)
    nodes["target"].snapshotLookupByName(ONE).delete()
    with pytest.raises(Conflict, match="not whole"):
        checkpoints.restore(ONE, saved)


def test_snapshots_and_machines_of_others_are_left_alone(connection: Connection, nodes: dict[str, Any]) -> None:
    other = machine(connection, "node1", lab="other")
    other.create()
    nodes["node1"].snapshotCreateXML("<domainsnapshot><name>mine</name></domainsnapshot>", 0)
    checkpoints = Checkpoints(connection, "summit")
    checkpoints.save(ONE)
    assert checkpoints.snapshots() == {ONE: frozenset(nodes)}
    checkpoints.remove(ONE)
    assert [snapshot.getName() for snapshot in nodes["node1"].listAllSnapshots()] == ["mine"]
    assert other.listAllSnapshots() == []


def test_too_little_room_is_told_before(
    connection: Connection, nodes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = Checkpoints(connection, "summit")
    monkeypatch.setattr(checkpoints, "needed_bytes", lambda: {"/disks": 5 << 20})
    monkeypatch.setattr(checkpoints, "free_bytes", {"/disks": 4 << 20}.get)
    with pytest.raises(HalabError, match="may need 5 MiB in /disks, and 4 MiB are free"):
        checkpoints.save(ONE)
    assert checkpoints.snapshots() == {}


def test_room_is_that_of_the_pool_that_has_the_directory(connection: Connection) -> None:
    checkpoints = Checkpoints(connection, "summit")
    pool = connection.libvirt.storagePoolLookupByName("theirs")
    assert checkpoints.free_bytes("/theirs") == pool.info()[3] > 0
    assert checkpoints.free_bytes("/their") is None, "another directory"
    pool.destroy()
    assert checkpoints.free_bytes("/theirs") is None


def test_what_machines_have_touched_is_needed_where_their_disks_are(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libvirt.virDomain, "memoryStats", lambda _: {"actual": 9, "rss": 3})  # KiB
    disk = "<devices><disk type='file'><source file='/disks/{}'/><target dev='vda'/></disk></devices></domain>"
    domains = [
        connection.libvirt.defineXML(XML.format(name).replace("</domain>", disk.format(name)))
        for name in ("node1", "node2", "node3")
    ]
    for domain, hostname in zip(domains, ("node1", "node2", "node3"), strict=True):
        write_mark(domain, Mark(lab="summit", hostname=hostname))
    for domain in domains[:2]:
        domain.create()
    assert Checkpoints(connection, "summit").needed_bytes() == {"/disks": 2 * 3 * 1024}


class Frozen:
    """A domain whose snapshot is of this state; remembers the flags by which it was brought back."""

    def __init__(self, state: str) -> None:
        self.state, self.flags = state, list[int]()

    def snapshotLookupByName(self, _: str) -> Frozen:
        return self

    def getXMLDesc(self) -> str:
        return f"<domainsnapshot><state>{self.state}</state></domainsnapshot>"

    def revertToSnapshot(self, _: Frozen, flags: int) -> None:
        self.flags.append(flags)


@pytest.mark.parametrize("state", ["running", "paused", "shutoff"])
def test_a_machine_that_was_off_is_not_started_and_no_other_goes_on_by_itself(state: str) -> None:
    """The test driver leaves off what was off, whatever it is told."""
    frozen = Frozen(state)
    checkpoint._revert(frozen, ONE)
    assert frozen.flags == [0 if state == "shutoff" else libvirt.VIR_DOMAIN_SNAPSHOT_REVERT_PAUSED]


def test_a_snapshot_that_cannot_be_looked_up_is_not_gone(nodes: dict[str, Any]) -> None:
    assert checkpoint._snapshot(nodes["node1"], ONE) is None
    with pytest.raises(libvirt.libvirtError):
        checkpoint._snapshot(Refusing(libvirt.VIR_ERR_INTERNAL_ERROR), ONE)


def test_a_lab_that_is_not_there_has_nothing_to_save(connection: Connection) -> None:
    with pytest.raises(Conflict, match="no machines"):
        Checkpoints(connection, "summit").save(ONE)


def test_a_machine_is_known_by_its_name_in_the_lab(connection: Connection, nodes: dict[str, Any]) -> None:
    saved = Checkpoints(connection, "summit").save(ONE)
    assert saved[0] == Machine("node1", nodes["node1"].UUIDString(), True)
