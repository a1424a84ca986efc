"""One cluster of two nodes for each module: its tests leave nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from halab.provisioners.engine.item import converge
from halab.provisioners.pacemaker.stonith import Stonith, StonithItem
from tests.pacemaker.cluster import RealCluster, needs, unpacked


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    needs()
    packages = unpacked(Path(__file__).parents[2] / ".cache/pacemaker")
    made = RealCluster(packages, tmp_path_factory.mktemp("pen"))
    try:
        made.start()
        keeper = Stonith(cluster="pen", name="keeper", agent="fence_pen", node="node2")
        assert converge(made.host("node1"), StonithItem(), None, keeper) == keeper, "else nothing is started"
        yield made
    finally:
        made.stop()
