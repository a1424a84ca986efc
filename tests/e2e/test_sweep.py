"""make sweep at a private libvirt: what bears the lab's mark goes, what does not stays. No machine boots."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import libvirt
import pytest

from halab.provider.hypervisor.mark import Mark, pool_uuids
from halab.provider.hypervisor.network.network_xml import NetworkSpec, network_xml
from halab.provider.hypervisor.storage.storage_xml import VolumeSpec, pool_xml, volume_xml
from tests.e2e.lab import CHECKOUT, HALAB, hypervisor

LAB = "swept"
STATE = CHECKOUT / ".halab" / LAB
POOL = Path("/var/lib/libvirt/halab-sweep-e2e")
DOMAIN = """<domain type='qemu'><name>{name}</name>{metadata}<memory unit='MiB'>64</memory>
<os><type arch='x86_64' machine='q35'>hvm</type></os><devices>{devices}</devices></domain>"""
MARKED = f"<metadata>{Mark(lab=LAB, hostname='node1').xml()}</metadata>".replace(
    "<lab ", "<halab:lab xmlns:halab='https://halab.invalid/xmlns/lab/1' "
)
DISK = f"<disk type='file'><driver type='qcow2'/><source file='{POOL}/node1.qcow2'/><target dev='vda'/></disk>"


@pytest.fixture
def connection() -> Iterator[libvirt.virConnect]:
    with hypervisor() as connection:
        yield connection


def sweep(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HALAB, "sweep", *arguments],
        cwd=CHECKOUT, env={**os.environ, "HALAB_NAME": LAB}, stdin=subprocess.DEVNULL,
        text=True, capture_output=True, timeout=120, check=False,
    )  # fmt: skip


def make(connection: libvirt.virConnect) -> None:
    """A lab whose state was lost: a running domain, a network that is up, a pool, a key; and what is not the lab's."""
    STATE.mkdir(mode=0o700, parents=True)
    (STATE / "id_ed25519").write_text("a key\n")
    for name, lab, bridge in ((LAB, LAB, "swept0"), ("other", "other", "other0")):
        cidr = "10.178.0.0/24" if name == LAB else "10.179.0.0/24"
        spec = NetworkSpec(name=name, cidr=cidr, mode="isolated", bridge=bridge)
        connection.networkDefineXML(network_xml(spec, Mark(lab=lab))).create()
    pool = connection.storagePoolDefineXML(pool_xml(LAB, str(POOL), pool_uuids(LAB, LAB)[0]))
    pool.build()
    pool.create()
    pool.createXML(volume_xml(VolumeSpec(name="node1.qcow2", size_bytes=1 << 20)))
    on_network = f"<interface type='network'><source network='{LAB}'/></interface>"
    mine = connection.defineXML(DOMAIN.format(name=f"{LAB}-node1", metadata=MARKED, devices=DISK + on_network))
    mine.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
    connection.defineXML(DOMAIN.format(name="foreign", metadata="", devices=""))


def test_what_a_lost_lab_left_goes_and_the_rest_stays(connection: libvirt.virConnect) -> None:
    make(connection)
    try:
        listed = sweep()
        print(listed.stdout, listed.stderr)
        assert listed.returncode == 1
        for named in (f"{LAB}-node1", "running", str(POOL), "id_ed25519", "Nothing was removed"):
            assert named in listed.stdout
        assert connection.lookupByName(f"{LAB}-node1").isActive()

        swept = sweep("--yes")
        assert swept.returncode == 0, swept.stderr
        assert [d.name() for d in connection.listAllDomains()] == ["foreign"]
        assert [n.name() for n in connection.listAllNetworks()] == ["other"]
        assert connection.listAllStoragePools() == []
        assert not POOL.exists()
        assert not Path("/sys/class/net/swept0").exists()
        assert not (STATE / "id_ed25519").exists()
        assert not STATE.exists()
        again = sweep()
        assert again.returncode == 0
        assert "Nothing bears the mark" in again.stdout
    finally:
        connection.lookupByName("foreign").undefine()
        other = connection.networkLookupByName("other")
        other.destroy()
        other.undefine()
