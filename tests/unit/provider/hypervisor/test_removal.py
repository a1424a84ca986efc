"""What goes with a network, a pool and a machine of a lab, and what of others stays beside it."""

from __future__ import annotations

import contextlib
import errno
from types import SimpleNamespace
from typing import Any

import libvirt
import pytest

from halab.provider.hypervisor import removal
from halab.provider.hypervisor.connection import Connection
from halab.provider.hypervisor.inventory import write_mark
from halab.provider.hypervisor.mark import Mark, pool_uuids
from halab.provider.hypervisor.network.network import NetworkResource
from halab.provider.hypervisor.network.network_xml import NetworkSpec, network_xml
from halab.provider.hypervisor.storage.pool import PoolResource
from halab.provider.hypervisor.storage.storage_xml import VolumeSpec, pool_xml, volume_xml
from halab.provider.protocol import Ctx
from tests.unit.provider.hypervisor.conftest import Configured, Refusing

DOMAIN = """<domain type='test'><name>{name}</name><memory>65536</memory><os><type>hvm</type></os><devices>
<disk type='file'><source file='{disk}'/><target dev='vda'/></disk>
<interface type='network'><source network='{network}'/></interface>
<serial type='pty'><log file='/pool/{name}.console.log'/></serial></devices></domain>"""


@pytest.fixture(autouse=True)
def _test_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows few of the flags."""
    monkeypatch.setattr(removal, "_with_all_that_belongs_to_it", lambda: 0)


def domain(
    connection: Connection, name: str, lab: str | None = "summit", disk: str = "/pool/d", network: str = "net"
) -> Any:
    made = connection.libvirt.defineXML(DOMAIN.format(name=name, disk=disk, network=network))
    if lab is not None:
        write_mark(made, Mark(lab=lab, hostname=name))
    return made


def pool(connection: Connection, *volumes: str, kind: int = 0, path: str = "/pool", name: str = "summit") -> Any:
    made = connection.libvirt.storagePoolDefineXML(pool_xml(name, path, pool_uuids("summit", name)[kind]))
    made.create()
    for volume in volumes:
        made.createXML(volume_xml(VolumeSpec(name=volume, size_bytes=1 << 20)))
    return made


def names(connection: Connection) -> list[str]:
    return sorted(one.name() for one in connection.libvirt.listAllDomains())


def test_only_the_labs_own_domains_on_it_go_with_a_network(connection: Connection, provider: Configured) -> None:
    spec = NetworkSpec(name="net", cidr="10.17.0.0/24", mode="nat", domain="summit.test", bridge="virbr7")
    network = connection.libvirt.networkDefineXML(network_xml(spec, Mark(lab="summit")))
    domain(connection, "left")
    domain(connection, "left-running").create()
    domain(connection, "elsewhere", network="another")
    domain(connection, "other-lab", "other").create()
    domain(connection, "nobodys", None)
    NetworkResource(provider).remove(Ctx(), {"id": network.UUIDString()})
    assert connection.network("net") is None
    assert names(connection) == ["elsewhere", "nobodys", "other-lab", "theirs"]
    assert connection.libvirt.lookupByName("other-lab").isActive()


def test_only_the_labs_own_domains_in_it_go_with_a_pool(connection: Connection, provider: Configured) -> None:
    made = pool(connection)
    domain(connection, "left")
    domain(connection, "beside", disk="/pool-2/d")
    domain(connection, "other-lab", "other")
    domain(connection, "nobodys", None)
    PoolResource(provider).remove(Ctx(), {"id": made.UUIDString(), "name": "summit"})
    assert names(connection) == ["beside", "nobodys", "other-lab", "theirs"]


@pytest.mark.parametrize("runs", [True, False])
def test_a_machines_own_logs_go_with_it_and_no_other_file(connection: Connection, runs: bool) -> None:
    ours = ("node1.console.log", "node1.console.log.0", "node1.console.log.11")
    others = (
        "node1.qcow2",
        "node1.console.log.gz",
        "node1.console.log.",
        "node11.console.log",
        "node2.console.log.0",
        "7",
    )
    made = pool(connection, *ours, *others)
    beside = pool(connection, *ours, path="/beside", name="beside")
    machine = domain(connection, "node1")
    if runs:
        machine.create()
    removal.remove_domain(connection, machine)
    assert sorted(made.listVolumes()) == sorted(others)
    assert sorted(beside.listVolumes()) == sorted(ours)
    assert names(connection) == ["theirs"]


class Watched:
    """A pool that notes whether its directory is deleted: the test driver has none."""

    def __init__(self, pool: Any) -> None:
        self._pool, self.directory = pool, "there"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    def delete(self) -> None:
        self.directory = "deleted"
        self._pool.delete()


@pytest.mark.parametrize(("kind", "directory"), [(0, "deleted"), (1, "there")], ids=["made", "found"])
def test_a_directory_that_was_there_before_the_pool_stays(connection: Connection, kind: int, directory: str) -> None:
    watched = Watched(pool(connection, "d", kind=kind))
    removal.remove_pool(watched, "summit", lambda file: file == "d")
    assert watched.directory == directory
    assert connection.pool("summit") is None


@pytest.mark.parametrize(
    ("code", "gone"),
    [
        (libvirt.VIR_ERR_NO_DOMAIN, [removal.end_domain]),
        (libvirt.VIR_ERR_NO_NETWORK, [removal.remove_network]),
        (libvirt.VIR_ERR_OPERATION_INVALID, [removal.end_domain, removal.remove_network]),
        (libvirt.VIR_ERR_INTERNAL_ERROR, []),
        (libvirt.VIR_ERR_NO_CONNECT, []),
    ],
)
def test_only_its_own_code_says_that_it_is_gone(code: int, gone: list[Any]) -> None:
    for remove in (removal.end_domain, removal.remove_network):
        with contextlib.nullcontext() if remove in gone else pytest.raises(libvirt.libvirtError):
            remove(Refusing(code))


@pytest.mark.parametrize(
    ("code", "refused"), [(libvirt.VIR_ERR_NO_DOMAIN, False), (libvirt.VIR_ERR_INTERNAL_ERROR, True)]
)
def test_a_domain_that_cannot_be_looked_at_is_not_passed_over(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, code: int, refused: bool
) -> None:
    listed = [Refusing(code), domain(connection, "left")]
    monkeypatch.setattr(type(connection), "volume", lambda *_: None)
    hypervisor = SimpleNamespace(listAllDomains=listed.copy, listAllStoragePools=lambda _: [])
    monkeypatch.setattr(type(connection), "libvirt", hypervisor)
    with pytest.raises(libvirt.libvirtError) if refused else contextlib.nullcontext():
        removal.remove_domains(connection, "summit", lambda _: True)
    monkeypatch.undo()
    assert ("left" in names(connection)) == refused


def test_a_pool_that_does_not_start_is_none_whose_directory_is_gone() -> None:
    assert removal._start_unless_directory_gone(Refusing(libvirt.VIR_ERR_SYSTEM_ERROR, errno.ENOENT)) is False
    with pytest.raises(libvirt.libvirtError):
        removal._start_unless_directory_gone(Refusing(libvirt.VIR_ERR_SYSTEM_ERROR, errno.EACCES))


def test_a_volume_in_a_pool_that_is_off_wakes_no_other_pool(connection: Connection) -> None:
    made, beside = pool(connection, "d"), pool(connection, "d", path="/beside", name="beside")
    made.destroy()
    beside.destroy()
    removal.remove_volume(connection, "/beside/d")
    assert not made.isActive()
    assert not beside.isActive()
    made.create()
    beside.create()
    assert (made.listVolumes(), beside.listVolumes()) == (["d"], [])
