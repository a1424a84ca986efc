"""What a person changes by hand on a lab, and adds beside it.

Of the three nodes one serves the site and is left in peace, one (`idle`) is put into standby and loses its storage, one
(`other`) goes on working.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import libvirt

from halab.provider.fencing import power_process
from halab.provider.fencing.power_files import PowerFiles
from tests.e2e.lab import STATE, Lab, hypervisor

CONF = "/etc/corosync/corosync.conf"
# What `pcs resource unmanage` and `disable` write. $1 primitive, $2 attribute, $3 value
SET_META = """cibadmin --modify --allow-create --xml-text "<primitive id='$1'><meta_attributes id='by-hand-$1'>\
<nvpair id='by-hand-$1-$2' name='$2' value='$3'/></meta_attributes></primitive>\""""
CONFIG, MAXIMUM = libvirt.VIR_DOMAIN_AFFECT_CONFIG, libvirt.VIR_DOMAIN_MEM_MAXIMUM


@dataclass(frozen=True)
class Roles:
    """Which node is what, and the names of the target and its initiators."""

    active: str
    idle: str
    other: str
    iqn: str
    initiators: dict[str, str]

    @property
    def tpg(self) -> str:
        return f"/sys/kernel/config/target/iscsi/{self.iqn}/tpgt_1"


@dataclass(frozen=True)
class Drift:
    """What somebody does, the resource that a plan has to name for it, and the attributes that it shows."""

    address: str
    attributes: set[str]
    by_hand: Callable[[], object]


def shell(lab: Lab, host: str, text: str, *args: str) -> Callable[[], object]:
    return partial(lab.ask, host, "sh", "-euc", text, "sh", *args)


def drifts(lab: Lab, r: Roles) -> list[Drift]:
    """Storage, cluster, hosts and hypervisor; the first is waited for, since the next ones need an idle node."""
    name, platform = lab.settings.name, lab.settings.image.platform
    at = partial(shell, lab)
    site = f"{platform.apache_conf_dir}/halab-site.conf"
    opened, closed = (
        ("firewall-cmd -q --zone=halab --add-port=9/tcp", "systemctl stop firewalld")
        if platform.firewall == "firewalld"
        else ("nft insert rule inet halab input accept", "nft delete table inet halab")
    )
    return [
        Drift(
            f"halab_iscsi_session.{r.idle}_session",
            {"condition"},
            at(r.idle, 'iscsiadm -m node -T "$1" --logout', r.iqn),
        ),
        Drift(
            f"halab_iscsi_acl.{r.idle}_acl",
            {"condition"},
            at("target", 'cd "$1/acls/$2/lun_0"; find . -type l -exec rm {} +; cd ..; rmdir lun_0',
               r.tpg, r.initiators[r.idle]),
        ),
        Drift(
            f"halab_iscsi_acl.{r.other}_acl",
            {"condition"},
            at("target", 'echo 0 > "$1/acls/$2/attrib/authentication"', r.tpg, r.initiators[r.other]),
        ),
        Drift(
            "halab_iscsi_target.iscsi_target",
            {"condition"},
            at("target", 'echo 0 > "$1/attrib/authentication"; echo 1 > "$1/attrib/generate_node_acls"', r.tpg),
        ),
        Drift("halab_host.target_host", {"time_source"}, at("target", 'systemctl stop "$1"', platform.chrony_unit)),
        # systemd reads all of its files anew when the next one is disabled: half a minute of a busy emulated guest.
        Drift(f"halab_pcsd.{r.idle}_pcsd", {"enabled"}, at(r.idle, "systemctl --no-reload disable pcsd")),
        Drift(f"halab_host.{r.idle}_host", {"firewall"}, at(r.idle, opened)),
        Drift(f"halab_host.{r.other}_host", {"firewall"}, at(r.other, closed)),
        Drift(
            f"halab_cluster_member.{r.other}_member",
            {"corosync_conf"},
            at(r.other, f"sed -i 's/to_syslog: yes/to_syslog: no/' {CONF}"),
        ),
        Drift(
            f"halab_cluster_member.{r.idle}_member",
            {"enabled", "late_start"},
            at(r.idle, "systemctl disable corosync pacemaker; chmod -x /etc/halab/corosync-wait"),
        ),
        Drift(
            f"halab_site.{r.idle}_site",
            {"condition"},
            at(r.idle, 'sed -i s/X-Served-By/X-By/ "$1"', site),
        ),
        Drift(
            "halab_cluster_property.stonith_timeout",
            {"value"},
            at(r.active, "crm_attribute --type crm_config --name stonith-timeout --update 61s"),
        ),
        Drift(
            "halab_clone.locking",
            {"primitives"},
            at(r.active, "cibadmin --modify --xml-text \"<op id='$1-dlm-monitor-interval-30s' timeout='61s'/>\"", name),
        ),
        Drift(
            "halab_group.site",
            {"after", "bans"},
            at(r.active, 'cibadmin --delete --xpath "//rsc_order[@then=\'$1-site\']"; '
               'crm_resource --ban --resource "$1-site" --node "$2"', name, r.idle),
        ),
        # Nobody looks after the file system any more, so that Pacemaker does not answer the next one by fencing.
        Drift(
            "halab_clone.shared_fs",
            {"primitives"},
            at(r.other, f"{SET_META}; umount /var/www/html", f"{name}-{lab.settings.gfs2.name}", "is-managed", "false"),
        ),
        Drift(
            f"halab_stonith.fence_{r.idle}",
            {"meta"},
            at(r.active, SET_META, f"fence-{r.idle}", "target-role", "Stopped"),
        ),
        Drift(
            f"halab_stonith.fence_{r.other}",
            {"params"},
            at(r.active, 'crm_resource --resource "$1" --set-parameter ip --parameter-value 127.0.0.1',
               f"fence-{r.other}"),
        ),
        Drift("halab_network.network", {"hosts"}, partial(forget_reservation, lab, r.other)),
        Drift(f"halab_machine.{r.other}", {"memory_mib"}, partial(edit_memory, lab, r.other)),
        Drift("halab_ssh_config.ssh_config", {"intact"}, edit_ssh_config),
        Drift("halab_fencing_endpoint.fencing_endpoint", {"running"}, partial(end_endpoint, lab)),
    ]  # fmt: skip


def forget_reservation(lab: Lab, node: str) -> None:
    with hypervisor() as connection:
        network = connection.networkLookupByName(lab.settings.name)
        hosts = ET.fromstring(network.XMLDesc()).iterfind("ip/dhcp/host")
        xml = next(ET.tostring(host, encoding="unicode") for host in hosts if host.get("name") == node)
        flags = libvirt.VIR_NETWORK_UPDATE_AFFECT_CONFIG | libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE
        network.update(
            libvirt.VIR_NETWORK_UPDATE_COMMAND_DELETE, libvirt.VIR_NETWORK_SECTION_IP_DHCP_HOST, -1, xml, flags
        )


def edit_memory(lab: Lab, node: str) -> None:
    """In the definition only, as `virsh edit` does; the running machine keeps what it has."""
    with hypervisor() as connection:
        domain = connection.lookupByName(f"{lab.settings.name}-{node}")
        kib = (lab.settings.memory_mib - 64) * 1024
        domain.setMemoryFlags(kib, CONFIG)
        domain.setMemoryFlags(kib, CONFIG | MAXIMUM)


def edit_ssh_config() -> None:
    with (STATE / "ssh_config").open("a") as file:
        file.write("# edited\n")


def end_endpoint(lab: Lab) -> None:
    """Its supervisor, too."""
    power_process.end(PowerFiles(STATE / "fencing" / lab.settings.name).config)


def standby(lab: Lab, node: str) -> None:
    lab.ask(node, "crm_attribute", "--node", node, "--name", "standby", "--lifetime", "forever", "--update", "on")
    lab.until(f"{node} without resources", lambda: not runs_there(lab, node))


def runs_there(lab: Lab, node: str) -> list[str]:
    found = lab.status(node).iter("resource")
    return [r.get("id", "") for r in found if any(n.get("name") == node for n in r.iter("node"))]


# --- what a person has added beside our things ---


def add(lab: Lab, r: Roles) -> None:
    lab.ask(r.active, "cibadmin", "--create", "--scope", "resources", "--xml-text",
            "<primitive id='person-dummy' class='ocf' provider='pacemaker' type='Dummy'/>")  # fmt: skip
    site = f"{lab.settings.name}-site"
    lab.ask(r.active, "cibadmin", "--create", "--scope", "constraints", "--xml-text",
            f"<rsc_location id='person-likes' rsc='{site}' node='{r.active}' score='1'/>")  # fmt: skip
    lab.ask(
        r.active, "crm_attribute", "--type", "crm_config", "--name", "cluster-recheck-interval", "--update", "10min"
    )
    lab.ask(r.active, "crm_resource", "--resource", site, "--meta", "--set-parameter", "migration-threshold",
            "--parameter-value", "5")  # fmt: skip
    lab.ask(r.other, "sh", "-euc", "nft add table inet person; echo 192.0.2.7 printer >> /etc/hosts")
    lab.ask("target", "mkdir", f"{r.tpg}/acls/iqn.2026-01.test.person:printer")
    _update_network(lab, libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST)


def added(lab: Lab, r: Roles) -> set[str]:
    """What of it is still there."""
    cib = lab.ask(r.active, "cibadmin", "--query")
    names = ("person-dummy", "person-likes", "cluster-recheck-interval", "migration-threshold")
    found = {name for name in names if f'"{name}"' in cib}
    found |= {"nft"} if "inet person" in lab.ask(r.other, "nft", "list", "tables") else set()
    found |= {"hosts"} if "printer" in lab.ask(r.other, "cat", "/etc/hosts") else set()
    found |= {"acl"} if "person" in lab.ask("target", "ls", f"{r.tpg}/acls") else set()
    with hypervisor() as connection:
        found |= {"dhcp"} if "printer" in connection.networkLookupByName(lab.settings.name).XMLDesc() else set()
    return found


EVERYTHING = {
    *("person-dummy", "person-likes", "cluster-recheck-interval", "migration-threshold"),
    *("nft", "hosts", "acl", "dhcp"),
}


def take_back(lab: Lab, r: Roles) -> None:
    site = f"{lab.settings.name}-site"
    lab.ask(r.active, "crm_resource", "--resource", "person-dummy", "--meta", "--set-parameter", "target-role",
            "--parameter-value", "Stopped")  # fmt: skip
    lab.until("end of the person's resource", lambda: not lab.runs_on("person-dummy", r.active))
    lab.ask(r.active, "cibadmin", "--delete", "--xpath", "//primitive[@id='person-dummy']")
    lab.ask(r.active, "cibadmin", "--delete", "--xpath", "//rsc_location[@id='person-likes']")
    lab.ask(r.active, "crm_attribute", "--type", "crm_config", "--name", "cluster-recheck-interval", "--delete")
    lab.ask(r.active, "crm_resource", "--resource", site, "--meta", "--delete-parameter", "migration-threshold")
    lab.ask(r.other, "sh", "-euc", "nft delete table inet person; sed -i '/printer/d' /etc/hosts")
    lab.ask("target", "rmdir", f"{r.tpg}/acls/iqn.2026-01.test.person:printer")
    _update_network(lab, libvirt.VIR_NETWORK_UPDATE_COMMAND_DELETE)


def _update_network(lab: Lab, command: int) -> None:
    """Add the person's host to the addresses that the network hands out, or delete it."""
    with hypervisor() as connection:
        connection.networkLookupByName(lab.settings.name).update(
            command,
            libvirt.VIR_NETWORK_SECTION_IP_DHCP_HOST,
            -1,
            f"<host mac='52:54:00:00:00:77' name='printer' ip='{lab.settings.net[77]}'/>",
            libvirt.VIR_NETWORK_UPDATE_AFFECT_CONFIG | libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE,
        )
