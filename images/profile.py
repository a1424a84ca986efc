"""What a host of the lab consists of: packages, units and files, for every distribution in one table.

Each image recipe renders this profile in its own language; nothing here runs anything. All machines of a lab, nodes and
target alike, are made from the same profile: a role is given to them later, over SSH.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Family = Literal["debian", "el"]
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class PackageSet:
    """Packages that serve one purpose, by each distribution family's names."""

    purpose: str
    debian: tuple[str, ...]
    el: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnitSet:
    """systemd units that share a reason to be switched on or off."""

    reason: str
    debian: tuple[str, ...]
    el: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GuestFile:
    """A file of the image. `template` is its name below images/templates, None for an empty file."""

    path: str
    template: str | None
    mode: int = 0o644
    families: tuple[Family, ...] = ("debian", "el")

    def content(self) -> bytes:
        """The file's bytes."""
        if self.template is None:
            return b""
        return (TEMPLATES / self.template).read_bytes()


@dataclass(frozen=True, slots=True, kw_only=True)
class HostProfile:
    """Everything that makes a plain installation a host of the lab.

    `enabled` and `disabled` can be changed inside a guest by whoever configures it; `masked` units serve nothing in
    a lab.
    A unit that does not exist in some release is not an error.
    """

    packages: tuple[PackageSet, ...]
    enabled: tuple[UnitSet, ...]
    disabled: tuple[UnitSet, ...]
    masked: tuple[UnitSet, ...]
    files: tuple[GuestFile, ...]
    links: tuple[tuple[str, str], ...]
    removed: tuple[str, ...]
    early_modules: tuple[str, ...]

    def package_names(self, family: Family) -> tuple[str, ...]:
        """All package names of a family, in the table's order."""
        return tuple(name for entry in self.packages for name in getattr(entry, family))

    def files_of(self, family: Family) -> tuple[GuestFile, ...]:
        """The files that a family's image gets."""
        return tuple(file for file in self.files if family in file.families)


def unit_names(sets: tuple[UnitSet, ...], family: Family) -> tuple[str, ...]:
    """All unit names of a family, in the table's order."""
    return tuple(name for entry in sets for name in getattr(entry, family))


_UNIT_DIR = "/etc/systemd/system"

HOST = HostProfile(
    packages=(
        PackageSet("init", ("systemd", "systemd-sysv", "udev", "dbus"), ("systemd", "systemd-udev", "dbus-broker")),
        PackageSet("kernel", ("linux-image-amd64", "kmod"), ("kernel", "kernel-modules", "kmod")),
        PackageSet(
            "reach",
            (
                "openssh-server", "python3", "iproute2", "iputils-ping", "netbase", "ca-certificates", "chrony",
                "nftables",
            ),
            ("openssh-server", "python3", "iproute", "iputils", "ca-certificates", "chrony", "firewalld"),
        ),
        PackageSet(
            "cluster",
            ("pcs", "pacemaker", "pacemaker-cli-utils", "corosync", "fence-agents-redfish", "resource-agents"),
            ("pcs", "pacemaker", "pacemaker-cli", "corosync", "fence-agents-redfish", "resource-agents"),
        ),
        PackageSet(
            "shared storage",
            ("dlm-controld", "gfs2-utils", "lvm2", "lvm2-lockd", "open-iscsi", "targetcli-fb"),
            ("dlm", "gfs2-utils", "lvm2", "lvm2-lockd", "iscsi-initiator-utils", "targetcli"),
        ),
        PackageSet("site", ("apache2", "wget", "curl"), ("httpd", "wget", "curl")),
        PackageSet(
            "tools",
            ("parted", "fdisk", "psmisc", "procps", "less"),
            ("parted", "util-linux", "psmisc", "procps-ng", "less"),
        ),
    ),
    enabled=(
        UnitSet("network by DHCP", ("systemd-networkd.service", "halab-resolv-conf.path"), ("NetworkManager.service",)),
        UnitSet("log-in", ("ssh.service", "halab-host-key.service"), ("sshd.service", "halab-host-key.service")),
        UnitSet("time", ("chrony.service",), ("chronyd.service",)),
        UnitSet("console", ("serial-getty@ttyS0.service",), ("serial-getty@ttyS0.service",)),
    ),
    disabled=(
        # Never masked: corosync.service requires sbd.service on Debian and would refuse to start.
        UnitSet(
            "the cluster starts them, or provisioning does",
            (
                "corosync.service", "corosync-notifyd.service", "pacemaker.service", "sbd.service",
                "sbd_remote.service", "pcsd.service", "pcsd-ruby.service", "dlm.service", "lvmlockd.service",
                "lvmlocks.service", "apache2.service", "apache-htcacheclean.service", "nftables.service",
                "logd.service",
            ),
            (
                "corosync.service", "corosync-notifyd.service", "pacemaker.service", "sbd.service",
                "sbd_remote.service", "pcsd.service", "dlm.service", "lvmlockd.service", "lvmlocks.service",
                "httpd.service", "firewalld.service",
            ),
        ),
        UnitSet(
            "only the target or only the initiators want them: provisioning enables",
            (
                "rtslib-fb-targetctl.service", "targetclid.service", "targetclid.socket", "iscsid.service",
                "iscsid.socket", "open-iscsi.service", "multipathd.service", "multipathd.socket",
            ),
            ("target.service", "iscsi.service", "iscsid.service", "iscsid.socket", "multipathd.service"),
        ),
        UnitSet(
            "housekeeping that competes with the cluster for a short-lived machine",
            (
                "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "man-db.timer",
                "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer", "systemd-pstore.service",
            ),
            ("dnf-makecache.timer", "fstrim.timer"),
        ),
        UnitSet(
            "they delay the boot",
            (
                "systemd-networkd-wait-online.service", "systemd-network-generator.service",
                "sshd-keygen.service", "getty@tty1.service", "lvm2-monitor.service", "blk-availability.service",
            ),
            ("NetworkManager-wait-online.service", "getty@tty1.service"),
        ),
    ),
    masked=(),
    files=(
        GuestFile("/etc/systemd/network/10-lab.network", "10-lab.network", families=("debian",)),
        GuestFile("/usr/local/lib/halab/resolv-conf", "halab-resolv-conf", 0o755, families=("debian",)),
        GuestFile(f"{_UNIT_DIR}/halab-resolv-conf.service", "halab-resolv-conf.service", families=("debian",)),
        GuestFile(f"{_UNIT_DIR}/halab-resolv-conf.path", "halab-resolv-conf.path", families=("debian",)),
        GuestFile("/usr/local/lib/halab/host-key", "halab-host-key", 0o755),
        GuestFile(f"{_UNIT_DIR}/halab-host-key.service", "halab-host-key.service"),
        GuestFile(f"{_UNIT_DIR}/ssh.service.d/halab.conf", "ssh.conf", families=("debian",)),
        GuestFile(f"{_UNIT_DIR}/sshd.service.d/halab.conf", "ssh.conf", families=("el",)),
        GuestFile("/etc/ssh/sshd_config.d/10-halab.conf", "sshd.conf", 0o600),
        GuestFile("/etc/systemd/journald.conf.d/halab.conf", "journald.conf"),
        GuestFile("/etc/systemd/system-preset/00-halab.preset", "systemd-preset", families=("debian",)),
        GuestFile("/etc/modprobe.d/halab.conf", "modprobe.conf"),
        # Initiators must not share a name: each machine makes its own when its daemon starts first.
        GuestFile("/etc/iscsi/initiatorname.iscsi", "initiatorname.iscsi", 0o600, families=("debian",)),
        # Empty: systemd makes a machine-id of its own at first boot.
        GuestFile("/etc/machine-id", None),
        GuestFile("/etc/hostname", None),
    ),
    links=(),
    removed=(
        # Debian's package configures and starts a one-node cluster.
        "/etc/corosync/corosync.conf",
        "/etc/corosync/authkey",
        "/etc/pacemaker/authkey",
        "/var/lib/dbus/machine-id",
        "/var/lib/systemd/random-seed",
        "/var/lib/systemd/credential.secret",
    ),
    # What the root disk, the network and the entropy source of a virtio machine need, loaded before systemd runs.
    early_modules=("virtio_blk", "ext4", "virtio_rng", "virtio_net"),
)
