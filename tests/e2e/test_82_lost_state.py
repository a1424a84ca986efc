"""The state of a lab that serves is gone, its backup too: one deploy takes everything over, and nobody notices."""

from __future__ import annotations

import pytest

from halab.cli.watch.site import SiteLoad
from tests.e2e.lab import STATE, Lab
from tests.e2e.test_80_interruptions import converged, volumes

pytestmark = pytest.mark.long

_MARK = "/var/www/html/made-by-a-test"


def test_a_lab_whose_state_is_lost_is_taken_over_while_it_serves(lab: Lab) -> None:
    lab.comes_to_rest()
    lab.ask("node1", "touch", _MARK)
    boots, disks = {name: lab.boot_id(name) for name in [*lab.nodes, "target"]}, volumes()
    assert None not in boots.values()
    for state in STATE.glob("terraform.tfstate*"):
        state.unlink()
    with SiteLoad(lab.site) as load:
        lab.deploy()
    assert load.failed == 0
    converged(lab)
    assert {name: lab.boot_id(name) for name in boots} == boots, "nobody was restarted"
    assert volumes() == disks
    assert [e.attrib for e in lab.status().iterfind("fence_history/fence_event")] == []
    lab.ask("node2", "rm", _MARK)
