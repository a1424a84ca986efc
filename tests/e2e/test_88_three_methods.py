"""Power switches of two kinds and the watchdog, each fired at the same node; the lab is destroyed afterwards."""

from __future__ import annotations

import json

from tests.e2e.lab import HALAB, Lab


def test_three_methods_fence(lab: Lab) -> None:
    """SBD needs a node that runs; the others may fence it again while it boots."""
    lab.until("health", lab.says_healthy)
    levels = Lab({**lab.environment, "HALAB_FENCING_LEVELS": "redfish,wti,sbd"})
    levels.deploy()
    serving = levels.until("the site", levels.served_by)
    victim = next(node for node in reversed(levels.nodes) if node != serving)
    for method, proof in (("sbd", "reset"), ("wti", "stopped, started"), ("redfish", "stopped, started")):
        done = levels.run(str(HALAB), "fence", victim, "--method", method, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["proof"] == proof
    assert levels.served_by() == serving
