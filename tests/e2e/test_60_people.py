"""What a person does with `pcs`, on any node, without fencing anybody."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import requests
import urllib3

from halab.provisioners.engine.command import cmd
from tests.e2e.lab import TERRAFORM, Lab


def _pcsd_runs(lab: Lab, node: str) -> bool:
    return lab.ask(node, "systemctl", "is-active", "pcsd", ok=(0, 3)).strip() == "active"


def _pcs_ready(lab: Lab) -> None:
    for node in lab.nodes:
        lab.until(f"pcsd on {node}", partial(_pcsd_runs, lab, node))


def test_pcs_status_works_on_any_node(lab: Lab) -> None:
    _pcs_ready(lab)
    said = lab.ask(lab.nodes[-1], "pcs", "status", timeout_s=300)
    assert "summit-site" in said
    assert "pcsd: active/enabled" in said


@pytest.mark.long  # pcs asks each node, a minute where they are emulated
def test_pcs_status_of_everything(lab: Lab) -> None:
    _pcs_ready(lab)
    assert "summit-site" in lab.ask(lab.nodes[-1], "pcs", "status", "--full", timeout_s=300)
    said = lab.ask("node1", "pcs", "status", "pcsd", timeout_s=300)
    assert said.count("Online") == len(lab.nodes), said


class WebInterface:
    """pcsd on a node as the pages of its web interface ask it. Debian packages no pages, but all that they stand on."""

    def __init__(self, address: str) -> None:
        self._url = f"https://{address}:2224"
        self._session = requests.Session()
        self._session.trust_env = False  # the environment's authorities would be asked in spite of verify=False
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # self-signed, as the talk says

    def log_in(self, password: str) -> int:
        """The HTTP status that hacluster gets with this password."""
        form = {"username": "hacluster", "password": password}
        return self._session.post(f"{self._url}/ui/login", data=form, verify=False, timeout=60).status_code

    def ask(self, path: str, **parameters: Any) -> tuple[int, Any]:
        """The HTTP status and the JSON with which a page's request is answered."""
        answer = self._session.get(
            f"{self._url}/{path}",
            params=parameters,
            headers={"X-Requested-With": "XMLHttpRequest"},
            verify=False,
            timeout=120,
        )
        return answer.status_code, answer.json()


def test_the_web_interface_refuses_a_wrong_password(lab: Lab) -> None:
    web = WebInterface(lab.address("node1"))
    assert web.log_in("not-the-password") == 401
    assert web.ask("imported-cluster-list") == (401, {"notauthorized": "true"})


def test_hacluster_works_in_the_web_interface(lab: Lab) -> None:
    state = f"-state={lab.folder.state}"
    password = lab.run(TERRAFORM, "output", state, "-raw", "hacluster_password", silent=True).stdout
    web = WebInterface(lab.address("node1"))
    assert web.log_in(password) == 200
    assert web.ask("imported-cluster-list") == (200, {"cluster_list": [{"name": lab.settings.name}]})
    # node1 asks each of them with its own token
    expected = (200, dict.fromkeys(lab.nodes, "Online"))
    asked = partial(web.ask, "manage/check_auth_against_nodes", **{"node_list[]": lab.nodes})
    lab.until("all nodes online for the web interface", lambda: asked() == expected)


@pytest.mark.long  # two minutes
def test_a_node_is_stopped_and_started_by_pcs_from_another(lab: Lab) -> None:
    last = lab.nodes[-1]
    boot = lab.boot_id(last)
    lab.ask("node1", "pcs", "cluster", "stop", last, timeout_s=600)
    assert lab.online() == set(lab.nodes) - {last}
    lab.ask("node1", "pcs", "cluster", "start", last, timeout_s=600)
    lab.until(f"{last} online", lambda: lab.online() == set(lab.nodes))
    lab.until("GFS2 everywhere", lab.all_mounted)
    assert lab.boot_id(last) == boot, "nobody was fenced"


@pytest.mark.long  # two minutes; drills do it to the node that serves
def test_a_controlled_reboot_is_no_fencing(lab: Lab) -> None:
    last = lab.nodes[-1]
    boot = lab.boot_id(last)
    lab.attempt(last, cmd("systemctl", "reboot"))
    lab.until(f"another boot of {last}", lambda: lab.boot_id(last) not in (None, boot), deadline_s=600)
    lab.until("all online", lambda: lab.online() == set(lab.nodes))
    lab.until("GFS2 everywhere", lab.all_mounted)
    assert [e.attrib for e in lab.status().iterfind("fence_history/fence_event")] == []
