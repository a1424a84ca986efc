"""EL 9 in every item: units, paths and options, each with the document it is taken from. None was run on an EL system.

DOCS is Red Hat's documentation of RHEL 9; where a package is named, its file list.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from halab.images.host import HOST
from halab.images.profile import names_of
from halab.provisioners.engine.command import Secret
from halab.provisioners.engine.errors import NotSupported
from halab.provisioners.engine.managed_block import WriteFiles
from halab.provisioners.engine.platform import BY_SUITE, DEBIAN_12, DEBIAN_13, EL_9, detect
from halab.provisioners.engine.steps import Await, PutFile, Run, Step
from halab.provisioners.host.baseline import HostEntry, HostItem, HostSpec
from halab.provisioners.host.packages import Packages, PackagesItem
from halab.provisioners.host.trust import CaCertificate, CaCertificateItem
from halab.provisioners.iscsi.lio import Target, TargetItem
from halab.provisioners.iscsi.session import Session, SessionItem
from halab.provisioners.storage import lvm
from halab.provisioners.web.apache import Site, SiteItem, render

OS_RELEASE = Path(__file__).parents[3] / "data" / "host" / "os-release"
IQN = "iqn.2003-01.org.linux-iscsi.target.x8664:sn.0123456789ab"


@pytest.mark.parametrize("name", ["rhel-9", "almalinux-9", "rocky-9", "centos-stream-9"])
def test_each_distribution_is_known(name: str) -> None:
    assert detect((OS_RELEASE / name).read_text()) is EL_9


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("rhel-9", "9.4", "10.0"), ("centos-stream-9", '"9"', '"8"'), ("rocky-9", "rocky", "fedora")],
)
def test_others_are_not(name: str, old: str, new: str) -> None:
    with pytest.raises(NotSupported, match="Debian 12, Debian 13 and EL 9"):
        detect((OS_RELEASE / name).read_text().replace(old, new))


def test_a_suite_has_the_platform_that_its_guests_show() -> None:
    assert dict(BY_SUITE) == {"trixie": DEBIAN_13, "bookworm": DEBIAN_12, "el9": EL_9}


@pytest.mark.parametrize(
    ("field", "value", "source"),
    [
        ("apache_config", "/etc/httpd/conf/httpd.conf", "DOCS: Configuring an active/passive Apache HTTP server"),
        ("apache_conf_dir", "/etc/httpd/conf.d", "the same; httpd.conf: IncludeOptional conf.d/*.conf"),
        ("apache_unit", "httpd", "httpd: /usr/lib/systemd/system/httpd.service"),
        ("apache_binary", "/usr/sbin/httpd", "httpd"),
        ("apache_modules", "modules", "httpd: ServerRoot /etc/httpd, modules -> /usr/lib64/httpd/modules"),
        ("lio_unit", "target", "DOCS: Managing storage devices, Configuring an iSCSI target"),
        ("lio_saveconfig", "/etc/target/saveconfig.json", "the same; targetcli(8)"),
        ("iscsid_unit", "iscsid", "iscsi-initiator-utils"),
        ("iscsi_login_unit", "iscsi", "iscsi-initiator-utils: iscsi.service logs in to automatic nodes"),
        ("iscsi_node_db", "/var/lib/iscsi/nodes", "iscsi-initiator-utils"),
        ("chrony_unit", "chronyd", "DOCS: Configuring time synchronization"),
        ("chrony_config", "/etc/chrony.conf", "the same"),
        ("ssh_unit", "sshd", "openssh-server"),
        ("lvm_uses_devices_file", True, "DOCS: Managing logical volumes, Limiting LVM device visibility"),
        ("firewall", "firewalld", "DOCS: Configuring firewalls and packet filters"),
        ("ca_trust_dir", "/etc/pki/ca-trust/source/anchors", "DOCS: Securing networks, Using shared certificates"),
        ("ca_trust_update", ("update-ca-trust", "extract"), "the same; update-ca-trust(8)"),
        ("corosync_default_to_clear", False, "corosync ships corosync.conf.example only"),
        (
            "shared_mount_options",
            "noatime,context=system_u:object_r:httpd_sys_content_t:s0",
            "DOCS: Configuring GFS2 file systems, SELinux on GFS2; mount(8)",
        ),
    ],
)
def test_names_and_paths(field: str, value: object, source: str) -> None:
    assert source
    assert getattr(EL_9, field) == value


@pytest.mark.parametrize(
    ("package", "addon"),
    [
        # DOCS: "Configuring and managing high availability clusters" and "Configuring GFS2 file systems"
        ("pcs", "HighAvailability"),
        ("pacemaker", "HighAvailability"),
        ("corosync", "HighAvailability"),
        ("fence-agents-redfish", "HighAvailability"),
        ("dlm", "ResilientStorage"),
        ("gfs2-utils", "ResilientStorage"),
        ("lvm2-lockd", "ResilientStorage"),
        ("targetcli", ""),
        ("iscsi-initiator-utils", ""),
        ("httpd", ""),
        ("firewalld", ""),
    ],
)
def test_packages_come_with_the_image(package: str, addon: str) -> None:
    (entry,) = [entry for entry in HOST.packages if package in entry.el]
    assert entry.addon == addon


def test_units_that_the_cluster_or_provisioning_starts_do_not_start_by_themselves() -> None:
    disabled = {name.removesuffix(".service") for name in names_of(HOST.disabled, "el")}
    assert {"corosync", "pacemaker", "pcsd", "dlm", "lvmlockd", EL_9.apache_unit, EL_9.lio_unit} <= disabled
    enabled = {name.removesuffix(".service") for name in names_of(HOST.enabled, "el")}
    assert {EL_9.ssh_unit, EL_9.chrony_unit, "NetworkManager"} <= enabled


HOST_SPEC = HostSpec(
    machine="m", hostname="node1", domain="summit.test", hosts=(HostEntry(name="node1", address="10.0.0.11"),)
)
SESSION = Session(
    machine="m",
    initiator_iqn="iqn.1994-05.com.redhat:node1",
    target_iqn=IQN,
    portal="10.0.0.10",
    chap_user="node1",
    chap_password=Secret("Correct-Horse-1"),
)
TARGET = Target(machine="m", device="/dev/vdb1", portal="10.0.0.10", iqn=IQN)
SITE = Site(machine="m", document_root="/var/www/html", server_name="www.summit.test", served_by="node1")
DEVICE = lvm.LvmDevice(machine="m", vg="vg0", device="/dev/disk/by-id/wwn-0x6001405-part1")
VG = lvm.SharedVg(cluster="c", name="vg0", device="/dev/disk/by-id/wwn-0x6001405-part1")
CA = CaCertificate(machine="m", name="halab", pem="-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")
TOOLS = Packages(machine="m", names=("tmux",))


@pytest.mark.parametrize(
    ("item", "now", "wanted", "words", "never"),
    [
        (HostItem(), None, HOST_SPEC, ["/etc/chrony.conf", "chronyd", "firewall-cmd -q --reload"], ["nft -f"]),
        (SessionItem(), None, SESSION, ["/var/lib/iscsi/nodes", "iscsid", "iscsi"], ["open-iscsi"]),
        (TargetItem(), None, TARGET, ["target", "/etc/target/saveconfig.json"], ["rtslib-fb-target"]),
        (SiteItem(), None, SITE, ["/etc/httpd/conf.d/halab-site.conf", "/usr/sbin/httpd"], ["apache2"]),
        (SiteItem(), SITE, None, ["/etc/httpd/conf.d/halab-site.conf"], ["apache2"]),
        (lvm.LvmDeviceItem(), None, DEVICE, ["lvmdevices --adddev", "yes"], []),
        (lvm.LvmDeviceItem(), DEVICE, None, ["lvmdevices --deldev", "yes"], []),
        (lvm.SharedVgItem(), VG, None, ["--devicesfile=", "yes"], []),
        (CaCertificateItem(), None, CA, ["anchors/halab.crt", "update-ca-trust extract"], ["/etc/ssl/certs"]),
        (CaCertificateItem(), CA, None, ["anchors/halab.crt", "update-ca-trust extract"], ["/etc/ssl/certs"]),
        (PackagesItem(), None, TOOLS, ["tmux"], ["apt-get"]),
    ],
)
def test_steps(item: Any, now: Any, wanted: Any, words: list[str], never: list[str]) -> None:
    text = "\n".join(told(item.steps(EL_9, now, wanted)))
    assert all(word in text for word in words), text
    assert not [word for word in never if word in text]


def told(steps: Iterator[Step]) -> Iterator[str]:
    """What each step runs or writes; scripts must at least be shell."""
    for step in steps:
        command = step.probe if isinstance(step, Await) else step.command if isinstance(step, Run) else None
        if command is not None:
            if command.argv[0] == "sh":
                subprocess.run(["sh", "-n", "-c", command.argv[2]], check=True)
            yield " ".join(command.argv)
            if isinstance(command.stdin, Secret):
                yield command.stdin.reveal()
        elif isinstance(step, PutFile):
            yield step.path
        elif isinstance(step, WriteFiles):
            yield from (entry.path for entry in step.entries)
        else:
            yield str(step)


def test_a_volume_group_is_seen_by_a_node_whose_devices_file_does_not_name_it(guest_host: Callable[..., Any]) -> None:
    """vgs(8): `--devicesfile ""` has LVM look at all devices."""
    seen = 'seen\n\x1e{"report": [{"vg": [{"vg_name": "vg0", "vg_uuid": "u", "vg_lock_type": "dlm"}]}]}'
    for platform, said in ((EL_9, "yes"), (DEBIAN_13, "no")):
        host, guest = guest_host(seen, platform=platform)
        assert lvm.SharedVgItem().observe(host, VG) is not None
        assert guest.asked[0].argv[-1] == said
        assert 'any=; [ "$3" = no ] || any=--devicesfile=' in guest.asked[0].argv[2]


def test_httpd_loads_modules_below_its_server_root() -> None:
    assert "LoadModule headers_module modules/mod_headers.so" in render(EL_9, SITE)


CHECKOUT = Path(__file__).parents[4]
OTHER_NAMES = {
    field.name: (getattr(DEBIAN_13, field.name), getattr(EL_9, field.name))
    for field in fields(EL_9)
    if getattr(DEBIAN_13, field.name) != getattr(EL_9, field.name)
}


def test_the_tests_of_a_lab_that_run_on_el_9_have_names_from_the_platform() -> None:
    paths = [name for name, _ in OTHER_NAMES.values() if isinstance(name, str) and name.startswith("/")]
    units = [name for field, (name, _) in OTHER_NAMES.items() if field.endswith("_unit")]
    assert {"/etc/chrony/chrony.conf", "/etc/apache2/apache2.conf"} <= set(paths)
    assert {"chrony", "ssh", "apache2"} <= set(units)
    words = re.compile(rf"{'|'.join(map(re.escape, paths))}|/etc/apache2|systemctl [a-z -]*\b({'|'.join(units)})\b")
    found = [
        f"{file.name}: {match[0]}"
        for file in sorted((CHECKOUT / "tests" / "e2e").glob("*.py"))
        if "\npytestmark = pytest.mark.long\n" not in (text := file.read_text())
        for match in words.finditer(text)
    ]
    assert not found


def test_pacemaker_waits_for_the_disks_and_not_only_for_the_question() -> None:
    """iscsi-initiator-utils' own unit has -W (--no_wait): it ends while log-ins are under way."""
    files = {file.path: file.content().decode() for file in HOST.files_of("el")}
    unit = files["/etc/systemd/system/iscsi.service.d/halab.conf"].splitlines()
    starts = [line for line in unit if line.startswith("ExecStart=")]
    assert starts == ["ExecStart=", "ExecStart=/usr/sbin/iscsiadm -m node --loginall=automatic"]
    assert "ExecStartPost=/usr/bin/udevadm settle" in unit  # the names below /dev/disk/by-id


def test_a_rotated_log_is_left_by_the_httpd_that_pacemaker_started() -> None:
    files = {file.path: file.content().decode() for file in HOST.files_of("el")}
    rotation = files["/etc/logrotate.d/httpd"]
    assert "systemctl" not in rotation
    assert f'pgrep --oldest --exact {Path(EL_9.apache_binary).name}) && kill -USR1 "$pid"' in rotation
