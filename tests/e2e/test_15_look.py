"""What a person looks with: status, doctor, a shell, the console log, the site's address."""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

import pytest

from tests.e2e.lab import HALAB, Lab, hypervisor


def halab(lab: Lab, *words: str) -> subprocess.CompletedProcess[str]:
    return lab.run(str(HALAB), *words, timeout_s=60)


def _healthy(done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str] | None:
    return done if done.returncode == 0 else None


def _timed_if_healthy(lab: Lab) -> tuple[dict[str, Any], float] | None:
    began = time.monotonic()
    done = _healthy(halab(lab, "status", "--json"))
    return (json.loads(done.stdout), time.monotonic() - began) if done else None


def test_status_of_a_healthy_lab(lab: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    told, took = lab.until("health", lambda: _timed_if_healthy(lab))  # a busy host's nodes may be silent for a while
    with capfd.disabled():
        print(f"\nhalab status: {took:.1f} s", flush=True)
    assert (told["healthy"], told["faults"]) == (True, [])
    assert {one["name"]: (one["power"], one["answers"]) for one in told["machines"]} == dict.fromkeys(
        [*lab.nodes, "target"], ("running", True)
    )
    assert (told["cluster"]["quorum"], told["cluster"]["online"]) == (True, len(lab.nodes))
    runs = {one["id"]: (one["state"], one["nodes"]) for one in told["resources"]}
    name, active = lab.settings.name, lab.served_by()
    assert runs[f"{name}-apache"] == runs[f"{name}-ip"] == ("started", [active])
    assert told["site"]["served_by"] == active
    assert {one["node"] for one in told["storage"]["mounts"]} == set(lab.nodes)
    assert told["fencing"]["fault"] == ""


def test_status_is_a_screen_for_people(lab: Lab) -> None:
    done = lab.until("its screen", lambda: _healthy(halab(lab, "status")))
    for word in (*lab.nodes, "target", f"{lab.settings.name}-apache", lab.site):
        assert word in done.stdout


def test_a_machine_that_stands_still_is_told_and_keeps_nobody_waiting(lab: Lab) -> None:
    with hypervisor() as connection:
        target = connection.lookupByName(f"{lab.settings.name}-target")
        target.suspend()
        try:
            began = time.monotonic()
            done = halab(lab, "status", "--json")
            assert time.monotonic() - began < 45
        finally:
            target.resume()
    assert done.returncode == 3
    told = json.loads(done.stdout)
    assert [one["power"] for one in told["machines"] if one["name"] == "target"] == ["paused"]
    assert "target" in {fault["what"] for fault in told["faults"]}
    lab.until("a healthy lab again", lab.says_healthy, deadline_s=180)


def test_doctor_finds_nothing(lab: Lab) -> None:
    done = lab.until("its word", lambda: _healthy(halab(lab, "doctor", "--json")))
    assert json.loads(done.stdout)["well"] is True


def test_a_shell_and_the_console_log(lab: Lab) -> None:
    assert halab(lab, "ssh", "node2", "hostname").stdout == "node2\n"
    assert halab(lab, "ssh", "node1", "exit 7").returncode == 7
    assert "HALAB-READY" in halab(lab, "serial", "node1").stdout
    unknown = halab(lab, "ssh", "node9")
    assert unknown.returncode == 1
    assert "node1" in unknown.stderr


def test_open_prints_the_sites_address(lab: Lab) -> None:
    done = halab(lab, "open")
    assert (done.returncode, lab.site in done.stdout) == (0, True)
