"""What somebody changes or removes by hand is seen in the plan and put right, for each resource type."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from halab.provider.registry import ITEMS, RESOURCES
from tests.acceptance.doubles import DoubledProvider
from tests.acceptance.guests import MEMBER, Thing
from tests.acceptance.hypervisor import INACTIVE, stop_fencing_daemons

if TYPE_CHECKING:
    from tests.acceptance.conftest import Terraform

Deployed = tuple["Terraform", DoubledProvider]

# address -> the attribute that changes, and to what
DRIFT: dict[str, tuple[str, Any]] = {
    "halab_host.node1_host": ("firewall", "disabled"),
    "halab_ssh_trust.target_ssh_trust": ("peers", []),
    "halab_packages.tools": ("names", ["tcpdump"]),
    "halab_service.cron": ("enabled", False),
    "halab_quorum_device.asks": ("connected", False),
    "halab_scsi_key.key": ("condition", "the LUN is not there on node1"),
    "halab_scsi_watch.watch": ("condition", "it does not watch its key"),
    "halab_multipath.paths": ("condition", "1 of 2 paths work"),
    "halab_scsi_reservation.reservation": ("keys", ["e1c4a12b", "0badf00d"]),
    "halab_file.node1_fencing_password": ("mode", "0777"),
    "halab_cluster_file.page": ("content", "hacked\n"),
    "halab_ca_certificate.node1_fencing_ca": ("pem", "another"),
    "halab_partition.target_partition": ("condition", "not in the kernel's table"),
    "halab_shared_partition.lun_partition": ("condition", "not in the kernel's table"),
    "halab_iscsi_target.iscsi_target": ("demo_mode", True),
    "halab_iscsi_acl.node1_acl": ("chap_user", "mallory"),
    "halab_iscsi_session.node1_session": ("replacement_timeout_s", 5),
    "halab_cluster_member.node1_member": ("enabled", False),
    "halab_cluster_node.node1": ("standby", True),
    "halab_pcsd.node1_pcsd": ("running", False),
    "halab_gfs2.gfs2": ("journals", 0),
    "halab_cluster_property.no_quorum_policy": ("value", "ignore"),
    "halab_primitive.ping": ("params", {"host_list": "127.0.0.1"}),
    "halab_group.site": ("bans", ["cli-ban-summit-site-on-node1"]),
    "halab_clone.locking": ("meta", {"interleave": "false"}),
    "halab_stonith.fence_node1": ("delay", "99s"),
    "halab_sbd_disk.sbd_header": ("condition", "it is away"),
    "halab_sbd.node1_sbd": ("condition", "sbd does not run beside the cluster"),
    "halab_fencing_level.node1_level1": ("devices", ["nothing"]),
    "halab_location.ping_likes": ("score", "-5"),
    "halab_colocation.ping_with": ("score", "-5"),
    "halab_order.ping_then": ("kind", "Optional"),
    "halab_site.node1_site": ("served_by", "somebody"),
}
# Of types that are no guest's: in the state only; and those that test_machines.py removes.
NOT_IN_GUESTS = {"halab_secret", "halab_cluster"}
ONLY_REMOVED = {"halab_image", "halab_volume", "halab_ssh_key"}
ELSEWHERE = {"halab_installed_image"}  # the lab has none; its own tests are test_installed_image.py's
# Nothing of these changes and can be changed back: they are there, or not.
ONLY_DELETED = {"halab_lvm_host", "halab_shared_vg", "halab_logical_volume", "halab_lvm_device"}


def thing(terraform: Terraform, address: str) -> Thing:
    return address.split(".")[0], terraform.resource(address)["id"]


def test_every_guest_type_drifts_or_says_why_not() -> None:
    assert {address.split(".")[0] for address in DRIFT} | ONLY_DELETED == {*ITEMS}


def test_what_was_changed_in_guests_is_put_right(deployed: Deployed) -> None:
    terraform, provider = deployed
    before = provider.guests.things()
    for address, (attribute, value) in DRIFT.items():
        provider.guests.drift(thing(terraform, address), **{attribute: value})
    plan = terraform.plan()
    assert plan.actions == {key: ["update"] for key in DRIFT}
    for address, (attribute, value) in DRIFT.items():
        change = plan.changes[address]
        differing = {name for name, after in change["after"].items() if after != change["before"][name]}
        assert (differing, change["before"][attribute], change["after_unknown"]) == ({attribute}, value, {})
    terraform.apply()
    assert terraform.plan().actions == {}
    assert provider.guests.things() == before


def test_what_was_removed_in_guests_is_made_anew(deployed: Deployed) -> None:
    terraform, provider = deployed
    for gone in provider.guests.things():
        if gone[0] != MEMBER:
            provider.guests.lose(gone)
    plan = terraform.plan()
    guests = [address for address in terraform.state() if address.split(".")[0] in ITEMS]
    assert plan.actions == {address: ["create"] for address in guests if not address.startswith(MEMBER)}
    terraform.apply()
    assert terraform.plan().actions == {}


def test_a_node_that_left_the_cluster_joins_again(deployed: Deployed) -> None:
    """Nothing can be said about the CIB meanwhile: what is in it keeps its state."""
    terraform, provider = deployed
    member = thing(terraform, "halab_cluster_member.node1_member")
    store = provider.guests.holding(member)
    kept = store.pop(member)
    assert terraform.plan().actions == {"halab_cluster_member.node1_member": ["create"]}
    store[member] = json.dumps({**json.loads(kept), "running": False})
    assert terraform.plan().actions == {"halab_cluster_member.node1_member": ["update"]}
    terraform.apply("-target=halab_cluster_member.node1_member")
    assert terraform.plan().actions == {}


def test_what_was_changed_outside_guests_is_put_right(deployed: Deployed) -> None:
    terraform, provider = deployed
    virt = provider.connection.libvirt
    virt.networkLookupByName("summit").destroy()
    domain = provider.domain("target")
    virt.defineXML(domain.XMLDesc(INACTIVE).replace(">1</vcpu>", ">4</vcpu>"))
    running = domain.ID()
    stop_fencing_daemons()
    config = provider.folder.ssh_config
    config.write_text(config.read_text() + "# edited\n")
    expected = {
        "halab_network.network": ("active", False, True),
        "halab_machine.target": ("vcpus", 4, 1),
        "halab_fencing_endpoint.fencing_endpoint": ("running", False, True),
        "halab_ssh_config.ssh_config": ("intact", False, True),
    }
    covered = {address.split(".")[0] for address in (*expected, "halab_pool.pool")}
    assert covered | NOT_IN_GUESTS | ONLY_REMOVED | ELSEWHERE == {*RESOURCES}
    plan = terraform.plan()
    assert plan.actions == {key: ["update"] for key in expected}
    for address, (attribute, is_, should) in expected.items():
        change = plan.changes[address]
        assert (change["before"][attribute], change["after"][attribute]) == (is_, should)
    assert plan.outcome.reported == ()
    terraform.apply()
    assert provider.domain("target").ID() == running, "it ran with what it should have: no restart"
    virt.storagePoolLookupByName("summit").destroy()  # its volumes cannot be seen now, but they are not gone
    assert terraform.plan().actions == {"halab_pool.pool": ["update"]}
    terraform.apply()
    assert terraform.plan().actions == {}
