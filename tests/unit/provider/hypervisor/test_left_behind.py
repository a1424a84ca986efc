"""What a create of a machine, a network or a volume takes for its own of what is there by that name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from halab.provider.hypervisor.connection import Connection
from halab.provider.hypervisor.inventory import write_mark
from halab.provider.hypervisor.machine.machine import MachineResource
from halab.provider.hypervisor.mark import Mark
from halab.provider.hypervisor.network import network
from halab.provider.hypervisor.network.network import NetworkResource
from halab.provider.hypervisor.network.network_xml import NetworkSpec, network_xml
from halab.provider.hypervisor.storage.storage_xml import VolumeSpec
from halab.provider.hypervisor.storage.volume import _refuse_other
from halab.provisioners.engine.errors import Conflict
from tests.unit.provider.hypervisor.conftest import Configured

MAC = "52:54:00:aa:00:01"
XML = f"""<domain type='test'><name>summit-node1</name><memory>65536</memory><os><type>hvm</type></os><devices>
<disk type='file'><source file='/pool/d'/><target dev='vda'/></disk>
<interface type='network'><mac address='{MAC}'/><source network='net'/></interface></devices></domain>"""
OURS = Mark(lab="summit", hostname="node1")
WANTED = {"hostname": "node1", "mac": MAC.upper(), "disks": ["/pool/d"]}


def left(connection: Connection, mark: Mark | None) -> Any:
    domain = connection.libvirt.defineXML(XML)
    if mark is not None:
        write_mark(domain, mark)
    return domain


def test_a_machine_that_a_killed_run_has_defined_is_taken_over(provider: Configured) -> None:
    found = MachineResource(provider)._left_behind(left(provider.connection, OURS), WANTED)
    assert (found.name, found.mark) == ("summit-node1", OURS)


@pytest.mark.parametrize(
    ("mark", "wanted", "why"),
    [
        (None, {}, "not made by halab"),
        (replace(OURS, lab="other"), {}, "other"),
        (OURS, {"hostname": "node2"}, "with another host name, MAC address or disks"),
        (replace(OURS, hostname="node2"), {}, "with another host name, MAC address or disks"),
        (OURS, {"mac": "52:54:00:aa:00:02"}, "with another host name, MAC address or disks"),
        (OURS, {"disks": ["/pool/other"]}, "with another host name, MAC address or disks"),
        (OURS, {"disks": ["/pool/d", "/pool/more"]}, "with another host name, MAC address or disks"),
    ],
)
def test_another_machine_by_that_name_is_not(
    provider: Configured, mark: Mark | None, wanted: dict[str, Any], why: str
) -> None:
    domain = left(provider.connection, mark)
    with pytest.raises(Conflict, match=why):
        MachineResource(provider)._left_behind(domain, {**WANTED, **wanted})


@pytest.mark.parametrize("mark", [None, replace(OURS, lab="other")])
def test_only_the_labs_own_machine_is_imported(provider: Configured, mark: Mark | None) -> None:
    left(provider.connection, mark)
    with pytest.raises(Conflict, match="'summit-node1' exists already"):
        MachineResource(provider).adopt("summit-node1")


NETWORK = NetworkSpec(name="net", cidr="10.17.0.0/24", mode="nat", domain="summit.test", bridge="virbr7")


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({}, None),
        ({"bridge": ""}, None),  # libvirt chose it
        ({"cidr": "10.18.0.0/24"}, "cidr"),
        ({"mode": "isolated"}, "mode"),
        ({"domain": "other.test"}, "domain"),
        ({"bridge": "virbr8"}, "bridge"),
    ],
)
def test_a_network_is_taken_over_only_where_nothing_differs_that_cannot_be_changed(
    provider: Configured, monkeypatch: pytest.MonkeyPatch, wanted: dict[str, str], field: str | None
) -> None:
    """The test driver keeps no metadata of networks."""
    found = provider.connection.libvirt.networkDefineXML(network_xml(NETWORK, Mark(lab="summit")))
    monkeypatch.setattr(network, "parse_network", lambda _: (NETWORK, Mark(lab="summit")))
    resource = NetworkResource(provider)
    if field is None:
        assert resource._compatible(found, replace(NETWORK, **wanted)) == NETWORK  # type: ignore[arg-type]
        return
    with pytest.raises(Conflict, match=f"with another {field}") as refused:
        resource._compatible(found, replace(NETWORK, **wanted))  # type: ignore[arg-type]
    assert refused.value.attribute == field


VOLUME = VolumeSpec(name="d", size_bytes=512, backing="/pool/base", format="qcow2", path="/pool/d")


@pytest.mark.parametrize(
    ("now", "field", "attribute"),
    [
        ({"size_bytes": 1024}, "size_bytes", "size_bytes"),
        ({"backing": ""}, "backing", "backing"),
        ({"backing": "/pool/other"}, "backing", "backing"),
        ({"format": "raw"}, "format", None),
    ],
)
def test_a_disk_that_differs_may_hold_somebodys_data(now: dict[str, Any], field: str, attribute: str | None) -> None:
    _refuse_other(VOLUME, VOLUME)
    with pytest.raises(Conflict, match=f"with another {field} already") as refused:
        _refuse_other(replace(VOLUME, **now), VOLUME)
    assert refused.value.attribute == attribute
