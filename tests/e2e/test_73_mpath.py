"""A LUN by two paths: one is lost, a node is fenced by its keys, the target boots, a node comes and goes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from halab.provisioners.pacemaker.scsi_watch import UNIT
from tests.e2e.lab import Lab, deployed
from tests.e2e.planned import diff
from tests.e2e.reserved import (
    all_have_their_keys,
    comes_back,
    fires_by_hand,
    has_its_key,
    idle_and_active,
    lun_seen,
    may_write,
    settle,
    target_restarts,
    try_to_write,
    whole,
)

pytestmark = pytest.mark.long

_PATHS = {"HALAB_NAME": "paths", "HALAB_NETWORK_CIDR": "192.168.82.0/24", "HALAB_FENCING_METHOD": "mpath"}
_CUT = """nft add table inet cut
nft add chain inet cut out '{ type filter hook output priority -10; }'
nft add rule inet cut out %s drop
"""


@pytest.fixture(scope="module")
def paths(environment: dict[str, str]) -> Iterator[Lab]:
    with deployed({**environment, **_PATHS}) as lab:
        yield lab


@pytest.fixture(autouse=True)
def quiet(paths: Lab) -> None:
    settle(paths)


def _ready(lab: Lab, node: str) -> int:
    """How many paths a node has."""
    name = lab.ask(node, "sh", "-euc", "cat /sys/block/dm-*/dm/uuid | grep '^mpath-'").strip().removeprefix("mpath-")
    said = json.loads(lab.ask(node, "multipathd", "show", "map", name, "json"))
    return [path["chk_st"] for group in said["map"]["path_groups"] for path in group["paths"]].count("ready")


def test_all_that_is_on_the_lun_stands_on_both_paths(paths: Lab) -> None:
    all_have_their_keys(paths)
    for node in paths.nodes:
        assert lun_seen(paths, node).paths == _ready(paths, node) == 2
        assert may_write(paths, node)
    assert diff(paths).actions == {}


def test_a_path_is_lost_and_nobody_notices(paths: Lab) -> None:
    """Its key is there when it comes back, also after the target has lost the session."""
    _, active = idle_and_active(paths)
    boots = {node: paths.boot_id(node) for node in paths.nodes}
    paths.ask(active, "sh", "-euc", _CUT % "tcp dport 3261")
    paths.until("a path less", lambda: _ready(paths, active) == 1, deadline_s=120)
    assert may_write(paths, active)
    assert paths.served_by() == active
    seen = diff(paths)
    assert f"halab_multipath.{active}_multipath" in seen.actions, seen.actions
    paths.ask(active, "nft", "delete", "table", "inet", "cut")
    paths.until("both paths", lambda: _ready(paths, active) == 2, deadline_s=300)
    assert may_write(paths, active)
    assert {node: paths.boot_id(node) for node in paths.nodes} == boots
    all_have_their_keys(paths)
    assert diff(paths).actions == {}


def test_a_fenced_node_writes_no_more_and_comes_back_with_its_keys(paths: Lab) -> None:
    victim, by = idle_and_active(paths)
    boot = paths.boot_id(victim)
    paths.ask(victim, "systemctl", "kill", "--signal=STOP", UNIT)
    paths.ask(victim, "sh", "-euc", _CUT % "udp dport 5405")
    paths.until("a node without its key", lambda: not has_its_key(paths, victim, by), deadline_s=300)
    assert paths.boot_id(victim) == boot, "it lives"
    assert try_to_write(paths, victim).rc != 0, "the fenced node's write"
    assert may_write(paths, by)
    paths.ask(victim, "systemctl", "kill", "--signal=CONT", UNIT)
    paths.until("a reset", lambda: paths.boot_id(victim) != boot, deadline_s=120)
    comes_back(paths, victim, boot, by)
    whole(paths)
    all_have_their_keys(paths)
    assert diff(paths).actions == {}


def test_the_target_restarts_and_knows_all_keys(paths: Lab) -> None:
    target_restarts(paths)
    for node in paths.nodes:
        paths.until(f"both paths on {node}", lambda node=node: _ready(paths, node) == 2)  # type: ignore[misc]
    all_have_their_keys(paths)
    assert diff(paths).actions == {}


def test_each_method_fires_by_hand(paths: Lab) -> None:
    fires_by_hand(paths, "mpath")


def test_a_node_comes_and_goes(paths: Lab, environment: dict[str, str]) -> None:
    count = len(paths.nodes)
    for nodes in (count + 1, count):
        lab = Lab({**environment, **_PATHS, "HALAB_NODE_COUNT": str(nodes)})
        lab.deploy()
        whole(lab)
        all_have_their_keys(lab)
        assert diff(lab).actions == {}
