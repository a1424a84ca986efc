"""What sizes a volume may have: no less than its base, and no less than before."""

from __future__ import annotations

import pytest

from halab.provider.hypervisor.storage.pool import PoolResource
from halab.provider.hypervisor.storage.volume import VolumeResource
from halab.provider.protocol import UNKNOWN, Ctx
from halab.provisioners.engine.errors import ConfigError
from tests.unit.provider.hypervisor.conftest import Configured
from tests.unit.provider.hypervisor.test_resources import POOL, create, planned


@pytest.fixture
def volumes(provider: Configured) -> VolumeResource:
    create(PoolResource(provider), POOL)
    return VolumeResource(provider)


def test_an_overlay_needs_a_known_base_that_fits(volumes: VolumeResource) -> None:
    base = create(volumes, {"name": "base", "pool": "summit", "size_bytes": 1 << 20})
    overlay = {"name": "o", "pool": "summit", "size_bytes": 1 << 19, "backing": base["path"]}
    with pytest.raises(ConfigError, match="It needs 1048576"):
        create(volumes, overlay)
    with pytest.raises(ConfigError, match="no pool knows the disk /nowhere"):
        create(volumes, {**overlay, "backing": "/nowhere"})
    assert create(volumes, {**overlay, "size_bytes": 1 << 20})["backing"] == base["path"]


def test_a_disk_does_not_shrink(volumes: VolumeResource) -> None:
    config = {"name": "a", "pool": "summit", "size_bytes": 1024}
    prior, ctx = create(volumes, config), Ctx()
    planned(volumes, {**config, "size_bytes": 512}, prior, ctx)
    assert [(d.summary, d.path) for d in ctx.diagnostics] == [("A disk cannot shrink", ("size_bytes",))]
    for another in ({"size_bytes": 512, "name": "b"}, {"name": "a"}, {"size_bytes": 2048}, {"size_bytes": UNKNOWN}):
        quiet = Ctx()
        planned(volumes, {**config, **another}, prior, quiet)
        assert not quiet.diagnostics, another
    volumes.plan(ctx := Ctx(), {}, prior, None)  # it goes
    assert not ctx.diagnostics
