"""libvirtd is restarted, and the hypervisor's disk is full: by the resources themselves, without a machine."""

from __future__ import annotations

import copy
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from halab.provider.hypervisor.context import HypervisorContext
from halab.provider.hypervisor.machine.console import Console
from halab.provider.hypervisor.network.network import NetworkResource
from halab.provider.hypervisor.removal import remove_volume
from halab.provider.hypervisor.steady import SteadyDomain
from halab.provider.hypervisor.storage.image import ImageResource
from halab.provider.hypervisor.storage.pool import PoolResource
from halab.provider.hypervisor.storage.storage_xml import VolumeSpec, volume_xml
from halab.provider.hypervisor.waiting import Wait
from halab.provider.protocol import Ctx
from halab.provisioners.engine.errors import HalabError
from tests.e2e.resource_steps import Configured, Steps

LAB = "hypervisor-fails-e2e"
POOL = Path("/var/lib/libvirt/halab-full-e2e")
MIB = 1 << 20
DOMAIN = f"""<domain type='qemu'><name>{LAB}-watched</name><memory unit='MiB'>64</memory>
<os><type arch='x86_64'>hvm</type></os></domain>"""


@pytest.fixture
def provider(tmp_path: Path) -> HypervisorContext:
    return Configured(LAB, tmp_path)


def restart_libvirtd() -> None:
    pid = int(Path("/run/libvirtd.pid").read_text())
    subprocess.run(["kill", str(pid)], check=True)
    end = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < end, "libvirtd does not end"
        time.sleep(0.1)
    subprocess.run(["libvirtd", "--daemon"], check=True)


def test_a_restart_of_libvirtd_is_not_noticed_by_the_next_look(provider: HypervisorContext) -> None:
    steps = Steps(NetworkResource(provider))
    config = {"name": LAB, "cidr": "10.176.0.0/24", "mode": "isolated", "bridge": "hvfail0"}
    state = steps.create(config)
    for _ in range(2):
        restart_libvirtd()
        assert steps.read(state) == state
    restart_libvirtd()
    assert steps.create(config) == state  # adopted
    steps.delete(state)


def test_a_machine_is_watched_on_while_libvirtd_is_restarted(provider: HypervisorContext) -> None:
    """As a boot is: by its domain's state and its console, which is being read at any moment."""
    pools = Steps(PoolResource(provider))
    pool = pools.create({"name": LAB, "path": str(POOL)})
    connection, wait = provider.connection, Wait(1.0, threading.Event())
    spec = VolumeSpec(name="one.console.log", size_bytes=0, format="raw")
    log = connection.libvirt.storagePoolLookupByName(LAB).createXML(volume_xml(spec), 0)
    printed = "x" * 4 * MIB
    Path(log.path()).write_text(printed)
    domain = connection.libvirt.defineXML(DOMAIN)
    watched, console = SteadyDomain(connection, domain, wait), Console(connection, log.path(), wait)
    with ThreadPoolExecutor(1) as other:
        for _ in range(3):
            restart, over = other.submit(restart_libvirtd), False
            while not over:
                over = restart.done()  # one more look then
                assert len(console.text()) == len(printed)
                assert watched.isActive() == 0
            restart.result()
    connection.libvirt.lookupByName(f"{LAB}-watched").undefine()
    remove_volume(connection, str(POOL / "one.console.log"))  # nobody has made it, so it would keep the pool
    pools.delete(pool)


@pytest.fixture
def small_disk() -> Iterator[Path]:
    POOL.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4M", "small", POOL], check=True)
    yield POOL
    subprocess.run(["umount", POOL], check=True)
    POOL.rmdir()


def big_image(directory: Path) -> Path:
    directory.mkdir()
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", directory / "disk.qcow2", "16M"], check=True)
    with (directory / "disk.qcow2").open("r+b") as disk:
        disk.truncate(8 * MIB)
    for name in ("vmlinuz", "initrd"):
        (directory / name).write_bytes(b"x" * 1000)
    info = {"recipe_hash": "ab" * 32, "cmdline": "x", "cmdline_emulated": "", "virtual_size_bytes": 16 * MIB}
    (directory / "image.json").write_text(json.dumps(info))
    return directory


def test_a_full_disk_is_an_error_that_says_so_and_the_next_run_goes_on(
    provider: HypervisorContext, small_disk: Path, tmp_path: Path
) -> None:
    pools, images = Steps(PoolResource(provider)), Steps(ImageResource(provider))
    pool = pools.create({"name": LAB, "path": str(small_disk)})
    config = {"name": "base", "pool": LAB, "source": str(big_image(tmp_path / "image"))}
    planned, full, _ctx = images.plan(config)
    ctx = Ctx()
    with pytest.raises(HalabError) as caught:
        images.resource.create(ctx, copy.deepcopy(planned), full)
    print(caught.value.summary, caught.value.detail)
    assert "space" in caught.value.detail.lower()
    assert ctx.saved is not None  # Terraform knows of it

    subprocess.run(["mount", "-o", "remount,size=64M", small_disk], check=True)
    state = images.create(config)
    assert len(list(small_disk.iterdir())) == 4
    assert Path(state["disk"]).stat().st_size == 8 * MIB
    images.delete(state)
    pools.delete(pool)
    assert list(small_disk.iterdir()) == []
