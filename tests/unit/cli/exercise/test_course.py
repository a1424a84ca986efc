"""What needs no machine of an exercise's course: hints, the solution, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from halab.cli.checkpoint.kept import Kept, Shelf
from halab.cli.exercise.catalogue import named
from halab.cli.exercise.course import Course
from halab.cli.exercise.kept import UnderWay, keep, under_way
from halab.cli.look.judgement import judge
from halab.cli.look.snapshot import Site as ServedSite
from halab.constructs.fencing_settings import Fencing
from halab.constructs.settings import Settings, Site
from halab.provisioners.engine.errors import ConfigError, HalabError
from tests.unit.cli.exercise.test_exercises import NAMES
from tests.unit.cli.look.samples import lab


@pytest.fixture
def told() -> list[str]:
    return []


def _course(tmp_path: Path, told: list[str], settings: Settings | None = None, nodes: int = 2) -> Course:
    folder = tmp_path / ".halab/summit"
    folder.mkdir(parents=True)
    machines = [
        {"attributes": {"id": f"u{n}", "hostname": f"node{n}", "address": f"10.0.0.{n}", "cluster": "summit"}}
        for n in range(1, nodes + 1)
    ]
    resource = {"type": "halab_machine", "mode": "managed", "instances": machines}
    state = folder / "terraform.tfstate"
    state.write_text(json.dumps({"version": 4, "resources": [resource], "outputs": {}}))
    place: Any = SimpleNamespace(state=state, lab="summit", uri="test:///default")
    return Course(place, settings or Settings(), told.append, 1.0)


def test_hints_come_one_by_one_and_are_counted(tmp_path: Path, told: list[str]) -> None:
    course = _course(tmp_path, told)
    keep(course.folder.exercise, UnderWay("closed-port", NAMES, "2026-11-27T23:00:00Z"))
    for _ in named("closed-port").hints:
        course.hint()
    assert len(set(told)) == len(told) == 2
    assert "node3" in told[0]
    assert under_way(course.folder.exercise).hints == 2
    with pytest.raises(ConfigError, match="exercise solution"):
        course.hint()


def test_the_solution_names_the_machines_and_is_remembered(tmp_path: Path, told: list[str]) -> None:
    course = _course(tmp_path, told)
    keep(course.folder.exercise, UnderWay("no-password", NAMES, "2026-11-27T23:00:00Z"))
    course.solution()
    assert told[:2] == ["# on each node", "chmod 0700 /etc/halab/fencing-password"]
    assert told[2] == "# on node1"
    assert under_way(course.folder.exercise).solved


def test_one_exercise_at_a_time(tmp_path: Path, told: list[str]) -> None:
    course = _course(tmp_path, told)
    keep(course.folder.exercise, UnderWay("no-password", NAMES, "2026-11-27T23:00:00Z"))
    with pytest.raises(ConfigError, match="halab exercise reset"):
        course.start("closed-port")


def test_nothing_is_reset_that_was_not_begun(tmp_path: Path, told: list[str]) -> None:
    course = _course(tmp_path, told)
    for act in (course.hint, course.solution, course.reset, lambda: course.check(False)):
        with pytest.raises(ConfigError, match="No exercise is under way"):
            act()


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("missing-order", Settings(site=Site(storage="local")), "site.storage"),
        ("wrong-machine", Settings(fencing=Fencing(method="wti")), "Redfish"),
        ("closed-port", Settings(firewall="disabled"), "firewall"),
    ],
)
def test_what_a_lab_does_not_have_is_told_before(
    name: str, settings: Settings, said: str, tmp_path: Path, told: list[str]
) -> None:
    with pytest.raises(ConfigError, match=said):
        _course(tmp_path, told, settings).start(name)


def test_one_node_is_no_cluster_to_repair(tmp_path: Path, told: list[str]) -> None:
    with pytest.raises(ConfigError, match="two nodes"):
        _course(tmp_path, told, nodes=1).start("forgotten-standby")


def test_without_its_checkpoint_an_exercise_ends_and_the_lab_stays(tmp_path: Path, told: list[str]) -> None:
    course = _course(tmp_path, told)
    keep(course.folder.exercise, UnderWay("no-password", NAMES, "2026-11-27T23:00:00Z"))
    with pytest.raises(ConfigError, match="the lab stays as it is") as raised:
        course.reset()
    assert "halab diff" in str(raised.value)
    assert "halab deploy" in str(raised.value)
    with pytest.raises(ConfigError, match="No exercise is under way"):
        course.reset()


class Shelved:
    """Checkpoints, as far as it matters that there are some."""

    def __init__(self, done: list[str]) -> None:
        self.done = done

    def save(self, name: str) -> None:
        self.done.append(f"save {name}")

    def restore(self, name: str) -> None:
        self.done.append(f"restore {name}")

    def remove(self, name: str) -> None:
        self.done.append(f"remove {name}")


def test_nothing_is_saved_while_nobody_knows_whom_it_is_about(
    tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    course, done = _course(tmp_path, told), list[str]()
    nobody = HalabError("Nobody serves the site now", "See halab status.")
    report = judge(lab(site=ServedSite("http://192.168.77.50/", "node2", "")))
    monkeypatch.setattr(Course, "_look", lambda _self: report)
    monkeypatch.setattr(Course, "_checkpoints", lambda _self: Shelved(done))
    monkeypatch.setattr(Course, "_cast", Mock(side_effect=nobody))
    with pytest.raises(HalabError, match="Nobody serves"):
        course.start("forgotten-standby")
    assert (done, course.folder.exercise.exists()) == ([], False)


def test_with_its_checkpoint_the_lab_is_brought_back(
    tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    course, done = _course(tmp_path, told), list[str]()
    keep(course.folder.exercise, UnderWay("no-password", NAMES, "2026-11-27T23:00:00Z"))
    Shelf(course.folder).put(Kept("exercise", "halab-exercise", "2026-11-27T23:00:00Z", ()), {})
    monkeypatch.setattr(Course, "_checkpoints", lambda _self: Shelved(done))
    course.reset()
    assert (done, course.folder.exercise.exists()) == (["restore exercise", "remove exercise"], False)
