"""Drills on the deployed lab: carried out, judged, and told again."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from halab.cli.drill.catalogue import DRILLS
from tests.e2e.budget import leave_out_after
from tests.e2e.conftest import ARTIFACTS
from tests.e2e.lab import CHECKOUT, HALAB, Lab, hypervisor

# Not fenced-killed: Pacemaker finds its devices "not active" at their next monitor, minutes later, and starts them anew
# beside the next drill.
IN_MAKE_TEST = ("pause", "attrd-killed", "schedulerd-killed", "iscsi-blink", "disk-full", "crash-active")
AWAY = "the site was away "


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


@pytest.mark.long
def test_drills_that_are_ended_leave_the_lab_as_it_was(lab: Lab) -> None:
    """By SIGTERM, twice, while the target is off: no timer of a guest would switch it on."""
    lab.until("health", lab.says_healthy)
    target, words = f"{lab.folder.lab}-target", [str(HALAB), "drill", "run", "target-gone"]
    with (
        hypervisor() as connection,
        subprocess.Popen(words, cwd=CHECKOUT, env=lab.environment, stderr=subprocess.PIPE, text=True) as process,
    ):
        try:
            lab.until("the end of the target", lambda: not connection.lookupByName(target).isActive(), deadline_s=600)
            process.terminate()
            lab.until("it undoes", lambda: connection.lookupByName(target).isActive())
            process.terminate()
            _, said = process.communicate(timeout=300)
        finally:
            process.kill()
    assert process.returncode == 128 + signal.SIGTERM, said
    lab.reconnect()
    assert json.loads(lab.run(str(HALAB), "checkpoint", "list", "--json").stdout) == []
    lab.until("health", lab.says_healthy)
    assert lab.ask("node1", "find", "/var/www/html", "-name", ".halab-drill-*") == ""


def _carried_out(lab: Lab, names: Sequence[str], capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The verdicts. What is known of them stays in artifacts/drills: recordings, verdicts, and what was told."""
    lab.until("health", lab.says_healthy)
    done = lab.run(str(HALAB), "drill", "run", *names, "--json", timeout_s=3600)
    lab.reconnect()  # a drill that failed was followed by a restore
    assert done.returncode in (0, 1, 3), done.stderr
    assert done.stdout, done.stderr
    kept = ARTIFACTS / "drills"
    shutil.copytree(lab.folder.drills, kept, dirs_exist_ok=True)
    with (kept / "told.log").open("a") as log:
        log.write(done.stderr)
    verdicts: list[dict[str, Any]] = json.loads(done.stdout)
    assert [verdict["drill"] for verdict in verdicts] == list(names)
    assert (done.returncode == 0) == all(verdict["result"] == "PASS" for verdict in verdicts)
    for verdict in verdicts:
        (kept / f"{verdict['drill']}.json").write_text(json.dumps(verdict, indent=2))
        times = f"away {verdict['away_s']} of {verdict['away_limit_s']} s, whole {verdict['whole_s']} s"
        told = f"{verdict['result']} {verdict['drill']}: {times}, fenced {verdict['fenced']}"
        with capfd.disabled():
            print("\n" + "; ".join([told, *verdict["reasons"]]), end="", flush=True)
    return verdicts


def test_six_drills(lab: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    """How long the site was away is judged by the long ones alone: a machine of CI may be slow."""
    leave_out_after(minutes=50)
    verdicts = _carried_out(lab, IN_MAKE_TEST, capfd)
    why = {verdict["drill"]: [one for one in verdict["reasons"] if not one.startswith(AWAY)] for verdict in verdicts}
    assert {name: reasons for name, reasons in why.items() if reasons} == {}
    crash = next(verdict for verdict in verdicts if verdict["drill"] == "crash-active")
    (node,) = crash["fenced"]
    assert {(node, "stopped"), (node, "started")} <= _power(lab, crash["run"]), "redfish fenced it, not its watchdog"


def _power(lab: Lab, run: str) -> set[tuple[str, str]]:
    """What libvirt told of machines during a drill."""
    events = map(json.loads, (lab.folder.drills / run / "events.jsonl").read_text().splitlines())
    return {(event["machine"], event["event"]) for event in events if event["kind"] == "power"}


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in DRILLS if not name.startswith("split-")])  # those want other labs
def test_a_drill(lab: Lab, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Each by its name."""
    (verdict,) = _carried_out(lab, [name], capfd)
    assert verdict["result"] == "PASS", verdict["reasons"]


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
