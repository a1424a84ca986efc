"""Drills on the deployed lab: carried out, judged, and told again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import pytest
from _pytest.mark import ParameterSet

from halab.cli.drill.catalogue import DRILLS
from tests.e2e.conftest import ARTIFACTS
from tests.e2e.lab import HALAB, Lab

IN_MAKE_TEST = frozenset({"apache-killed", "crash-active", "disk-full", "fenced-killed", "iscsi-blink", "pause"})
"""How long the site was away is judged by `test_all_drills` alone: a machine of CI may be slow."""
AWAY = "the site was away "

CATALOGUE = "catalogue"
"""The checkpoint that a drill begins from where the one before has left the lab broken."""


@pytest.mark.long
def test_a_pause_below_the_token_is_survived(lab: Lab) -> None:
    lab.until("the site", lab.served_by)
    done = lab.run(str(HALAB), "drill", "run", "pause", "--json")
    (verdict,) = json.loads(done.stdout)
    assert (done.returncode, verdict["result"], verdict["fenced"]) == (0, "PASS", []), verdict["reasons"]
    assert 2 < verdict["away_s"] < 20, "a machine that stands still serves nobody"
    assert all(not check["broken"] for check in verdict["checks"])
    recorded = lab.folder.drills / verdict["run"]
    assert "paused" in (recorded / "report.html").read_text()
    (recorded / "report.html").unlink()
    again = lab.run(str(HALAB), "drill", "report", "pause", "--json")
    assert json.loads(again.stdout) == [verdict], "the recording alone gives the same verdict"
    assert json.loads(lab.run(str(HALAB), "checkpoint", "list", "--json").stdout) == []
    assert lab.ask("node1", "find", "/var/www/html", "-name", ".halab-drill-*") == ""


@pytest.fixture(scope="module")
def saved(lab: Lab) -> Iterator[Lab]:
    """A healthy lab, saved once."""
    lab.until("health", lab.says_healthy)
    assert lab.run(str(HALAB), "checkpoint", "save", CATALOGUE).returncode == 0
    yield lab
    assert lab.run(str(HALAB), "checkpoint", "remove", CATALOGUE).returncode == 0


@pytest.fixture
def whole(saved: Lab) -> Lab:
    """The lab as it was saved, unless it is healthy anyway: one drill's failure is not the next one's."""
    if not saved.says_healthy():
        assert saved.run(str(HALAB), "checkpoint", "restore", CATALOGUE).returncode == 0
        saved.reconnect()
        saved.until("health", saved.says_healthy)
    return saved


def _names() -> Iterator[ParameterSet]:
    for name in DRILLS:
        if not name.startswith("split-"):  # they want four nodes, or two
            yield pytest.param(name, marks=() if name in IN_MAKE_TEST else pytest.mark.long)


@pytest.mark.parametrize("name", list(_names()))
def test_a_drill(whole: Lab, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Each by its name, also those that `--all` leaves out since nobody has carried them out yet.

    What is known of it stays in artifacts/drills: the recording, NAME.json, NAME.log, and a line in verdicts.txt.
    """
    kept = ARTIFACTS / "drills"
    done = whole.run(str(HALAB), "drill", "run", name, "--json", timeout_s=3600)
    shutil.copytree(whole.folder.drills, kept, dirs_exist_ok=True)
    (kept / f"{name}.log").write_text(done.stderr)
    assert done.returncode in (0, 1, 3), done.stderr
    assert done.stdout, done.stderr
    (verdict,) = json.loads(done.stdout)
    (kept / f"{name}.json").write_text(done.stdout)
    times = f"away {verdict['away_s']} of {verdict['away_limit_s']} s, whole {verdict['whole_s']} s"
    line = f"{verdict['result']} {name}: {times}, fenced {verdict['fenced']}; {'; '.join(verdict['reasons'])}"
    with (kept / "verdicts.txt").open("a") as lines:
        lines.write(line + "\n")
    with capfd.disabled():
        print(f"\n{line}", flush=True)
    if name not in IN_MAKE_TEST:
        assert (done.returncode, verdict["result"]) == (0, "PASS"), verdict["reasons"]
    assert [one for one in verdict["reasons"] if not one.startswith(AWAY)] == []


@pytest.mark.long
def test_all_drills(lab: Lab) -> None:
    file = ARTIFACTS / "drills.xml"
    ARTIFACTS.mkdir(exist_ok=True)
    done = lab.run(str(HALAB), "drill", "run", "--all", "--restore", "--junit", str(file), timeout_s=3 * 3600)
    shutil.copytree(lab.folder.drills, ARTIFACTS / "drills", dirs_exist_ok=True)
    cases = ET.parse(file).getroot().iter("testcase")
    broken = {case.get("name"): [one.get("message") for one in case if one.get("message")] for case in cases}
    assert {name: said for name, said in broken.items() if said} == {}
    assert done.returncode == 0
