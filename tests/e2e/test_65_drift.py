"""Whatever is changed by hand, all at once: one diff names exactly that, one deploy puts it right.

docs/drift.md lists every drift, by_hand.py what is done here.
"""

from __future__ import annotations

import json
from functools import partial

import libvirt
import pytest

from tests.e2e.by_hand import EVERYTHING, Roles, add, added, drifts, standby, take_back
from tests.e2e.lab import HALAB, STATE, Lab, hypervisor
from tests.e2e.planned import diff
from tests.e2e.terraform_lab import unwrapped


@pytest.fixture(scope="module")
def roles(lab: Lab) -> Roles:
    active = str(lab.until("the site", lab.served_by))
    idle, other = [node for node in reversed(lab.nodes) if node != active][:2]
    iqn = json.loads((STATE / "outputs.json").read_text())[lab.settings.name]["target_iqn"]
    name = ("sed", "-n", "s/^InitiatorName=//p", "/etc/iscsi/initiatorname.iscsi")
    return Roles(active, idle, other, iqn, {node: lab.ask(node, *name).strip() for node in lab.nodes})


def test_one_diff_names_every_drift_and_one_deploy_repairs_it_all(lab: Lab, roles: Roles) -> None:
    boots = {name: lab.boot_id(name) for name in [*lab.nodes, "target"]}
    served_by = lab.served_by()
    add(lab, roles)
    found = drifts(lab, roles)
    standby(lab, roles.idle)
    for drift in found:
        drift.by_hand()

    plan = diff(lab)
    standing_by = f"halab_cluster_node.{roles.idle}"
    # The endpoint is dead: a device that looked for it just now has failed, and tries again after a minute.
    devices = {f"halab_stonith.fence_{node}" for node in lab.nodes}
    changed = {standing_by, *(drift.address for drift in found)}
    assert changed <= set(plan.actions) <= changed | devices
    assert set(map(tuple, plan.actions.values())) == {("update",)}
    assert plan.differing(standing_by) == {"standby"}
    for drift in found:
        assert drift.attributes <= plan.differing(drift.address), drift.address

    lab.deploy()
    for node in lab.nodes:
        lab.until(f"device of {node}", partial(lab.runs_on, f"fence-{node}"))
    lab.until("a plan without a change", lambda: diff(lab).actions == {})
    assert added(lab, roles) == EVERYTHING
    take_back(lab, roles)

    lab.until("GFS2 everywhere", lambda: lab.all_mounted(roles.active))
    assert lab.online(roles.active) == set(lab.nodes)
    assert lab.served_by() == served_by, "the site did not have to move"
    assert {name: lab.boot_id(name) for name in boots} == boots, "nothing was restarted, nobody was fenced"


@pytest.mark.long  # a double shows it, too (acceptance/test_machines)
def test_a_changed_host_key_is_refused_with_the_remedy(lab: Lab, roles: Roles) -> None:
    key = "/etc/ssh/ssh_host_ed25519_key"
    again = f"systemctl restart {lab.settings.image.platform.ssh_unit}"
    lab.ask(
        roles.idle, "sh", "-euc", f'mkdir /root/kept; mv {key}* /root/kept; ssh-keygen -q -t ed25519 -N "" -f {key}'
    )
    lab.ask(roles.idle, "sh", "-euc", again)
    said = refused(lab)
    lab.ask(roles.idle, "sh", "-euc", f"mv /root/kept/* /etc/ssh; rmdir /root/kept; {again}")  # on the old connection
    assert f"{roles.idle} shows another host key than the pinned one" in said
    assert "replace its machine" in said
    assert diff(lab).actions == {}


@pytest.mark.long
def test_a_machine_that_runs_but_does_not_answer_is_named_by_the_plan(lab: Lab, roles: Roles) -> None:
    mute = "add table inet mute; add chain inet mute in { type filter hook input priority -10; }; "
    lab.ask(roles.other, "nft", mute + "add rule inet mute in tcp dport 22 ct state new drop")
    done = lab.run(str(HALAB), "diff")
    lab.ask(roles.other, "nft", "delete table inet mute")  # on the old connection
    assert done.returncode == 0
    assert f"{roles.other} runs but does not answer" in unwrapped(done.stdout + done.stderr)


def refused(lab: Lab) -> str:
    """What a diff that must fail says."""
    done = lab.run(str(HALAB), "diff")
    assert done.returncode != 0
    return unwrapped(done.stdout + done.stderr)


@pytest.mark.long
def test_a_machine_that_is_off_is_switched_on_and_one_that_is_gone_is_made_anew(lab: Lab, roles: Roles) -> None:
    boots = {name: lab.boot_id(name) for name in [*lab.nodes, "target"] if name != roles.idle}
    machine = f"halab_machine.{roles.idle}"
    with hypervisor() as connection:
        domain = connection.lookupByName(f"{lab.settings.name}-{roles.idle}")
        uuid = domain.UUIDString()
        power_off(lab, domain)
        plan = diff(lab)
        assert plan.actions == {machine: ["update"]}
        assert plan.differing(machine) == {"running"}
        lab.deploy()
        lab.heals(roles.active)
        assert diff(lab).actions == {}

        domain = connection.lookupByName(f"{lab.settings.name}-{roles.idle}")
        power_off(lab, domain)
        domain.undefine()
        actions = diff(lab).actions
        assert actions[machine] == ["create"]
        for anew in ("halab_iscsi_acl.{}_acl", "halab_stonith.fence_{}"):
            assert actions[anew.format(roles.idle)] == ["delete", "create"]
        assert not [a for a, done in actions.items() if roles.idle not in a and done != ["update"]]
        lab.deploy()
        lab.heals(roles.active)
        assert connection.lookupByName(f"{lab.settings.name}-{roles.idle}").UUIDString() != uuid
    assert diff(lab).actions == {}
    assert {name: lab.boot_id(name) for name in boots} == boots
    assert [e.attrib for e in lab.status(roles.active).iterfind("fence_history/fence_event")] == []


def power_off(lab: Lab, domain: libvirt.virDomain) -> None:
    """In order: the node leaves its cluster, so that nobody fences it."""
    domain.shutdown()
    lab.until(f"end of {domain.name()}", lambda: not domain.isActive(), deadline_s=300)
