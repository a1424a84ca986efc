"""The active/passive web site."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from functools import partial
from pathlib import Path

import pytest
import requests

from tests.e2e.lab import Lab


def test_site_answers_from_the_shared_file_system_and_names_its_node(lab: Lab) -> None:
    answer = requests.get(lab.site, timeout=10)
    assert answer.text == "gfs0\n"
    assert {answer.headers["X-Served-By"]} == lab.runs_on("summit-apache") == lab.runs_on("summit-ip")


def test_httpd_is_left_to_the_cluster(lab: Lab) -> None:
    for node in lab.nodes:
        assert (
            lab.ask(node, "systemctl", "is-enabled", lab.settings.image.platform.apache_unit, ok=(1,)).strip()
            == "disabled"
        )


def test_status_page_is_for_the_node_itself(lab: Lab) -> None:
    assert requests.get(f"{lab.site}server-status", timeout=10).status_code == 403


def _counted(lab: Lab, node: str) -> bool:
    status = ET.fromstring(lab.ask(node, "crm_mon", "--output-as=xml", "--failcounts"))
    history = status.iterfind("node_history/node/resource_history[@id='summit-apache']")
    return any(int(entry.get("fail-count", "0")) > 0 for entry in history)


def test_killed_httpd_is_restarted_and_counted(lab: Lab) -> None:
    node = lab.served_by()
    assert node
    lab.ask(node, "pkill", "-KILL", "-x", Path(lab.settings.image.platform.apache_binary).name)
    lab.until("fail count", partial(_counted, lab, node))
    lab.until("site again", lambda: lab.served_by())
    lab.ask(node, "crm_resource", "--cleanup", "--resource", "summit-apache")


def _served_by(lab: Lab, node: str) -> bool:
    return lab.served_by() == node


@pytest.mark.long  # exercises and drills move the site, too
def test_a_preference_of_infinity_moves_the_site_to_each_other_and_back(lab: Lab) -> None:
    first = lab.until("the site", lab.served_by)
    for node in [*[node for node in lab.nodes if node != first], first]:
        lab.ask(first, "crm_resource", "--move", "--resource", "summit-site", "--node", node)
        lab.until(f"site on {node}", partial(_served_by, lab, node))
        lab.ask(first, "crm_resource", "--clear", "--resource", "summit-site")
