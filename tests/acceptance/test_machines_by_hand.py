"""What a person does to a machine with libvirt's tools: it is left alone, named, and never taken for another one."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import libvirt
import pytest

from halab.provider.hypervisor.inventory import read_mark, write_mark
from halab.provider.hypervisor.mark import MARK_PREFIX, MARK_URI
from halab.provider.hypervisor.storage.storage_xml import VolumeSpec, volume_xml
from tests.acceptance.doubles import DoubledProvider, one_machine

if TYPE_CHECKING:
    from tests.acceptance.conftest import Terraform

Deployed = tuple["Terraform", DoubledProvider]


@pytest.fixture
def provider(lab: DoubledProvider) -> DoubledProvider:
    return lab


def test_a_machine_that_has_lost_its_mark_is_not_gone(deployed: Deployed) -> None:
    """Nor is what is in it, nor the cluster of which it is the only member. The remedy can be planned."""
    terraform, provider = deployed
    domain = provider.domain("node1")
    mark = read_mark(domain)
    assert mark is not None
    domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, None, MARK_PREFIX, MARK_URI, 3)  # live, and stored
    refused = terraform.fails("plan")
    assert "the domain 'summit-node1' has lost the mark of the lab 'summit'" in {e.summary for e in refused.errors}
    assert "-replace=ADDRESS" in refused.errors[0].detail
    planned = terraform.plan("-replace=halab_machine.node1").actions
    assert planned["halab_machine.node1"] == ["delete", "create"]
    assert ["create"] not in planned.values(), "nothing of the cluster is taken for gone"
    write_mark(domain, mark)
    assert terraform.plan().actions == {}


def redefined(domain: Any, connection: Any, edit: Callable[[ET.Element], None]) -> None:
    """What `virsh edit` does."""
    root = ET.fromstring(domain.XMLDesc(2))
    edit(root)
    connection.libvirt.defineXML(ET.tostring(root, encoding="unicode"))


def test_what_a_person_adds_to_a_machine_stays(terraform: Terraform, provider: DoubledProvider) -> None:
    terraform.write(one_machine(terraform.folder))
    terraform.apply()
    domain = provider.domain("one")
    added = (
        "<disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>",
        "<disk type='file' device='disk'><source file='/mine.qcow2'/><target dev='vdx' bus='virtio'/></disk>",
        "<interface type='network'><mac address='52:54:00:00:00:99'/><source network='default'/></interface>",
    )

    def add(root: ET.Element) -> None:
        for device in added:
            root.find("devices").append(ET.fromstring(device))  # type: ignore[union-attr]

    redefined(domain, provider.connection, add)
    assert terraform.plan().actions == {}
    terraform.write(one_machine(terraform.folder).replace("= 1024", "= 2048"))
    assert terraform.plan().actions == {"halab_machine.one": ["update"]}
    terraform.apply()
    root = ET.fromstring(domain.XMLDesc(2))
    assert root.findtext("memory") == str(2048 << 10)
    assert [t.get("dev") for t in root.iterfind("devices/disk/target")] == ["vda", "vdx", "sda"]
    assert [m.get("address") for m in root.iterfind("devices/interface/mac")][1:] == ["52:54:00:00:00:99"]
    assert terraform.plan().actions == {}


def test_a_snapshot_is_named_and_replaces_nothing(terraform: Terraform, provider: DoubledProvider) -> None:
    terraform.write(one_machine(terraform.folder))
    terraform.apply()
    domain = provider.domain("one")
    (disk,) = terraform.resource("halab_machine.one")["disks"]
    volume = provider.connection.volume(disk)
    assert volume is not None
    spec = VolumeSpec(name="one.snap", size_bytes=volume.info()[1], backing=disk)
    snapshot = volume.storagePoolLookupByVolume().createXML(volume_xml(spec)).path()

    def stand(file: str) -> Callable[[ET.Element], None]:
        return lambda root: root.find("devices/disk/source").set("file", file)  # type: ignore[union-attr]

    redefined(domain, provider.connection, stand(snapshot))
    plan = terraform.plan()
    assert plan.actions == {}
    (told,) = plan.outcome.reported
    assert (told.summary, snapshot in told.detail) == ("The machine 'small-one' runs from external snapshots", True)
    terraform.write(one_machine(terraform.folder).replace("= 1024", "= 2048"))
    (error,) = terraform.fails("apply").errors
    assert error.summary == "the machine 'small-one' runs from external snapshots"
    assert "virsh blockcommit small-one" in error.detail
    assert domain.isActive()
    redefined(domain, provider.connection, stand(disk))
    terraform.apply()
    assert terraform.plan().actions == {}
