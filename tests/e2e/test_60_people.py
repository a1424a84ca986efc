"""What a person does with `pcs`, on any node, without fencing anybody."""

from __future__ import annotations

from functools import partial

import requests
import urllib3

from halab.provisioners.engine.command import cmd
from tests.e2e.lab import Lab


def _pcsd_runs(lab: Lab, node: str) -> bool:
    return lab.ask(node, "systemctl", "is-active", "pcsd", ok=(0, 3)).strip() == "active"


def _pcs_ready(lab: Lab) -> None:
    for node in lab.nodes:
        lab.until(f"pcsd on {node}", partial(_pcsd_runs, lab, node))


def test_pcs_status_works_on_any_node(lab: Lab) -> None:
    _pcs_ready(lab)
    said = lab.ask(lab.nodes[-1], "pcs", "status", "--full", timeout_s=300)
    assert "summit-site" in said
    said = lab.ask("node1", "pcs", "status", "pcsd", timeout_s=300)
    assert said.count("Online") == len(lab.nodes), said


def test_web_ui_answers(lab: Lab) -> None:
    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # self-signed, as the talk says
    answer = requests.get(f"https://{lab.address('node1')}:2224/", verify=False, timeout=60)
    assert answer.status_code < 500


def test_a_node_is_stopped_and_started_by_pcs_from_another(lab: Lab) -> None:
    last = lab.nodes[-1]
    boot = lab.boot_id(last)
    lab.ask("node1", "pcs", "cluster", "stop", last, timeout_s=600)
    assert lab.online() == set(lab.nodes) - {last}
    lab.ask("node1", "pcs", "cluster", "start", last, timeout_s=600)
    lab.until(f"{last} online", lambda: lab.online() == set(lab.nodes))
    lab.until("GFS2 everywhere", lab.all_mounted)
    assert lab.boot_id(last) == boot, "nobody was fenced"


def test_a_controlled_reboot_is_no_fencing(lab: Lab) -> None:
    last = lab.nodes[-1]
    boot = lab.boot_id(last)
    lab.attempt(last, cmd("systemctl", "reboot"))
    lab.until(f"another boot of {last}", lambda: lab.boot_id(last) not in (None, boot), deadline_s=600)
    lab.until("all online", lambda: lab.online() == set(lab.nodes))
    lab.until("GFS2 everywhere", lab.all_mounted)
    assert [e.attrib for e in lab.status().iterfind("fence_history/fence_event")] == []
