"""Another token, and two more ways to fence: one deploy sets them, each is seen. The lab is destroyed afterwards."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from tests.e2e.budget import leave_out_after
from tests.e2e.lab import HALAB, Lab
from tests.e2e.planned import diff

_SETTINGS = {"HALAB_TOKEN_MS": "11000", "HALAB_FENCING_LEVELS": "redfish,wti,sbd"}


def _started(lab: Lab) -> Mapping[str, object]:
    """What a restart of a machine or of Corosync changes."""
    return {
        **{name: lab.boot_id(name) for name in [*lab.nodes, "target"]},
        **{f"corosync of {node}": lab.ask(node, "pidof", "corosync") for node in lab.nodes},
    }


@pytest.fixture(scope="module")
def started(lab: Lab) -> Mapping[str, object]:
    """Before the deploy."""
    leave_out_after(minutes=60)
    lab.until("health", lab.says_healthy)
    return _started(lab)


@pytest.fixture(scope="module")
def other(lab: Lab, started: Mapping[str, object]) -> Lab:
    """The lab with other settings."""
    other = Lab({**lab.environment, **_SETTINGS})
    other.deploy()
    return other


def test_the_token_is_reloaded(other: Lab, started: Mapping[str, object]) -> None:
    for node in other.nodes:
        assert "= 11000" in other.ask(node, "corosync-cmapctl", "-g", "totem.token")
        shown = other.ask(node, "corosync-cmapctl", "-g", "runtime.config.totem.token")
        assert int(shown.rpartition("=")[2]) >= 11000
    assert _started(other) == started
    assert diff(other).actions == {}


def test_each_other_method_fences(other: Lab) -> None:
    """Redfish has fenced the node of a drill. SBD needs a node that runs; wti may fence it again while it boots."""
    serving = other.until("the site", other.served_by)
    victim = next(node for node in reversed(other.nodes) if node != serving)
    for method, proof in (("sbd", "reset"), ("wti", "stopped, started")):
        done = other.run(str(HALAB), "fence", victim, "--method", method, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["proof"] == proof
    assert other.served_by() == serving
