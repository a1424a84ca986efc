"""The exercises as values; how they are asked, counted, kept."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from halab.cli.drill.catalogue import DRILLS
from halab.cli.drill.declaration import ACTIVE, IDLE, NODES
from halab.cli.drill.needs import NEEDS
from halab.cli.exercise.app import app
from halab.cli.exercise.asking import Answer, Examiner, points
from halab.cli.exercise.catalogue import EXERCISES, SUBJECTS, named
from halab.cli.exercise.declaration import CAST, ROLES, Configured, Exercise, OnNodes, Step, Survives, filled
from halab.cli.exercise.kept import UnderWay, keep, under_way
from halab.cli.look.judgement import judge
from halab.cli.look.report import Report
from halab.cli.look.snapshot import Site
from halab.provisioners.engine.command import Command, Result
from halab.provisioners.engine.errors import ConfigError, ConnectError
from halab.provisioners.engine.host import Host
from tests.unit.cli.look.samples import lab

ALL = [pytest.param(one, id=one.name) for one in EXERCISES.values()]
NAMES = {
    **dict.fromkeys(CAST, "x"),
    **{"lab": "summit", "fs": "gfs0", "active": "node1", "idle": "node3", "idle_uuid": "u3", "active_uuid": "u1"},
}


def _steps(one: Exercise) -> Iterator[Step]:
    yield from (*one.breaks, one.broken, *one.solution)
    yield from (Step(check.role, check.script) for check in one.checks if isinstance(check, OnNodes))


def test_there_are_enough_and_names_are_given_once() -> None:
    assert sum(len(subject.EXERCISES) for subject in SUBJECTS) == len(EXERCISES) >= 12
    levels = [one.level for one in EXERCISES.values()]
    assert levels == sorted(levels)
    assert set(levels) == {1, 2, 3}


@pytest.mark.parametrize("one", ALL)
def test_an_exercise_is_whole(one: Exercise) -> None:
    assert one.needs <= NEEDS.keys()
    assert len(one.hints) >= 2
    assert sum(check.points for check in one.checks) == 100
    drills = [check.drill for check in one.checks if isinstance(check, Survives)]
    assert len(drills) == 1
    assert set(drills) <= DRILLS.keys()
    assert isinstance(one.checks[-1], Survives), "the lab is broken once more only when nothing else is missing"


@pytest.mark.parametrize("one", ALL)
def test_its_scripts_are_shell_and_name_what_there_is(one: Exercise) -> None:
    for step in _steps(one):
        assert step.role in ROLES
        text = filled(step.script, NAMES)
        checked = subprocess.run(["sh", "-n", "-c", text], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
        assert not re.search(r"(?<!\$)\{[a-z_]+\}", text), text
    for said in (one.symptom, *one.hints):
        assert not re.search(r"\{[a-z_]+\}", filled(said, NAMES)), said


@pytest.mark.parametrize("one", ALL)
def test_the_symptom_tells_no_cause(one: Exercise) -> None:
    telling = ("cli-", "constraint", "stonith", "systems_uri", "maintenance", "colocation", "fail count", "lvmlocal")
    assert not [word for word in telling if word in one.symptom.lower().replace("constraints were tidied", "")]
    assert not [step.script for step in one.solution if filled(step.script, NAMES) in one.symptom]


# --- asking ---

STANDBY = "<cib><configuration><nodes><node uname='node3'><instance_attributes><nvpair name='standby' value='{}'/>"
STANDBY += "</instance_attributes></node></nodes></configuration></cib>"


class Nodes:
    """A lab of two nodes whose scripts answer by `says`."""

    name = "node"

    def __init__(self, cib: str, says: int = 0) -> None:
        self.cib, self.says = cib, says
        self.asked: list[str] = []
        self.mute: set[str] = set()

    def of(self, role: str) -> list[str]:
        return {ACTIVE: ["node1"], IDLE: ["node3"], NODES: ["node1", "node3"]}[role]

    def host(self, name: str) -> Host:
        if name in self.mute:
            raise ConnectError(f"{name} does not answer")
        return Host(self)

    def run(self, command: Command, timeout_s: float) -> Result:
        self.asked.append(command.argv[-1])
        return Result(command, 0 if command.argv[0] == "cibadmin" else self.says, self.cib, "")

    def put(self, path: str, content: bytes, mode: int, owner: str) -> None:
        raise AssertionError(path)


def _report(*faults: str) -> Report:
    return judge(lab(site=Site("http://192.168.77.50/", "" if faults else "node2", "; ".join(faults))))


def _answers(nodes: Nodes, drilled: list[str], report: Report, drills: bool = True, name: str = "") -> list[Answer]:
    def drill(which: str) -> str:
        drilled.append(which)
        return ""

    examiner = Examiner(nodes, NAMES, lambda: report, drill)
    return list(examiner.answers(named(name or "forgotten-standby"), drills))


def test_what_is_missing_is_said_and_no_drill_is_wasted_on_it() -> None:
    drilled: list[str] = []
    found = _answers(Nodes(STANDBY.format("on")), drilled, _report("gave nothing"))
    assert [bool(one.missing) for one in found] == [True, True, True]
    assert "gave nothing" in found[0].missing
    assert (found[1].missing, found[2].missing) == ("a node still stands by", "not tried yet")
    assert not drilled


def test_what_is_repaired_has_to_survive_a_drill() -> None:
    drilled: list[str] = []
    found = _answers(Nodes(STANDBY.format("off")), drilled, _report())
    assert (sum(one.points for one in found), [one.missing for one in found]) == (100, ["", "", ""])
    assert drilled == ["apache-killed"]
    assert len(_answers(Nodes(STANDBY.format("off")), drilled, _report(), drills=False)) == 2
    assert len(drilled) == 1


def test_another_node_tells_the_cib_when_one_is_mute() -> None:
    nodes = Nodes(STANDBY.format("off"))
    nodes.mute = {"node1"}
    assert _answers(nodes, [], _report(), drills=False)[1].missing == ""
    nodes.mute = {"node1", "node3"}
    with pytest.raises(ConnectError):
        _answers(nodes, [], _report(), drills=False)


@pytest.mark.parametrize(("says", "missing"), [(0, ""), (1, "there are nodes on which the agent gets no password")])
def test_each_machine_of_a_role_is_asked(says: int, missing: str) -> None:
    nodes = Nodes("<cib/>", says)
    assert _answers(nodes, [], _report(), drills=False, name="no-password")[1].missing == missing
    assert len(nodes.asked) == (2 if says == 0 else 1)


CIB = """<cib><configuration><crm_config><cluster_property_set>{0}</cluster_property_set></crm_config><resources>
<primitive class='stonith' id='fence-node3'><instance_attributes><nvpair name='pcmk_host_list' value='node3'/>
<nvpair name='systems_uri' value='/redfish/v1/Systems/{1}'/>
</instance_attributes></primitive></resources></configuration></cib>"""


@pytest.mark.parametrize(
    ("name", "options", "uuid", "holds"),
    [
        ("wrong-machine", "", "u3", True),
        ("wrong-machine", "", "u1", False),
        ("fencing-off", "<nvpair name='stonith-enabled' value='false'/>", "", False),
        ("fencing-off", "", "", True),
        ("quorum-policy", "<nvpair name='no-quorum-policy' value='stop'/>", "", False),
        ("quorum-policy", "<nvpair name='no-quorum-policy' value='freeze'/>", "", True),
        ("forgotten-maintenance", "<nvpair name='maintenance-mode' value='TRUE'/>", "", False),
        ("forgotten-maintenance", "<nvpair name='maintenance-mode' value='false'/>", "", True),
    ],
)
def test_the_cause_is_seen_in_the_cib(name: str, options: str, uuid: str, holds: bool) -> None:
    (check,) = (one for one in named(name).checks if isinstance(one, Configured))
    assert check.holds(ElementTree.fromstring(CIB.format(options, uuid)), NAMES) == holds


def _properties(*sets: str) -> str:
    return f"<cib><configuration><crm_config>{''.join(sets)}</crm_config></configuration></cib>"


def _set(attributes: str, value: str, inside: str = "") -> str:
    pair = f"<nvpair name='no-quorum-policy' value='{value}'/>"
    return f"<cluster_property_set {attributes}>{inside}{pair}</cluster_property_set>"


@pytest.mark.parametrize(
    ("sets", "freezes"),
    [
        ([_set("id='cib-bootstrap-options'", "FREEZE")], True),
        ([_set("id='other'", "stop"), _set("id='cib-bootstrap-options'", "freeze")], True),
        ([_set("id='other' score='9'", "freeze"), _set("id='cib-bootstrap-options'", "stop")], False),
        ([_set("id='other' score='5'", "freeze"), _set("id='another' score='9'", "stop")], False),
        ([_set("id='other'", "freeze", "<rule id='r'/>"), _set("id='cib-bootstrap-options'", "stop")], False),
        ([_set("id='other'", "freeze")], True),
    ],
)
def test_of_several_sets_of_properties_pacemaker_s_first_counts(sets: list[str], freezes: bool) -> None:
    """As crm_simulate of 2.1 and 3.0 takes them."""
    (check,) = (one for one in named("quorum-policy").checks if isinstance(one, Configured))
    assert check.holds(ElementTree.fromstring(_properties(*sets)), NAMES) == freezes


def test_hints_cost_and_a_solution_costs_all() -> None:
    answers = [Answer(60, "a"), Answer(40, "b", "missing")]
    assert [points(answers, hints, False) for hints in (0, 2, 20)] == [60, 50, 0]
    assert points([Answer(100, "a")], 0, True) == 0


# --- what is kept, and the command ---


def test_what_is_under_way_is_kept_for_its_owner(tmp_path: Path) -> None:
    file = tmp_path / "exercise.json"
    with pytest.raises(ConfigError, match="exercise start"):
        under_way(file)
    now = UnderWay("closed-port", NAMES, "2026-11-27T23:00:00Z")
    keep(file, replace(now, hints=1))
    assert under_way(file) == replace(now, hints=1)
    assert file.stat().st_mode & 0o077 == 0
    file.write_text("{")
    with pytest.raises(ConfigError, match="Remove it"):
        under_way(file)


def test_an_unknown_exercise_is_refused() -> None:
    with pytest.raises(ConfigError, match="exercise list"):
        named("everything")


def test_the_list_tells_no_cause() -> None:
    said = CliRunner().invoke(app, ["list"]).output
    assert all(name in said for name in EXERCISES)
    assert "cibadmin" not in said
