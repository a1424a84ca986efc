"""A lab that was broken is what it was, some seconds later."""

from __future__ import annotations

import json
import time

import pytest

from tests.e2e.lab import HALAB, Lab
from tests.e2e.planned import diff

_FILE = "/var/www/html/of-the-checkpoint"


def test_a_crash_is_undone(lab: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    lab.ask("node1", "sh", "-euc", f"echo kept > {_FILE}; sync {_FILE}")
    boots = {name: lab.boot_id(name) for name in [*lab.nodes, "target"]}
    active = lab.until("the site", lab.served_by)
    assert lab.run(str(HALAB), "checkpoint", "save", "whole").returncode == 0
    try:
        lab.ask(active, "rm", _FILE)
        lab.crash(active)
        lab.until("end of service", lambda: lab.served_by() is None, deadline_s=60)
        began = time.monotonic()
        assert lab.run(str(HALAB), "checkpoint", "restore", "whole").returncode == 0
        lab.until("the site on the node that had it", lambda: lab.served_by() == active, deadline_s=60)
        with capfd.disabled():
            print(f"\ncheckpoint restored, site back: {time.monotonic() - began:.1f} s", flush=True)
        lab.reconnect()
        assert {name: lab.boot_id(name) for name in boots} == boots, "nobody restarted"
        lab.until("all online", lambda: lab.online() == set(lab.nodes))
        assert lab.ask("node1", "cat", _FILE) == "kept\n"
        assert [event.attrib for event in lab.status().iterfind("fence_history/fence_event")] == []
        assert diff(lab).actions == {}
    finally:
        assert lab.run(str(HALAB), "checkpoint", "remove", "whole").returncode == 0
    listed = lab.run(str(HALAB), "checkpoint", "list", "--json")
    assert json.loads(listed.stdout) == []
    lab.ask("node1", "rm", _FILE)
