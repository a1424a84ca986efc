"""Pools and volumes as XML and back, and what an image says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from halab.provider.hypervisor.storage.image import ImageInfo
from halab.provider.hypervisor.storage.storage_xml import VolumeSpec, parse_volume, pool_path, pool_xml, volume_xml
from halab.provisioners.engine.errors import UnexpectedOutput

DATA = Path(__file__).parents[4] / "data" / "hypervisor"
VOLUMES = {
    "volume-overlay": VolumeSpec(name="node1.qcow2", size_bytes=6 << 30, backing="/pool/base.disk"),
    "volume-blank": VolumeSpec(name="lun.qcow2", size_bytes=1 << 30),
    "volume-raw": VolumeSpec(name="console.log", size_bytes=0, format="raw"),
}


@pytest.mark.parametrize("name", VOLUMES)
def test_golden(name: str) -> None:
    assert volume_xml(VOLUMES[name]) + "\n" == (DATA / f"{name}.xml").read_text()


@pytest.mark.parametrize("name", VOLUMES)
def test_round_trip(name: str) -> None:
    assert parse_volume(volume_xml(VOLUMES[name])) == VOLUMES[name]


def test_as_libvirt_shows_it() -> None:
    assert parse_volume((DATA / "volume-libvirt.xml").read_text()) == VolumeSpec(
        name="node1.qcow2",
        size_bytes=6442450944,
        backing="/var/lib/libvirt/halab-hypervisor-e2e/base-b0ca1177f192.disk",
        path="/var/lib/libvirt/halab-hypervisor-e2e/node1.qcow2",
    )


def test_pool_golden() -> None:
    xml = pool_xml("summit", "/var/lib/libvirt/halab-summit", "25e51d9d-e321-5ef7-9f6e-2358c5eccf28")
    assert xml + "\n" == (DATA / "pool.xml").read_text()
    assert pool_path(xml) == "/var/lib/libvirt/halab-summit"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"recipe_hash": "a", "cmdline": "", "cmdline_emulated": ""}'])
def test_what_is_no_image_is_named(text: str) -> None:
    with pytest.raises(UnexpectedOutput, match=r"/x/image\.json does not describe an image"):
        ImageInfo.parse(text, "/x/image.json")
