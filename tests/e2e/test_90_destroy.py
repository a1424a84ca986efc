"""The lab goes, also when guests hang, and leaves nothing behind."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.e2e.lab import CHECKOUT, Lab, hypervisor, left_of_it


def test_destroy_with_a_hung_guest_leaves_nothing(lab: Lab) -> None:
    with hypervisor() as connection:
        connection.lookupByName(f"{lab.settings.name}-{lab.nodes[-1]}").suspend()
        foreign = connection.networkDefineXML(
            "<network><name>foreign</name><bridge name='foreign0'/>"
            "<ip address='192.168.99.1' netmask='255.255.255.0'/></network>"
        )
        lab.destroy()
        assert connection.listAllDomains() == []
        assert [n.name() for n in connection.listAllNetworks()] == ["foreign"]
        assert connection.listAllStoragePools() == []
        foreign.undefine()
    assert left_of_it() == []
    assert list(Path("/var/lib/libvirt/images").iterdir()) == []
    processes = subprocess.run(["ps", "-eo", "args"], text=True, capture_output=True, check=True).stdout
    left = [line for line in processes.splitlines() if "qemu-system" in line or "dnsmasq" in line or "power_s" in line]
    assert left == []
    assert not list(CHECKOUT.glob("*.lock.info"))
