"""Each way through the endpoint, fired at a real node by the agents in the guests; a table with times at the end."""

from __future__ import annotations

import os
import signal
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from halab.provider.fencing import power_process
from halab.provider.fencing.power_files import PowerFiles
from halab.provider.fencing.power_supervisor import SERVER_MODULE
from halab.provisioners.engine.command import Result, cmd
from tests.e2e.lab import Lab, deployed, hypervisor
from tests.e2e.planned import diff

pytestmark = pytest.mark.long

ON, OFF, FAILED = 0, 2, 1
VICTIM, ASKS = "node2", "node1"
DEVICES = {
    "redfish": "fence-node2",
    "wti": "matrix-wti",
    "ipmi": "matrix-ipmi-node2",
    "virsh": "matrix-virsh",
    "xvm": "matrix-xvm",
}


@dataclass
class Matrix:
    """The lab with all devices, and what each took."""

    lab: Lab
    took: dict[tuple[str, str], str] = field(default_factory=dict)

    def note(self, method: str, what: str, began: float, said: str = "") -> None:
        """One cell of the table."""
        self.took[method, what] = f"{time.monotonic() - began:.1f} s{said}"

    def table(self) -> str:
        """What each took, a line a method."""
        columns = sorted({what for _, what in self.took})
        lines = [f"| method | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
        for method in DEVICES:
            lines.append(f"| {method} | {' | '.join(self.took.get((method, what), '') for what in columns)} |")
        return "\n".join(lines)

    def device(self, method: str) -> ET.Element:
        """The device as it stands in the CIB."""
        return ET.fromstring(
            self.lab.ask(ASKS, "cibadmin", "--query", "--xpath", f"//primitive[@id='{DEVICES[method]}']")
        )

    def params(self, method: str) -> dict[str, str]:
        """The device's parameters for the victim, as Pacemaker gives them to the agent."""
        pairs = self.device(method).iterfind("instance_attributes/nvpair")
        given = {pair.get("name", ""): pair.get("value", "") for pair in pairs}
        plugs = dict(plug.split(":") for plug in given.get("pcmk_host_map", "").split(";") if plug)
        port = {"port": plugs[VICTIM]} if VICTIM in plugs else {}
        return {name: value for name, value in given.items() if not name.startswith("pcmk_")} | port

    def agent(self, method: str, action: str, **changed: str) -> Result:
        """Run the agent by hand on the node that asks."""
        agent = self.device(method).get("type", "")
        lines = "".join(f"{k}={v}\n" for k, v in {**self.params(method), **changed, "action": action}.items())
        return self.lab.host(ASKS).attempt(cmd(agent, stdin=lines, timeout_s=200))

    def running(self) -> int | None:
        """libvirt's number of the victim's run; None when it is off."""
        with hypervisor() as connection:
            domain = connection.lookupByName(f"matrix-{VICTIM}")
            return int(domain.ID()) if domain.isActive() else None

    def only(self, method: str) -> None:
        """The victim has one level, with this device alone: nothing else may do the work."""
        level = f'<fencing-level id="matrix" target="{VICTIM}" index="1" devices="{DEVICES[method]}"/>'
        topology = f"<fencing-topology>{level}</fencing-topology>"
        self.lab.ask(ASKS, "cibadmin", "--replace", "--scope", "fencing-topology", "--xml-text", topology)

    def fence(self, method: str, action: str) -> None:
        """By Pacemaker, through this device."""
        began = time.monotonic()
        self.lab.ask(ASKS, "stonith_admin", f"--{action}", VICTIM, "--timeout", "240", timeout_s=300)
        self.note(method, {"fence": "off", "unfence": "on"}.get(action, action), began)


@pytest.fixture(scope="module")
def matrix(environment: dict[str, str], request: pytest.FixtureRequest) -> Iterator[Matrix]:
    chosen = {
        "HALAB_NAME": "matrix",
        "HALAB_NODE_COUNT": "2",
        "HALAB_SITE_STORAGE": "local",
        "HALAB_NETWORK_CIDR": "192.168.79.0/24",
        "HALAB_FENCING_LEVELS": "wti,ipmi,virsh,xvm,redfish",
        "HALAB_TIME_SCALE": "2",  # six devices start at once on one emulated node
    }
    with deployed({**environment, **chosen}) as lab:
        made = Matrix(lab)
        yield made
        with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            print(f"\n{made.table()}", flush=True)


def test_a_second_plan_finds_nothing_to_do(matrix: Matrix) -> None:
    assert diff(matrix.lab).actions == {}


@pytest.mark.parametrize("method", DEVICES)
def test_status_and_list(matrix: Matrix, method: str) -> None:
    for action in ("monitor", "status", *(() if method in ("redfish", "ipmi") else ("list",))):
        began = time.monotonic()
        done = matrix.agent(method, action)
        matrix.note(method, action, began)
        assert done.rc == ON, done
        assert action != "list" or f"matrix-{VICTIM}" in done.stdout


@pytest.mark.parametrize("method", DEVICES)
def test_what_is_refused(matrix: Matrix, method: str) -> None:
    """A wrong secret, and a port where nobody listens: neither on nor off, and the machine runs on."""
    before = matrix.running()
    matrix.lab.ask(
        ASKS, "sh", "-c", "printf '#!/bin/sh\\necho wrong-secret-00000\\n' > /root/wrong; chmod 700 /root/wrong"
    )
    key = "ssh-keygen -q -t ed25519 -N '' -f /root/wrong-key; printf %0128d 0 > /root/wrong-xvm"
    matrix.lab.ask(ASKS, "sh", "-c", f"test -e /root/wrong-key || {{ {key}; }}")
    wrong = {
        "virsh": {"identity_file": "/root/wrong-key"},
        "xvm": {"key_file": "/root/wrong-xvm", "timeout": "10"},
    }.get(method, {"password_script": "/root/wrong"})
    for what, changed in (("wrong secret", wrong), ("refused port", {"ipport": "9", "timeout": "10"})):
        began = time.monotonic()
        done = matrix.agent(method, "off", **changed)
        matrix.note(method, what, began)
        assert done.rc not in (ON, OFF), done
    assert matrix.running() == before


@pytest.mark.parametrize("method", DEVICES)
def test_off_on_reboot(matrix: Matrix, method: str) -> None:
    lab = matrix.lab
    matrix.only(method)
    matrix.fence(method, "fence")
    assert matrix.running() is None
    matrix.fence(method, "unfence")
    before = matrix.running()
    assert before is not None
    matrix.fence(method, "reboot")
    assert matrix.running() not in (None, before), "a new run of the machine"
    log = lab.ask(ASKS, "journalctl", "--boot", "--quiet", "--output=cat", "--unit=pacemaker")
    assert f"targeting {VICTIM} using {DEVICES[method]} returned 0" in log


@pytest.mark.parametrize("method", DEVICES)
def test_the_endpoint_is_killed_meanwhile(matrix: Matrix, method: str) -> None:
    """The daemon dies; whatever the agent then says, it says success only if the machine is off."""
    config = PowerFiles(matrix.lab.folder.fencing / "matrix").config
    if matrix.running() is None:
        matrix.agent(method, "on")
    for process in power_process.processes(config):
        if process.module == SERVER_MODULE:
            os.kill(process.pid, signal.SIGKILL)
    began = time.monotonic()
    done = matrix.agent(method, "off")
    matrix.note(method, "endpoint killed", began, f", {'off' if done.rc == 0 else 'failed'}")
    assert (done.rc == 0) <= (matrix.running() is None), done
    matrix.lab.until("the endpoint again", lambda: matrix.agent(method, "status").rc in (ON, OFF))
    assert matrix.agent(method, "on").rc == 0
