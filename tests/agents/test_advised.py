"""The times that resource agents advise, read from the agents themselves."""

from __future__ import annotations

import os
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from halab.constructs.operations import ADVISED
from tests.agents.agents import unpacked

_PACKAGES = ("resource-agents", "pacemaker-resource-agents", "pacemaker")

pytestmark = pytest.mark.long


@pytest.fixture(scope="session")
def ocf() -> Path:
    return unpacked(Path(__file__).parents[2] / ".cache/resource-agents", _PACKAGES) / "usr/lib/ocf"


@pytest.mark.parametrize("agent", [agent for agent in ADVISED if agent.startswith("ocf:")])
def test_the_table_says_what_the_agent_says(ocf: Path, agent: str) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "OCF_ROOT": str(ocf),
        "OCF_FUNCTIONS_DIR": str(ocf / "lib/heartbeat"),
    }
    program = ocf.joinpath("resource.d", *agent.split(":")[1:])
    # controld says it, and then that dlm_controld is not installed here.
    said = subprocess.run([str(program), "meta-data"], env=environment, capture_output=True, text=True, check=False)
    advised = {
        action.get("name"): int(action.get("timeout", "").removesuffix("s"))
        for action in ET.fromstring(said.stdout).iter("action")
        if action.get("depth", "0") == "0"
    }
    known = ADVISED[agent]
    assert {"start": known.start, "stop": known.stop, "monitor": known.monitor}.items() <= advised.items()
