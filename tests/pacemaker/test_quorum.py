"""Corosync's own answer on quorum, and what becomes of it when the majority is gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from halab.provisioners.corosync.quorate import quorate
from halab.provisioners.engine.command import cmd
from tests.pacemaker.cluster import THREE, RealCluster, running, until
from tests.pacemaker.system import System

pytestmark = pytest.mark.long


@pytest.fixture
def three(debian: System, tmp_path: Path) -> Iterator[RealCluster]:
    """Its nodes do not live long."""
    with running(debian, tmp_path, THREE) as made:
        yield made


def test_who_is_left_has_no_quorum_and_says_so_at_once(three: RealCluster) -> None:
    host = three.host("node1")
    assert quorate(host) is True
    for name in ("node2", "node3"):
        three.power_off(name)
    until("loss of quorum", lambda: quorate(host) is False)
    assert host.attempt(cmd("cibadmin", "--query")).rc == 0, "the CIB answers all the same"
    host.ask(cmd("corosync-cfgtool", "--force", "-H"))
    until("end of Corosync", lambda: quorate(host) is None)
