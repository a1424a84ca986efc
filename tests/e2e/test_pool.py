"""Whose directory a pool gets, with real directories: what was there before is neither used up nor removed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from halab.provider.hypervisor.context import HypervisorContext
from halab.provider.hypervisor.storage.pool import PoolResource
from halab.provider.hypervisor.storage.volume import VolumeResource
from halab.provisioners.engine.errors import Conflict
from tests.e2e.resource_steps import Configured, Steps

LAB = "pool-e2e"


@pytest.fixture
def provider(tmp_path: Path) -> HypervisorContext:
    (folder := tmp_path / "lab").mkdir()
    return Configured(LAB, folder)


@pytest.fixture
def steps(provider: HypervisorContext) -> Iterator[Steps]:
    yield Steps(PoolResource(provider))
    assert provider.connection.pool(LAB) is None


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    return {"name": LAB, "path": str(tmp_path / "pool")}


@pytest.mark.parametrize("inside", ["holiday.jpg", "a-folder"])
def test_a_directory_with_something_in_it_is_refused(steps: Steps, config: dict[str, Any], inside: str) -> None:
    path = Path(config["path"])
    path.mkdir()
    (path / inside).touch() if "." in inside else (path / inside).mkdir()
    with pytest.raises(Conflict, match="is not empty") as refused:
        steps.create(config)
    assert f"It holds {inside}." in refused.value.detail
    assert [file.name for file in path.iterdir()] == [inside]


@pytest.mark.parametrize("there", [True, False])
def test_a_directory_goes_with_the_pool_that_made_it(steps: Steps, config: dict[str, Any], there: bool) -> None:
    path = Path(config["path"])
    if there:
        path.mkdir()
    state = steps.create(config)
    assert path.is_dir()
    assert steps.create(config) == state  # adopted
    steps.delete(state)
    assert path.exists() == there


def test_a_directory_that_went_is_made_again(steps: Steps, provider: HypervisorContext, config: dict[str, Any]) -> None:
    path = Path(config["path"])
    state = steps.create(config)
    pool = provider.connection.libvirt.storagePoolLookupByName(LAB)
    pool.destroy()
    path.rmdir()
    seen = steps.read(state)
    assert seen == {**state, "active": False}
    assert steps.update(seen, active=True) == state
    assert path.is_dir()
    steps.delete(state)
    assert not path.exists()


def test_a_pool_that_shall_not_be_started_is_not(
    steps: Steps, provider: HypervisorContext, config: dict[str, Any]
) -> None:
    state = steps.create({**config, "active": False})
    pool = provider.connection.libvirt.storagePoolLookupByName(LAB)
    assert (bool(pool.isActive()), steps.read(state)) == (False, state)
    started = steps.update(state, active=True)
    assert pool.isActive()
    assert not steps.update(started, active=False)["active"]
    assert not pool.isActive()
    steps.delete(state)


def test_a_disk_that_no_machine_uses_grows_and_is_gone_with_its_file(
    steps: Steps, provider: HypervisorContext, config: dict[str, Any]
) -> None:
    pool = steps.create(config)
    disks = Steps(VolumeResource(provider))
    state = disks.create({"name": "disk", "pool": LAB, "size_bytes": 1 << 20})
    grown = disks.update(state, size_bytes=1 << 21)
    volume = provider.connection.libvirt.storageVolLookupByPath(state["path"])
    assert volume.info()[1] == grown["size_bytes"] == 1 << 21
    Path(state["path"]).unlink()
    assert disks.read(grown) is None
    disks.delete(grown)
    steps.delete(pool)
