"""A real cluster of three, broken in each way that `halab status` knows: what its members see is judged."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from halab.cli.look.judgement import judge
from halab.provisioners.engine.item import converge
from halab.provisioners.pacemaker.constraints import NodePreference
from halab.provisioners.pacemaker.items import Primitive, PrimitiveItem
from halab.provisioners.pacemaker.primitives import Operation
from halab.provisioners.pacemaker.status import STATUS_COMMAND
from halab.provisioners.pacemaker.stonith import Stonith, StonithItem
from tests.pacemaker.cluster import RealCluster, running
from tests.pacemaker.system import SUITES, System
from tests.unit.cli.look.broken import ALL, WHOLE, Verdict, broken, snapshot, verdict

pytestmark = pytest.mark.long

_DUMMY = "ocf:pacemaker:Dummy"
_DEADLINE_S = 90.0
_CAPTURES = os.environ.get("HALAB_CAPTURES")
"""A folder for what was seen, by version: that is how tests/data/pacemaker/broken was filled."""


@contextmanager
def _cluster(debian: System, directory: Path) -> Iterator[RealCluster]:
    """With a fencing device for each node, and two resources on node1."""
    with running(debian, directory, ALL) as made:
        _furnish(made)
        yield made


@pytest.fixture(scope="module")
def three(debian: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """For all ways but one."""
    with _cluster(debian, tmp_path_factory.mktemp("pen")) as made:
        yield made


def _furnish(three: RealCluster) -> None:
    for name in ALL:
        device = Stonith(
            cluster="pen",
            name=f"fence-{name}",
            agent="fence_pen",
            node=name,
            operations=(_MONITOR,),
            locations=(NodePreference(node=name, score="-INFINITY"),),
        )
        assert converge(three.host("node1"), StonithItem(), None, device) == device
    _make(three, "site")
    _make(three, "stubborn", on_fail="block")


_MONITOR = Operation(name="monitor", interval="1s", timeout="20s")


def _make(three: RealCluster, name: str, on_fail: str | None = None, params: Mapping[str, str] | None = None) -> None:
    """A resource that would rather be on node1."""
    wanted = Primitive(
        cluster="pen",
        name=name,
        agent=_DUMMY,
        operations=(replace(_MONITOR, on_fail=on_fail),),
        params=params or {},
        locations=(NodePreference(node="node1", score="5"),),
    )
    assert converge(three.host("node1"), PrimitiveItem(), None, wanted) == wanted


def _unfenced(three: RealCluster) -> None:
    (three.directory / "power/.refuses").touch()
    three.power_off("node3")


def _hear_again(three: RealCluster) -> None:
    (three.directory / "power/.mute").unlink()
    _remedied(three)


def _being_fenced(three: RealCluster) -> None:
    three.hold_the_switch()
    (three.directory / "power/.refuses").unlink()
    _sh("setsid stonith_admin --reboot node3 > /dev/null 2>&1 &")(three)


def _remedied(three: RealCluster) -> None:
    """By the commands that its faults name as their remedies."""
    seen = three.nodes["node1"].run(STATUS_COMMAND, 30).stdout
    faults = judge(snapshot(dict.fromkeys(ALL, seen), ())).faults
    commands = {found for fault in faults for found in re.findall(r"`halab ssh (\S+) ([^`]+)`", fault.remedy)}
    assert commands, faults
    for node, command in sorted(commands):
        three.nodes[node].ask("sh", "-euc", command)


def _sh(text: str) -> Callable[[RealCluster], None]:
    """These lines, on node1."""

    def run(three: RealCluster) -> None:
        three.nodes["node1"].ask("sh", "-euc", text)

    return run


def _option(name: str, value: str) -> Way:
    return Way(_sh(f"crm_attribute --type crm_config --name {name} --update {value}"), _remedied)


def _meta(name: str, value: str) -> Way:
    change = "crm_resource --resource site --meta"
    return Way(
        _sh(f"{change} --set-parameter {name} --parameter-value {value}"), _sh(f"{change} --delete-parameter {name}")
    )


@dataclass(frozen=True)
class Way:
    """How it is broken, and how it is whole again."""

    breaks: Callable[[RealCluster], None]
    mends: Callable[[RealCluster], None] | None = None


_WITHOUT_PICKY = """
cibadmin --delete --xpath "//rsc_location[@rsc='picky']"
cibadmin --delete --xpath "//primitive[@id='picky']"
crm_resource --wait
crm_resource --cleanup
"""
# The last ones, in this order, are for good.
WAYS = {
    "standby": Way(_sh("crm_attribute --node node3 --name standby --update on"), _remedied),
    "node in maintenance": Way(_sh("crm_attribute --node node3 --name maintenance --update true"), _remedied),
    "maintenance": _option("maintenance-mode", "true"),
    "all stopped": _option("stop-all-resources", "true"),
    "no fencing": _option("stonith-enabled", "false"),
    "disabled": _meta("target-role", "Stopped"),
    "unmanaged": _meta("is-managed", "false"),
    "start failed": Way(lambda three: _make(three, "picky", params={"fail_start_on": "node1"}), _sh(_WITHOUT_PICKY)),
    "blocked": Way(_sh("rm /run/Dummy-stubborn.state"), _remedied),
    "fencing devices fail": Way(
        lambda three: (three.directory / "power/.mute").touch(),
        _hear_again,
    ),
    "fencing failed": Way(_unfenced),
    "being fenced": Way(_being_fenced),
}  # fmt: skip


def _said(three: RealCluster, off: tuple[str, ...], by: tuple[str, ...]) -> tuple[Verdict, dict[str, str]]:
    """What is said now, and what these members see; the others see what the first of them sees."""
    seen = {name: three.nodes[name].run(STATUS_COMMAND, 30).stdout for name in by}
    views = {name: seen.get(name, seen[by[0]]) for name in ALL if name not in off}
    return verdict(judge(snapshot(views, off)), off), seen


def _comes(three: RealCluster, wanted: Verdict, by: tuple[str, ...] = ("node1",)) -> dict[str, str]:
    """What these members see once this is said; AssertionError unless it comes to that."""
    deadline = time.monotonic() + _DEADLINE_S
    while True:
        said, seen = _said(three, wanted.off, by)
        if said == wanted:
            return seen
        if time.monotonic() > deadline:
            assert said == wanted
        time.sleep(0.2)


def _keep(system: System, name: str, views: Mapping[str, str]) -> None:
    for node, seen in views.items() if _CAPTURES else ():
        Path(str(_CAPTURES), system.pacemaker, f"{name.replace(' ', '-')}.{node}.xml").write_text(seen)


def test_nothing_is_said_of_a_whole_one(three: RealCluster) -> None:
    _keep(three.system, "whole", _comes(three, WHOLE))


@pytest.mark.parametrize("name", WAYS)
def test_what_is_said_of_it(three: RealCluster, name: str) -> None:
    way = WAYS[name]
    way.breaks(three)
    _keep(three.system, name, _comes(three, broken(three.system.pacemaker)[name]))
    if way.mends:
        way.mends(three)
        _comes(three, WHOLE)


def test_what_is_said_where_no_part_has_quorum(debian: System, tmp_path: Path) -> None:
    with _cluster(debian, tmp_path) as three:
        three.cut()
        _keep(debian, "no quorum", _comes(three, broken(debian.pacemaker)["no quorum"], by=ALL))
        assert three.fenced == []


@pytest.mark.parametrize("pacemaker", SUITES)
def test_each_verdict_is_tried_on_a_real_cluster(pacemaker: str) -> None:
    assert broken(pacemaker).keys() == {*WAYS, "no quorum"}
