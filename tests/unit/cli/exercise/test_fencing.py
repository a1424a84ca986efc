"""Which fencing devices repair an exercise: by whom they fence, not by what they are called."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from halab.cli.exercise.catalogue import named
from halab.cli.exercise.declaration import Configured, OnNodes, filled
from tests.unit.cli.exercise.test_exercises import NAMES


def device(uuid: str, hosts: str = "node3", id: str = "fence-node3", meta: str = "", **params: str) -> str:
    """As `pcs stonith create` writes it. `uuid`: empty for an agent that does not ask for a system."""
    given = {"systems_uri": f"/redfish/v1/Systems/{uuid}" if uuid else "", "pcmk_host_list": hosts, **params}
    pairs = [f'<nvpair id="{id}-{name}" name="{name}" value="{value}"/>' for name, value in given.items() if value]
    role = f'<meta_attributes id="{id}-m"><nvpair id="{id}-r" name="target-role" value="{meta}"/></meta_attributes>'
    own = f'<instance_attributes id="{id}-instance_attributes">{"".join(pairs)}</instance_attributes>'
    return f'<primitive class="stonith" id="{id}" type="fence_redfish">{own}{role if meta else ""}</primitive>'


OTHERS = device("u1", "node1", "fence-node1")


@pytest.mark.parametrize(
    ("devices", "right"),
    [
        (device("u3") + OTHERS, True),
        (device("u1") + OTHERS, False),
        (device("u3", id="redfish-3") + OTHERS, True),
        (device("u1", id="redfish-3") + OTHERS, False),
        (OTHERS, False),
        (device("u3", id="redfish-3") + device("u1") + OTHERS, False),  # either may be asked
        (device("u3", id="redfish-3") + device("u1", meta="Stopped") + OTHERS, True),  # pcs stonith disable
        (device("u3", "", pcmk_host_map="node3:3") + OTHERS, True),
        (device("u1", "", pcmk_host_map="node2:2;node3:3"), False),
        (device("u3", "node2,node3") + OTHERS, True),
        (device("u3", "node30") + OTHERS, False),
        (device("U3/") + OTHERS, True),
        (device("u3") + device("u1", "", "fence-any"), False),  # it says of no node that it does not fence it
        (device("u3", "", "fence-any") + OTHERS, False),
        (device("u3") + device("", "", "sbd", pcmk_host_map="node1:node1;node3:node3"), True),
    ],
)
def test_the_node_s_own_machine_is_switched(devices: str, right: bool) -> None:
    (check,) = (one for one in named("wrong-machine").checks if isinstance(one, Configured))
    cib = f"<cib><configuration><resources>{devices}</resources></configuration></cib>"
    assert check.holds(ElementTree.fromstring(cib), NAMES) == right


@pytest.mark.parametrize(
    ("scripts", "mode", "gives"),
    [
        (["{}"], 0o700, True),
        (["{}"], 0o600, False),
        (["sh {}"], 0o600, True),  # what is no program can be read by one
        (["/bin/echo other", "{}"], 0o600, False),
        (["/bin/echo other"], 0o600, True),
        (["/bin/true"], 0o700, False),
        ([], 0o600, True),
    ],
)
def test_each_device_s_own_script_is_tried(scripts: list[str], mode: int, gives: bool, tmp_path: Path) -> None:
    """As cibadmin 2.1 prints what several have."""
    password, cibadmin = tmp_path / "password", tmp_path / "cibadmin"
    password.write_text("#!/bin/sh\necho secret\n")
    password.chmod(mode)
    names = [script.format(password) for script in scripts]
    pairs = [f'  <nvpair id="p{n}" name="password_script" value="{name}"/>' for n, name in enumerate(names)]
    cibadmin.write_text("#!/bin/sh\ncat <<'EOF'\n" + "\n".join(["<xpath-query>", *pairs, "</xpath-query>"]) + "\nEOF\n")
    cibadmin.chmod(0o700)
    (check,) = (one for one in named("no-password").checks if isinstance(one, OnNodes))
    shell = ["sh", "-euc", filled(check.script, NAMES)]
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(shell, env={"PATH": path}, capture_output=True, check=False)
    assert (done.returncode == 0) == gives
