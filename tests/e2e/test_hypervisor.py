"""Networks, pools, images, volumes and machines by the resources themselves, at the sandbox's private qemu:///system.

One machine is booted, changed, broken and adopted; at the end nothing of the lab is left.
"""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from halab.images import DebianRecipe, ImageCache, default_cache_dir
from halab.provider.hypervisor.context import HypervisorContext
from halab.provider.hypervisor.inventory import Inventory
from halab.provider.hypervisor.machine.machine import MachineResource
from halab.provider.hypervisor.machine.presence import Presence
from halab.provider.hypervisor.network.network import NetworkResource
from halab.provider.hypervisor.storage.image import ImageResource
from halab.provider.hypervisor.storage.pool import PoolResource
from halab.provider.hypervisor.storage.volume import VolumeResource
from halab.provider.protocol import Ctx, State
from halab.provisioners.engine.errors import Conflict, HalabError, Interrupted
from tests.e2e.resource_steps import Configured, Steps

POOL = Path("/var/lib/libvirt/halab-hypervisor-e2e")
LAB = "hypervisor-e2e"
HOST = {"name": "node1", "mac": "52:54:00:AA:00:01", "address": "10.177.0.11"}
GUEST = {"name": "node9", "mac": "52:54:00:aa:00:09", "address": "10.177.0.19"}


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> HypervisorContext:
    return Configured(LAB, tmp_path_factory.mktemp("directory"))


@pytest.fixture(scope="module")
def network(provider: HypervisorContext) -> Iterator[State]:
    steps = Steps(NetworkResource(provider))
    state = steps.create(
        {"name": LAB, "cidr": "10.177.0.0/24", "domain": "e2e.test", "bridge": "hvbr0", "hosts": [HOST]}
    )
    yield state
    steps.delete(state)
    assert not Path("/sys/class/net/hvbr0").exists()
    assert LAB not in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def pool(provider: HypervisorContext) -> Iterator[State]:
    steps = Steps(PoolResource(provider))
    state = steps.create({"name": LAB, "path": str(POOL)})
    yield state
    steps.delete(state)
    assert not POOL.exists()


@pytest.fixture(scope="module")
def image(provider: HypervisorContext, pool: State) -> Iterator[State]:
    cached = ImageCache(default_cache_dir()).find(DebianRecipe())
    found = cached.directory if cached else newest_image()
    steps = Steps(ImageResource(provider))
    state = steps.create({"name": "base", "pool": pool["name"], "source": str(found)})
    assert steps.create({"name": "base", "pool": pool["name"], "source": str(found)}) == state
    yield state
    steps.delete(state)


def newest_image() -> Path:
    """Any image that is there: these tests are not about its recipe."""
    found = sorted(default_cache_dir().glob("*/image.json"), key=lambda path: path.stat().st_mtime)
    assert found, "build an image first: make prepare"
    return found[-1].parent


@pytest.fixture(scope="module")
def key() -> paramiko.PKey:
    return paramiko.ECDSAKey.generate()


@pytest.fixture(scope="module")
def lun(provider: HypervisorContext, pool: State) -> Iterator[State]:
    steps = Steps(VolumeResource(provider))
    state = steps.create({"name": "lun.qcow2", "pool": pool["name"], "size_bytes": 1 << 30})
    yield state
    steps.delete(state)


@pytest.fixture(scope="module")
def machine(
    provider: HypervisorContext, network: State, pool: State, image: State, lun: State, key: paramiko.PKey
) -> Iterator[list[State]]:
    """The machine's state, in a list whose one element the tests replace as they change it."""
    volumes, machines = Steps(VolumeResource(provider)), Steps(MachineResource(provider))
    disk = volumes.create(
        {
            "name": "node1.qcow2",
            "pool": pool["name"],
            "size_bytes": image["virtual_size_bytes"],
            "backing": image["disk"],
        }
    )
    state = [machines.create(config(network, image, [disk["path"], lun["path"]], key))]
    yield state
    machines.delete(state[0])
    volumes.delete(disk)


def config(network: State, image: State, disks: list[str], key: paramiko.PKey) -> State:
    return {
        "name": f"{LAB}-node1",
        "hostname": "node1",
        "domain": "e2e.test",
        "memory_mib": 1024,
        "kernel": image["kernel"],
        "initrd": image["initrd"],
        "cmdline": image["cmdline"],
        "cmdline_emulated": image["cmdline_emulated"],
        "disks": disks,
        "network": network["name"],
        "mac": HOST["mac"],
        "address": HOST["address"],
        "cluster": "summit",
        "authorized_key": f"{key.get_name()} {key.get_base64()} lab",
    }


def ask(machine: State, key: paramiko.PKey, command: str) -> str:
    """What a command prints on the machine, whose host key must be the pinned one."""
    kind, encoded = machine["host_key"].split()
    with paramiko.SSHClient() as client:
        client.get_host_keys().add(machine["address"], kind, paramiko.Ed25519Key(data=base64.b64decode(encoded)))
        client.connect(machine["address"], username="root", pkey=key, look_for_keys=False, allow_agent=False)
        return client.exec_command(command)[1].read().decode()


def test_a_machine_is_who_it_should_be(machine: list[State], key: paramiko.PKey) -> None:
    assert ask(machine[0], key, "hostname; cat /etc/hostname").split() == ["node1", "node1"]
    assert "/dev/disk/by-id/virtio-disk1" in ask(machine[0], key, "ls /dev/disk/by-id/*")
    assert "watchdog" in ask(machine[0], key, "ls /dev/watchdog0")
    assert ask(machine[0], key, "getent hosts node1.e2e.test").split()[0] == HOST["address"]


def test_the_inventory_knows_it(provider: HypervisorContext, machine: list[State]) -> None:
    inventory = Inventory(provider.connection, LAB)
    view = inventory.machine(machine[0]["id"])
    assert (view.hostname, view.address, view.presence) == ("node1", HOST["address"], Presence.RUNNING)
    assert view.host_key == machine[0]["host_key"]
    assert inventory.members("summit") == [view]
    assert inventory.members("other") == []
    assert inventory.machine("00000000-0000-4000-8000-000000000000").presence is Presence.GONE
    with pytest.raises(Conflict, match="bears no mark of the lab 'other'"):
        Inventory(provider.connection, "other").machine(machine[0]["id"])


def test_creating_it_again_adopts_it(provider: HypervisorContext, machine: list[State]) -> None:
    steps = Steps(MachineResource(provider))
    config = {name: value for name, value in machine[0].items() if not steps._only_computed(name)}
    assert steps.create(config) == machine[0]


def test_import_finds_everything(provider: HypervisorContext, machine: list[State], network: State, lun: State) -> None:
    found = MachineResource(provider).import_(Ctx(), machine[0]["name"])
    assert found == {**machine[0], "mac": HOST["mac"].lower()}
    assert VolumeResource(provider).import_(Ctx(), f"{LAB}/lun.qcow2") == lun
    assert NetworkResource(provider).import_(Ctx(), LAB)["id"] == network["id"]


def test_reservations_change_in_the_running_network(
    provider: HypervisorContext, network: State, machine: list[State], key: paramiko.PKey
) -> None:
    steps = Steps(NetworkResource(provider))
    changed = steps.update(network, hosts=[HOST, GUEST], dhcp_start="10.177.0.100", dhcp_end="10.177.0.120")
    assert ask(machine[0], key, "getent hosts node9").split()[0] == GUEST["address"]
    changed = steps.update(changed, hosts=[HOST, {**GUEST, "address": "10.177.0.29"}])
    assert ask(machine[0], key, "getent hosts node9.e2e.test").split()[0] == "10.177.0.29"
    assert steps.update(changed, hosts=[HOST], dhcp_start=None, dhcp_end=None) == network
    assert ask(machine[0], key, "getent hosts node9") == ""


def test_a_disk_grows_under_the_running_machine(
    provider: HypervisorContext, lun: State, machine: list[State], key: paramiko.PKey
) -> None:
    Steps(VolumeResource(provider)).update(lun, size_bytes=2 << 30)
    assert ask(machine[0], key, "blockdev --getsize64 /dev/vdb").strip() == str(2 << 30)


def test_membership_changes_without_a_restart(
    provider: HypervisorContext, machine: list[State], key: paramiko.PKey
) -> None:
    up = ask(machine[0], key, "cat /proc/sys/kernel/random/boot_id")
    machine[0] = Steps(MachineResource(provider)).update(machine[0], cluster=None)
    assert Inventory(provider.connection, LAB).members("summit") == []
    assert ask(machine[0], key, "cat /proc/sys/kernel/random/boot_id") == up


def test_more_memory_is_there_after_a_graceful_restart(
    provider: HypervisorContext, machine: list[State], key: paramiko.PKey
) -> None:
    before, host_key = ask(machine[0], key, "cat /proc/meminfo | head -1"), machine[0]["host_key"]
    machine[0] = Steps(MachineResource(provider)).update(machine[0], memory_mib=1280, vcpus=2)
    assert ask(machine[0], key, "cat /proc/meminfo | head -1") != before
    assert ask(machine[0], key, "nproc").strip() == "2"
    assert machine[0]["host_key"] == host_key


def test_a_machine_that_was_switched_off_is_only_switched_on(provider: HypervisorContext, machine: list[State]) -> None:
    steps = Steps(MachineResource(provider))
    provider.connection.libvirt.lookupByUUIDString(machine[0]["id"]).destroy()
    assert steps.read(machine[0]) == {**machine[0], "running": False}
    assert Inventory(provider.connection, LAB).machine(machine[0]["id"]).presence is Presence.OFF
    assert steps.update({**machine[0], "running": False}, running=True) == machine[0]


def test_an_interrupted_create_is_taken_up_again(
    provider: HypervisorContext, machine: list[State], key: paramiko.PKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = Steps(MachineResource(provider))
    config = {name: value for name, value in machine[0].items() if not steps._only_computed(name)}
    ask(machine[0], key, "echo last > /root/written")
    steps.delete(machine[0])
    ctx = Ctx()

    def stop_while_it_boots(*told: str) -> None:
        if told[-1].startswith("booting"):
            ctx.stop.set()

    with monkeypatch.context() as patch:
        patch.setattr(provider, "progress", stop_while_it_boots)
        with pytest.raises(Interrupted):
            steps.create(config, ctx)
    assert ctx.stop.is_set()
    assert ctx.saved is not None
    machine[0] = steps.create(config)
    assert machine[0]["id"] == ctx.saved["id"]
    assert ask(machine[0], key, "cat /root/written") == "last\n", "its disk, which is not its own, has it all"


def test_a_machine_that_cannot_boot_fails_early_and_shows_its_console(
    provider: HypervisorContext, machine: list[State]
) -> None:
    steps = Steps(MachineResource(provider))
    config = {name: value for name, value in machine[0].items() if not steps._only_computed(name)}
    broken = config | {
        "name": f"{LAB}-broken",
        "cmdline": "root=/dev/vdz console=ttyS0",
        "disks": machine[0]["disks"][1:],
    }
    machine[0] = steps.update(machine[0], running=False)
    ctx = Ctx()
    with pytest.raises(HalabError, match=r"no disk /dev/vdz[^|]*last lines"):
        steps.create(broken, ctx)
    assert ctx.saved is not None
    steps.delete(ctx.saved)


def test_what_a_killed_run_left_goes_with_the_network(
    provider: HypervisorContext, machine: list[State], network: State
) -> None:
    """Nothing in the state knows of the machine, yet it is in the way."""
    resource = NetworkResource(provider)
    resource.delete(Ctx(), network)
    assert Steps(MachineResource(provider)).read(machine[0]) is None
    assert not list(POOL.glob("*.console.log*"))
    assert provider.connection.libvirt.listAllDomains() == []
