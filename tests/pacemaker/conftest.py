"""One cluster of two nodes for each module and each Pacemaker: its tests leave nothing behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from halab.provisioners.engine.item import converge
from halab.provisioners.pacemaker.stonith import Stonith, StonithItem
from tests.pacemaker.cluster import RealCluster, running
from tests.pacemaker.system import SUITES, System, system


@pytest.fixture(scope="module", params=SUITES)
def debian(request: pytest.FixtureRequest) -> System:
    """What the nodes run: each test runs on Pacemaker 2.1 and on 3.0."""
    return system(request.param)


@pytest.fixture(scope="module")
def cluster(debian: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    with running(debian, tmp_path_factory.mktemp("pen")) as made:
        keeper = Stonith(cluster="pen", name="keeper", agent="fence_pen", node="node2")
        assert converge(made.host("node1"), StonithItem(), None, keeper) == keeper, "else nothing is started"
        yield made
