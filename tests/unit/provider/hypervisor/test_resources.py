"""The life cycle of networks, pools and volumes on libvirt's test driver."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from halab.provider.adoption import Adoption
from halab.provider.hypervisor.installer.installed_image import InstalledImageResource
from halab.provider.hypervisor.inventory import Inventory, read_mark, write_mark
from halab.provider.hypervisor.machine.machine import MachineResource
from halab.provider.hypervisor.machine.presence import Presence
from halab.provider.hypervisor.mark import Mark
from halab.provider.hypervisor.network import network
from halab.provider.hypervisor.network.network import NetworkResource, _spec, _update
from halab.provider.hypervisor.storage.image import ImageResource
from halab.provider.hypervisor.storage.pool import PoolResource
from halab.provider.hypervisor.storage.storage_xml import VolumeSpec, volume_xml
from halab.provider.hypervisor.storage.volume import VolumeResource
from halab.provider.protocol import Ctx, Resource, State
from halab.provider.protocol.planning import plan_values
from halab.provisioners.engine.errors import ConfigError, Conflict, HalabError, Unmarked
from tests.unit.provider.hypervisor.conftest import Configured

HOSTS = [{"name": "node1", "mac": "52:54:00:AA:00:01", "address": "10.17.0.11"}]
NETWORK: State = {"name": "summit", "cidr": "10.17.0.0/24", "domain": "summit.test", "hosts": HOSTS}
NOBODY = "00000000-0000-4000-8000-000000000000"
POOL: State = {"name": "summit", "path": "/pool"}


def planned(resource: Resource, config: State, prior: State | None = None, ctx: Ctx | None = None) -> State:
    full: State = {**dict.fromkeys(resource.schema.attrs), **config}
    proposed = {
        name: (prior or {}).get(name) if attr.computed and full[name] is None else full[name]
        for name, attr in resource.schema.attrs.items()
    }
    plan = plan_values(resource.schema, full, prior, proposed)
    resource.plan(ctx or Ctx(), full, prior, plan)
    return plan


def create(resource: Resource, config: State) -> State:
    return resource.create(Ctx(), planned(resource, config), config)


@pytest.fixture
def networks(provider: Configured, monkeypatch: pytest.MonkeyPatch) -> NetworkResource:
    monkeypatch.setattr(network, "stored_xml", network._current_xml)  # the test driver has only one definition
    return NetworkResource(provider)


@pytest.fixture
def pools(provider: Configured) -> PoolResource:
    return PoolResource(provider)


@pytest.fixture
def volumes(provider: Configured) -> VolumeResource:
    return VolumeResource(provider)


def test_network(provider: Configured, networks: NetworkResource) -> None:
    state = create(networks, NETWORK)
    assert state["gateway"] == "10.17.0.1"
    assert state["hosts"] == HOSTS  # in the user's spelling
    assert provider.connection.libvirt.networkLookupByName("summit").autostart(), "it is there after the host's boot"
    assert networks.read(Ctx(), copy.deepcopy(state)) == state
    provider.connection.libvirt.networkLookupByName("summit").destroy()
    assert networks.read(Ctx(), state) == {**state, "active": False}
    networks.delete(Ctx(), state)
    networks.delete(Ctx(), state)
    assert networks.read(Ctx(), state) is None
    assert provider.events[:2] == [("start", "halab_network", "summit"), ("done", "halab_network", "summit")]


class Edited:
    """A network whose running and stored definitions differ: the test driver has only one."""

    def __init__(self, live: str, stored: str) -> None:
        self.xml = {0: live, 1: stored}
        self.updates: list[tuple[int, str]] = []

    def isActive(self) -> int:
        return 1

    def XMLDesc(self, flags: int = 0) -> str:
        return self.xml[flags]

    def update(self, _command: int, _section: int, _index: int, xml: str, flags: int) -> None:
        self.updates.append((flags, xml))


@pytest.mark.parametrize("place", ["live", "stored"])
def test_a_reservation_that_was_removed_shows_wherever_it_was_removed(
    networks: NetworkResource, provider: Configured, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    import libvirt

    state = create(networks, NETWORK)
    monkeypatch.setattr(network, "stored_xml", lambda edited: edited.XMLDesc(1))
    xml = provider.connection.libvirt.networkLookupByName("summit").XMLDesc()
    less = "\n".join(line for line in xml.splitlines() if "52:54:00:aa:00:01" not in line)
    assert less != xml
    edited = Edited(**{"live": xml, "stored": xml, place: less})
    monkeypatch.setattr(type(provider.connection), "network_by_uuid", lambda *_: edited)
    seen = networks.read(Ctx(), state)
    assert seen == {**state, "hosts": None}
    _update(edited, _spec(state), _spec(seen or {}))
    flag = {"live": libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE, "stored": libvirt.VIR_NETWORK_UPDATE_AFFECT_CONFIG}
    assert edited.updates == [(flag[place], '<host mac="52:54:00:aa:00:01" name="node1" ip="10.17.0.11" />')]


def test_another_labs_or_nobodys_network_is_left_alone(provider: Configured, networks: NetworkResource) -> None:
    with pytest.raises(Conflict, match="'theirs' exists already and was not made by halab"):
        create(networks, {**NETWORK, "name": "theirs"})
    create(networks, NETWORK)
    provider.lab = "other"
    # The test driver keeps no metadata of networks: it is nobody's here, and another lab's on a real libvirt.
    with pytest.raises(Conflict, match="'summit' exists already"):
        create(networks, NETWORK)
    with pytest.raises(Conflict, match="Only this lab's networks"):
        networks.import_(Ctx(), "theirs")
    assert provider.connection.network("theirs") is not None


def test_import_of_nothing(networks: NetworkResource, pools: PoolResource, volumes: VolumeResource) -> None:
    for resource, name in ((networks, "no"), (pools, "no")):
        with pytest.raises(HalabError, match="there is no"):
            resource.import_(Ctx(), name)
    with pytest.raises(ConfigError, match="POOL/NAME"):
        volumes.import_(Ctx(), "no")


def test_pool(provider: Configured, pools: PoolResource) -> None:
    state = create(pools, POOL)
    assert create(pools, POOL) == state  # adopted
    assert provider.connection.libvirt.storagePoolLookupByName("summit").autostart(), (
        "it is there after the host's boot"
    )
    assert pools.import_(Ctx(), "summit") == state
    assert pools.read(Ctx(), state) == state
    with pytest.raises(Conflict, match="with another path"):
        create(pools, {**POOL, "path": "/elsewhere"})
    provider.connection.libvirt.storagePoolLookupByName("summit").destroy()
    off = pools.read(Ctx(), state)
    assert off == {**state, "active": False}
    assert pools.update(Ctx(), off, planned(pools, POOL, off), POOL) == state
    pools.delete(Ctx(), state)
    pools.delete(Ctx(), state)
    assert pools.read(Ctx(), state) is None


def test_a_pool_goes_with_what_was_made_in_it_and_with_nothing_else(
    provider: Configured, pools: PoolResource, volumes: VolumeResource, tmp_path: Path
) -> None:
    """What a killed run has left of a volume, an image, a machine's log and an installer; and a file of a person."""
    state = create(pools, POOL)
    provider.ledger = ledger = Adoption(tmp_path / "ledger.jsonl", partial=False, changed=False)
    begun: list[tuple[Resource, State]] = [
        (volumes, {"pool": "summit", "name": "node1.qcow2"}),
        (volumes, {"pool": "another", "name": "holiday.jpg"}),
        (ImageResource(provider), {"pool": "summit", "name": "base", "recipe": "0123456789abcdef"}),
        (MachineResource(provider), {"name": "summit-node1"}),
        (InstalledImageResource(provider), {"name": "summit-installer"}),
    ]
    for resource, planned_state in begun:
        ledger.begin(resource, planned_state, found=False)
    pool = provider.connection.libvirt.storagePoolLookupByName("summit")
    ours = ("node1.qcow2", "base-0123456789ab.kernel", "summit-node1.console.log.0", "summit-installer.export")
    others = ("base-fedcba987654.disk", "holiday.jpg", "node1.qcow2.bak", "summit-node11.console.log")
    for name in (*ours, *others):
        pool.createXML(volume_xml(VolumeSpec(name=name, size_bytes=1 << 20)))
    with pytest.raises(Conflict, match="files that are not known") as refused:
        pools.delete(Ctx(), state)
    assert f"In /pool: {', '.join(others)}. " in refused.value.detail
    assert sorted(pool.listVolumes()) == sorted((*ours, *others))
    for name in others:
        pool.storageVolLookupByName(name).delete()
    pools.delete(Ctx(), state)
    assert provider.connection.pool("summit") is None


def test_somebody_elses_pool_is_left_alone(pools: PoolResource, volumes: VolumeResource) -> None:
    with pytest.raises(Conflict, match="'theirs' was not made by the lab 'summit'"):
        create(pools, {"name": "theirs", "path": "/theirs"})
    with pytest.raises(Conflict, match="'theirs' was not made by the lab 'summit'"):
        create(volumes, {"name": "a", "pool": "theirs", "size_bytes": 512})
    with pytest.raises(Conflict, match="'theirs' was not made by the lab 'summit'"):
        pools.import_(Ctx(), "theirs")
    with pytest.raises(Conflict, match="there is no storage pool 'no'"):
        create(volumes, {"name": "a", "pool": "no", "size_bytes": 512})


def test_volume(provider: Configured, pools: PoolResource, volumes: VolumeResource) -> None:
    create(pools, POOL)
    config = {"name": "lun.qcow2", "pool": "summit", "size_bytes": 1 << 30}
    state = create(volumes, config)
    assert state["path"] == "/pool/lun.qcow2"
    assert create(volumes, config) == state  # adopted
    with pytest.raises(Conflict, match="another size_bytes") as caught:
        create(volumes, {**config, "size_bytes": 2 << 30})
    assert caught.value.attribute == "size_bytes"
    assert volumes.import_(Ctx(), "summit/lun.qcow2") == state
    assert volumes.read(Ctx(), state) == state
    volumes.delete(Ctx(), state)
    volumes.delete(Ctx(), state)
    assert volumes.read(Ctx(), state) is None


def test_an_inactive_pool_hides_volumes_but_they_are_not_gone(
    provider: Configured, pools: PoolResource, volumes: VolumeResource
) -> None:
    create(pools, POOL)
    state = create(volumes, {"name": "a", "pool": "summit", "size_bytes": 512})
    provider.connection.libvirt.storagePoolLookupByName("summit").destroy()
    assert volumes.read(Ctx(), state) == state


def test_a_volume_is_deleted_though_its_pool_is_not_active(
    provider: Configured, pools: PoolResource, volumes: VolumeResource
) -> None:
    create(pools, POOL)
    state = create(volumes, {"name": "a", "pool": "summit", "size_bytes": 512})
    pool = provider.connection.libvirt.storagePoolLookupByName("summit")
    pool.destroy()
    volumes.delete(Ctx(), state)
    assert not pool.isActive(), "it is left as it was found"
    pool.create()
    assert pool.listVolumes() == []


def domain(provider: Configured, name: str, mark: Mark | None) -> Any:
    made = provider.connection.libvirt.defineXML(
        f"<domain type='test'><name>{name}</name><memory>65536</memory><os><type>hvm</type></os></domain>"
    )
    if mark is not None:
        write_mark(made, mark)
    return made


def test_inventory(provider: Configured) -> None:
    one = domain(provider, "one", Mark(lab="summit", hostname="node1", cluster="c", address="10.17.0.11"))
    two = domain(provider, "two", Mark(lab="summit", hostname="target"))
    domain(provider, "three", Mark(lab="other", hostname="node1", cluster="c"))
    one.create()
    inventory = Inventory(provider.connection, "summit")
    view = inventory.machine(one.UUIDString())
    assert (view.name, view.hostname, view.address, view.presence) == (
        "one",
        "node1",
        "10.17.0.11",
        Presence.RUNNING,
    )
    assert inventory.members("c") == [view]
    assert inventory.machine(two.UUIDString()).presence is Presence.OFF
    assert [view.name for view in inventory.machines()] == ["one", "two"]
    gone = inventory.machine("00000000-0000-4000-8000-000000000000")
    assert (gone.presence, gone.uuid) == (Presence.GONE, "00000000-0000-4000-8000-000000000000")


def test_inventory_refuses_what_is_not_the_labs(provider: Configured) -> None:
    foreign = domain(provider, "three", Mark(lab="other", hostname="node1"))
    with pytest.raises(Conflict, match="bears no mark of the lab 'summit'"):
        Inventory(provider.connection, "summit").machine(foreign.UUIDString())


def test_a_machine_that_has_lost_its_mark_is_not_gone(provider: Configured) -> None:
    bare = domain(provider, "bare", None)
    assert read_mark(bare) is None
    inventory = Inventory(provider.connection, "summit", lambda: (NOBODY, bare.UUIDString()))
    with pytest.raises(Unmarked, match="'bare' has lost the mark of the lab 'summit'"):
        inventory.machine(bare.UUIDString())
    assert inventory.unmarked() == ["bare"]
    bare.undefine()
    assert inventory.unmarked() == []
