"""What is left of a lab: found by its mark, spared when something else uses it. On libvirt's test driver."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from halab.provider.fencing.power_files import PowerConfig, PowerFiles
from halab.provider.hypervisor import removal, sweep
from halab.provider.hypervisor.connection import Connection
from halab.provider.hypervisor.inventory import write_mark
from halab.provider.hypervisor.leftovers import Known, Leftover, leftovers
from halab.provider.hypervisor.mark import Mark, pool_uuids
from halab.provider.hypervisor.network.network_xml import NetworkSpec, network_xml
from halab.provider.hypervisor.storage.storage_xml import VolumeSpec, pool_xml, volume_xml
from halab.provisioners.engine.errors import Conflict

DOMAIN = """<domain type='test'><name>{name}</name><memory>65536</memory><os><type>hvm</type></os><devices>
<disk type='file'><source file='{disk}'/><target dev='vda'/></disk>
<interface type='network'><source network='{network}'/></interface></devices></domain>"""

NOTHING: dict[str, list[str]] = {"uuids": [], "volumes": [], "endpoints": [], "snapshots": []}


@pytest.fixture(autouse=True)
def _test_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows few of the flags, and forgets no network that is up."""
    monkeypatch.setattr(removal, "_with_all_that_belongs_to_it", lambda: 0)


class Hypervisor:
    """Makes objects of labs."""

    def __init__(self, connection: Connection) -> None:
        self.connection, self.virt = connection, connection.libvirt

    def domain(self, name: str, lab: str | None = "summit", disk: str = "/pool/d", network: str = "net") -> Any:
        made = self.virt.defineXML(DOMAIN.format(name=name, disk=disk, network=network))
        if lab is not None:
            write_mark(made, Mark(lab=lab, hostname=name))
        return made

    def network(self, name: str = "net", lab: str = "summit") -> Any:
        return self.virt.networkDefineXML(
            network_xml(NetworkSpec(name=name, cidr="10.17.0.0/24", mode="nat"), Mark(lab=lab))
        )

    def pool(self, *volumes: str, backing: str = "") -> Any:
        pool = self.virt.storagePoolDefineXML(pool_xml("summit", "/pool", pool_uuids("summit", "summit")[0]))
        pool.create()
        for name in volumes:
            spec = VolumeSpec(
                name=name, size_bytes=1 << 20, backing=f"/pool/{backing}" if name == "d" and backing else ""
            )
            pool.createXML(volume_xml(spec))
        return pool

    def left(self, known: Known | None = None, lab: str = "summit") -> list[tuple[str, str, str]]:
        return [(item.kind, item.name, item.kept) for item in self.found(known, lab)]

    def found(self, known: Known | None = None, lab: str = "summit") -> list[Leftover]:
        return leftovers(self.connection, lab, known or Known())


@pytest.fixture
def hypervisor(connection: Connection) -> Hypervisor:
    return Hypervisor(connection)


def test_all_of_a_lab_without_a_state_and_nothing_else(hypervisor: Hypervisor) -> None:
    hypervisor.domain("summit-node1").create()
    hypervisor.domain("other-node1", "other", disk="/theirs/d", network="theirs")
    hypervisor.domain("nobodys", None, disk="/theirs/d", network="theirs")
    hypervisor.network()
    hypervisor.network("othernet", "other")
    hypervisor.pool("node1.qcow2")
    assert hypervisor.left() == [
        ("domain", "summit-node1", ""),
        ("network", "net", ""),
        ("volume", "summit/node1.qcow2", ""),
        ("pool", "summit", ""),
    ]
    for item in hypervisor.found():
        item.remove()
    assert hypervisor.left() == []
    assert sorted(d.name() for d in hypervisor.virt.listAllDomains()) == ["nobodys", "other-node1", "theirs"]
    assert sorted(n.name() for n in hypervisor.virt.listAllNetworks()) == ["othernet", "theirs"]
    assert [p.name() for p in hypervisor.virt.listAllStoragePools()] == ["theirs"]


def test_what_the_state_names_is_not_left(hypervisor: Hypervisor) -> None:
    uuids = {hypervisor.domain("a").UUIDString(), hypervisor.network().UUIDString()}
    pool = hypervisor.pool("d", "base", "a.console.log", "a.console.log.0", "stray", backing="base")
    known = Known(frozenset({*uuids, pool.UUIDString()}), frozenset({"/pool/d", "/pool/a.console.log"}))
    assert hypervisor.left(known) == [("volume", "summit/stray", "")]
    assert hypervisor.left(known, "other") == []


def test_what_stands_on_it_keeps_it(hypervisor: Hypervisor) -> None:
    """A machine in the state, and one of somebody else that was put on the lab's network and into its pool."""
    known = Known(frozenset({hypervisor.domain("mine", disk="/pool/mine").UUIDString()}))
    hypervisor.domain("theirs-too", None, disk="/pool/theirs")
    hypervisor.network()
    hypervisor.pool("mine", "theirs", "stray")
    assert hypervisor.left(known) == [
        ("network", "net", "mine, theirs-too uses it"),
        ("volume", "summit/stray", ""),
        ("pool", "summit", "mine, theirs in it is in use"),
    ]


@pytest.mark.parametrize(
    "uses",
    [
        "<os><type>hvm</type><kernel>/pool/d</kernel></os>",
        "<os><type>hvm</type><initrd>/pool/d</initrd></os>",
        "<os><type>hvm</type></os><devices><serial type='pty'><log file='/pool/d'/></serial></devices>",
        "<os><type>hvm</type></os><devices><disk type='file' device='cdrom'><source file='/pool/d'/>"
        "<target dev='hda'/></disk></devices>",
    ],
    ids=["kernel", "initrd", "log", "cdrom"],
)
def test_whatever_somebody_elses_machine_has_of_it_keeps_it(hypervisor: Hypervisor, uses: str) -> None:
    hypervisor.virt.defineXML(f"<domain type='test'><name>a</name><memory>65536</memory>{uses}</domain>")
    hypervisor.pool("d", "stray")
    assert hypervisor.left() == [("volume", "summit/stray", ""), ("pool", "summit", "d in it is in use")]


def test_a_pool_that_is_not_started_is_found_too(hypervisor: Hypervisor) -> None:
    hypervisor.pool("d").destroy()
    assert hypervisor.left() == [("pool", "summit", "")]


def config(lab: str) -> PowerConfig:
    return PowerConfig(lab, "10.17.0.1", 8000, "qemu:///system", (), "supervisor")


def files(directory: Path, lab: str = "summit") -> PowerFiles:
    made = PowerFiles(directory / "fencing" / lab)
    made.make_directory()
    made.write(made.config, config(lab).dump())
    return made


def test_endpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known, stray = files(tmp_path), files(tmp_path, "stray")
    monkeypatch.setattr(sweep, "running_configs", lambda: {stray.config})
    (found,) = sweep.endpoints(tmp_path, "summit", frozenset({"summit"}))
    assert (found.kind, found.name, found.detail) == ("fencing endpoint", str(stray.directory), "running")
    found.remove()
    assert not stray.directory.exists()
    assert known.config.exists()


def test_a_lab_that_another_checkout_has_deployed_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = files(tmp_path / "theirs")
    monkeypatch.setattr(sweep, "running_configs", lambda: {theirs.config})
    with pytest.raises(Conflict, match="deployed from another checkout") as caught:
        [*sweep.endpoints(tmp_path / "ours", "summit", frozenset())]
    assert str(theirs.config) in caught.value.detail
    assert [*sweep.endpoints(tmp_path / "ours", "another", frozenset())] == []


def test_an_endpoint_whose_checkout_is_gone_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone/fencing/summit/config.json"
    monkeypatch.setattr(sweep, "running_configs", lambda: {gone})
    assert [item.name for item in sweep.endpoints(tmp_path, "summit", frozenset())] == [str(gone.parent)]
    assert [*sweep.endpoints(tmp_path, "another", frozenset())] == []


def test_only_what_was_confirmed_is_removed(
    hypervisor: Hypervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "_in_libvirt", lambda _uri, lab, known: leftovers(hypervisor.connection, lab, known))
    monkeypatch.setattr(sweep, "running_configs", set)
    for name in ("one", "two"):
        hypervisor.domain(name)
    request = {"uri": "", "lab": "summit", "directory": str(tmp_path), **NOTHING}
    answer = sweep.sweep({**request, "remove": [["domain", "one"]]})
    assert [(item["name"], item["removed"]) for item in answer] == [("one", True), ("two", False)]
    assert [item["name"] for item in sweep.sweep({**request, "remove": []})] == ["two"]


def test_what_came_into_use_since_it_was_confirmed_stays(
    hypervisor: Hypervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "_in_libvirt", lambda _uri, lab, known: leftovers(hypervisor.connection, lab, known))
    monkeypatch.setattr(sweep, "running_configs", set)
    hypervisor.network()
    hypervisor.domain("theirs-too", None, disk="/theirs/d")
    request = {"uri": "", "lab": "summit", "directory": str(tmp_path), **NOTHING}
    (told,) = sweep.sweep({**request, "remove": [["network", "net"]]})
    assert (told["kept"], told["removed"]) == ("theirs-too uses it", False)
    assert hypervisor.connection.network("net") is not None


def test_what_another_lab_has_hides_nothing_that_comes_after_it(hypervisor: Hypervisor) -> None:
    hypervisor.network("a-network", lab="other")
    hypervisor.network("net")
    hypervisor.network("z-network", lab="other")
    assert [entry for entry in hypervisor.left() if entry[0] == "network"] == [("network", "net", "")]


def test_snapshots_of_no_checkpoint(hypervisor: Hypervisor) -> None:
    mine, other, hers = (hypervisor.domain(name, lab) for name, lab in (("a", "summit"), ("b", "other"), ("c", None)))
    for domain in (mine, other, hers):
        for name in ("halab-kept-1", "halab-left-1", "by-hand"):
            domain.snapshotCreateXML(f"<domainsnapshot><name>{name}</name></domainsnapshot>", 0)
    uuids = frozenset(domain.UUIDString() for domain in (mine, other, hers))
    assert hypervisor.left(Known(uuids)) == [], "they are not looked for"
    (left,) = hypervisor.found(Known(uuids, snapshots=frozenset({"halab-kept-1"})))
    assert (left.kind, left.name) == ("snapshot", "a/halab-left-1")
    left.remove()
    assert sorted(one.getName() for one in mine.listAllSnapshots()) == ["by-hand", "halab-kept-1"]
    assert len(other.listAllSnapshots()) == len(hers.listAllSnapshots()) == 3
    gone = hypervisor.left(Known(uuids - {mine.UUIDString()}, snapshots=frozenset()))
    assert gone == [("domain", "a", "")], "its snapshots go with it"
