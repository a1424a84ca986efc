"""The target's machine is made anew, but not what it exports: the site is there again, with all that was written."""

from __future__ import annotations

import json
import subprocess
from functools import partial

import pytest

from halab.cli.watch.site import SiteLoad
from tests.e2e.lab import STATE, TERRAFORM, Lab, hypervisor
from tests.e2e.planned import diff

_FILE = "/var/www/html/written-before"


@pytest.fixture(autouse=True)
def written(lab: Lab) -> None:
    lab.until("the site", lab.served_by)
    lab.ask("node1", "sh", "-euc", f"echo precious > {_FILE}; sync {_FILE}")


def exported(lab: Lab) -> tuple[str, str]:
    """The target's name, and the path of its LUN."""
    outputs = json.loads((STATE / "outputs.json").read_text())[lab.settings.name]
    return outputs["target_iqn"], lab.ask("node1", "sh", "-euc", "echo /dev/disk/by-id/wwn-*-part1").strip()


def terraform(lab: Lab, *arguments: str) -> subprocess.CompletedProcess[str]:
    return lab.run(TERRAFORM, f"-chdir=cdktf.out/stacks/{lab.settings.name}", *arguments)


def whole(lab: Lab) -> None:
    """All is as it was, and the next plan, which looks at the LUN again, finds nothing to do."""
    lab.reconnect()
    lab.until("all online", lambda: lab.online() == set(lab.nodes), deadline_s=900)
    lab.until("GFS2 everywhere", lab.all_mounted, deadline_s=900)
    lab.until("the site", lab.served_by)
    lab.until("SBD's device, which Pacemaker tries again", lambda: lab.runs_on("fence-sbd"))
    for node in lab.nodes:
        assert lab.ask(node, "cat", _FILE) == "precious\n"
    assert diff(lab).actions == {}


@pytest.mark.long
def test_another_machine_takes_over_the_lun_while_nodes_use_it(lab: Lab, capfd: pytest.CaptureFixture[str]) -> None:
    before, boots = exported(lab), {node: lab.boot_id(node) for node in lab.nodes}
    assert lab.run("npx", "cdktf", "synth").returncode == 0
    assert terraform(lab, "init", "-input=false").returncode == 0
    with SiteLoad(lab.site) as load:
        done = terraform(lab, "apply", "-auto-approve", "-input=false", "-replace=halab_machine.target")
    with capfd.disabled():
        print(f"\nthe target's machine made anew: {load}", flush=True)
    assert done.returncode == 0
    whole(lab)
    assert exported(lab) == before
    assert {node: lab.boot_id(node) for node in lab.nodes} == boots, "nobody was fenced"


@pytest.mark.long
def test_a_target_that_is_gone_is_made_anew_around_its_lun(lab: Lab) -> None:
    """A diff waits for the LUN in vain, and the deploy again: by then nodes may have been fenced for what they miss."""
    before = exported(lab)
    with hypervisor() as connection:
        domain = connection.lookupByName(f"{lab.settings.name}-target")
        uuid = domain.UUIDString()
        domain.shutdown()
        lab.until("end of the target", lambda: not domain.isActive())
        domain.undefine()
    plan = diff(lab)
    anew = {address for address, done in plan.actions.items() if "create" in done}
    assert anew == {f"halab_{what}" for what in ("machine.target", "host.target_host", "ssh_trust.target_ssh_trust")}
    assert [address for address, done in plan.actions.items() if "delete" in done] == []
    lab.deploy()
    with hypervisor() as connection:  # another one: libvirtd may have closed the first, which was mute for minutes
        assert connection.lookupByName(f"{lab.settings.name}-target").UUIDString() != uuid
    lab.until("an answer of node1", partial(lab.boot_id, "node1"))
    whole(lab)
    assert exported(lab) == before
