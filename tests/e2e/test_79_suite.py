"""Pacemaker's own test suite against the deployed lab, and the lab as it was afterwards."""

from __future__ import annotations

import json
import shutil

import pytest

from halab.cli.cts.exerciser import PACKAGE
from tests.e2e.conftest import ARTIFACTS
from tests.e2e.lab import HALAB, Lab
from tests.e2e.planned import diff

pytestmark = pytest.mark.long


def test_pacemakers_own_tests_pass(lab: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    if PACKAGE not in lab.settings.image.extra_packages:
        pytest.skip(f"the lab was not deployed with HALAB_IMAGE_EXTRA_PACKAGES={PACKAGE}")
    lab.until("health", lab.says_healthy)
    boots = {name: lab.boot_id(name) for name in [*lab.nodes, "target"]}
    done = lab.run(str(HALAB), "cts", "--json", "3", timeout_s=3600)
    ARTIFACTS.mkdir(exist_ok=True)
    shutil.copytree(lab.folder.suite_logs, ARTIFACTS / "cts", dirs_exist_ok=True)
    with capfd.disabled():
        print(f"\n{done.stderr}", flush=True)
    said = json.loads(done.stdout)
    assert len(said["tests"]) == 3
    assert said["numbers"]["failure"] == 0
    assert done.returncode == (3 if said["failed"] else 0)  # bad news alone: an emulated daemon may be slow to answer
    lab.reconnect()
    assert {name: lab.boot_id(name) for name in boots} == boots
    assert json.loads(lab.run(str(HALAB), "checkpoint", "list", "--json").stdout) == []
    assert diff(lab).actions == {}
