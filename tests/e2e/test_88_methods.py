"""The watchdog and the talk's power switch, each fired at the same node; the lab is destroyed afterwards."""

from __future__ import annotations

import json

from tests.e2e.lab import HALAB, Lab


def test_each_other_method_fences(lab: Lab) -> None:
    """Redfish has fenced the node of a drill. SBD needs a node that runs; wti may fence it again while it boots."""
    lab.until("health", lab.says_healthy)
    levels = Lab({**lab.environment, "HALAB_FENCING_LEVELS": "redfish,wti,sbd"})
    levels.deploy()
    serving = levels.until("the site", levels.served_by)
    victim = next(node for node in reversed(levels.nodes) if node != serving)
    for method, proof in (("sbd", "reset"), ("wti", "stopped, started")):
        done = levels.run(str(HALAB), "fence", victim, "--method", method, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["proof"] == proof
    assert levels.served_by() == serving
