"""Exercises that live in the CIB, on a real Pacemaker with the lab's own resources in name: broken, and repaired."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from xml.etree import ElementTree

import pytest

from halab.cli.drill.declaration import ACTIVE, IDLE, NODES
from halab.cli.exercise.asking import Answer, Examiner
from halab.cli.exercise.catalogue import EXERCISES
from halab.cli.exercise.declaration import Configured, Exercise
from halab.cli.look.report import Report
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import converge
from halab.provisioners.pacemaker.constraints import ColocatedWith, NodePreference, StartsAfter
from halab.provisioners.pacemaker.items import Clone, CloneItem, Group, GroupItem
from halab.provisioners.pacemaker.primitives import Member, Operation
from halab.provisioners.pacemaker.settings import ClusterProperty, ClusterPropertyItem
from halab.provisioners.pacemaker.stonith import Stonith, StonithItem
from tests.pacemaker.cluster import THREE, RealCluster, running, until
from tests.pacemaker.system import System

pytestmark = pytest.mark.long

_IN_THE_CIB = (
    *("forgotten-standby", "stale-preference", "nowhere-to-go", "fencing-off", "remembered-failures"),
    *("reversed-colocation", "quorum-policy", "missing-order", "wrong-machine"),
)
_OWN, _OTHERS = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
_LOCKING, _FS, _SITE = "pen-locking-clone", "pen-gfs0-clone", "pen-site"


def _dummy(name: str) -> Member:
    monitor = Operation(name="monitor", interval="10s", timeout="20s")
    return Member(name=name, agent="ocf:pacemaker:Dummy", operations=(monitor,))


@pytest.fixture(scope="module")
def lab(debian: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """Three nodes, and what a lab has in its CIB, under its names; Dummies do the work."""
    with running(debian, tmp_path_factory.mktemp("pen"), THREE) as made:
        _furnish(made.host("node1"), made.names)
        yield made


def _furnish(host: Host, names: tuple[str, ...]) -> None:
    for name, value in (("no-quorum-policy", "freeze"), ("stonith-enabled", "true")):
        converge(host, ClusterPropertyItem(), None, ClusterProperty(cluster="pen", name=name, value=value))
    for name in names:
        device = Stonith(
            cluster="pen",
            name=f"fence-{name}",
            agent="fence_pen",
            node=name,
            params={"systems_uri": f"/redfish/v1/Systems/{_OWN}"},
            locations=(NodePreference(node=name, score="-INFINITY"),),
        )
        converge(host, StonithItem(), None, device)
    locking = Clone(
        cluster="pen", name=_LOCKING, group_name="pen-locking", meta={"interleave": "true"},
        primitives=(_dummy("pen-dlm"), _dummy("pen-lvmlockd")),
    )  # fmt: skip
    mount = replace(
        locking, name=_FS, group_name="pen-shared-fs", primitives=(_dummy("pen-lv-web"), _dummy("pen-gfs0")),
        after=(StartsAfter(resource=_LOCKING),), colocations=(ColocatedWith(with_resource=_LOCKING),),
    )  # fmt: skip
    site = Group(
        cluster="pen", name=_SITE, primitives=(_dummy("pen-ip"), _dummy("pen-apache")),
        meta={"resource-stickiness": "1"},
        after=(StartsAfter(resource=_FS),), colocations=(ColocatedWith(with_resource=_FS),),
    )  # fmt: skip
    for clone in (locking, mount):
        converge(host, CloneItem(), None, clone)
    converge(host, GroupItem(), None, site)


@dataclass
class Nodes:
    """By role; `active` has the site now."""

    cluster: RealCluster
    active: str
    idle: str

    def of(self, role: str) -> list[str]:
        return {ACTIVE: [self.active], IDLE: [self.idle], NODES: list(self.cluster.names)}[role]

    def host(self, name: str) -> Host:
        return self.cluster.host(name)


def _examiner(cluster: RealCluster) -> Examiner:
    active = until("site", lambda: cluster.runs("pen-apache", seen_by="node1"))
    idle = [name for name in cluster.names if name != active][-1]
    cast = {
        "lab": "pen", "fs": "gfs0", "active": active, "idle": idle, "active_uuid": _OTHERS, "idle_uuid": _OWN,
        "idle_address": cluster.nodes[idle].address, "gateway": "10.99.1.254",
    }  # fmt: skip
    return Examiner(Nodes(cluster, active, idle), cast, _nobody, lambda _drill: "")


def _nobody() -> Report:
    raise AssertionError("the site is no part of this")


def _faults(cluster: RealCluster) -> list[str]:
    """What of all that should run does not: two clones of two on each node, the site's two, and the devices."""
    root = cluster.status("node1")
    assert root is not None
    started = [one.get("id", "") for one in root.iter("resource") if one.get("role") == "Started"]
    wanted = ["pen-dlm", "pen-lvmlockd", "pen-lv-web", "pen-gfs0"] * len(cluster.names)
    wanted += ["pen-ip", "pen-apache", *(f"fence-{name}" for name in cluster.names)]
    missing = [name for name in sorted(set(wanted)) if started.count(name) != wanted.count(name)]
    return missing + [one.get("name", "") for one in root.iterfind("nodes/node[@standby='true']")]


def _state(cluster: RealCluster, examiner: Examiner, exercise: Exercise) -> list[str]:
    """What is missing, by the cluster's state and by the exercise's own checks of the CIB."""
    only = replace(exercise, checks=tuple(one for one in exercise.checks if isinstance(one, Configured)))
    answers: list[Answer] = list(examiner.answers(only))
    return _faults(cluster) + [answer.missing for answer in answers if answer.missing]


@pytest.mark.parametrize("name", _IN_THE_CIB)
def test_it_is_broken_and_its_solution_repairs_it(lab: RealCluster, name: str) -> None:
    exercise = EXERCISES[name]
    until("rest", lambda: not _faults(lab))
    before = _configuration(lab)
    examiner = _examiner(lab)
    assert _state(lab, examiner, exercise) == [], "nothing is missing before"
    examiner.do(exercise.breaks)
    until("failure", lambda: examiner.holds(exercise.broken))
    assert _state(lab, examiner, exercise), "the check fails"
    examiner.do(exercise.solution)
    until("repair", lambda: not _state(lab, examiner, exercise))
    assert _configuration(lab) == before, "nothing of it is left"


def _configuration(cluster: RealCluster) -> list[tuple[str, ...]]:
    """Properties, attributes, resources, constraints; ids of constraints may be others."""
    root = ElementTree.fromstring(cluster.nodes["node1"].ask("cibadmin", "--query", "--scope", "configuration"))
    kinds = ("nvpair", "primitive", "group", "clone", "rsc_location", "rsc_colocation", "rsc_order")
    found = (e for e in root.iter() if e.tag in kinds and e.get("name") != "last-lrm-refresh")
    return sorted((e.tag, *sorted(v for k, v in e.attrib.items() if k != "id" or e.tag[:4] != "rsc_")) for e in found)
