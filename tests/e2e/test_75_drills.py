"""Drills on the deployed lab: carried out, judged, and told again."""

from __future__ import annotations

import json
import shutil
from xml.etree import ElementTree as ET

import pytest

from halab.cli.drill.catalogue import DRILLS
from tests.e2e.conftest import ARTIFACTS
from tests.e2e.lab import HALAB, Lab

pytestmark = pytest.mark.long


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


@pytest.mark.parametrize("name", [name for name in DRILLS if not name.startswith("split-")])
def test_a_drill(lab: Lab, name: str) -> None:
    """Each by its name, also those that `--all` leaves out since nobody has carried them out yet."""
    done = lab.run(str(HALAB), "drill", "run", name, "--restore", "--json", timeout_s=3600)
    shutil.copytree(lab.folder.drills, ARTIFACTS / "drills", dirs_exist_ok=True)
    (verdict,) = json.loads(done.stdout)
    assert (done.returncode, verdict["result"]) == (0, "PASS"), verdict["reasons"]


def test_all_drills(lab: Lab) -> None:
    file = ARTIFACTS / "drills.xml"
    ARTIFACTS.mkdir(exist_ok=True)
    done = lab.run(str(HALAB), "drill", "run", "--all", "--restore", "--junit", str(file), timeout_s=3 * 3600)
    shutil.copytree(lab.folder.drills, ARTIFACTS / "drills", dirs_exist_ok=True)
    cases = ET.parse(file).getroot().iter("testcase")
    broken = {case.get("name"): [one.get("message") for one in case if one.get("message")] for case in cases}
    assert {name: said for name, said in broken.items() if said} == {}
    assert done.returncode == 0
