"""The one host profile. All machines of a lab, nodes and target alike, are made from it: a role comes later, over SSH.

Under emulation each process that the boot starts costs more than a tenth of a second, so what is not needed does not
run; docs/design/002-image-boot.md has the measurements.
"""

from __future__ import annotations

from halab.images.profile import DiskLayout, GuestFile, HostProfile, Names, Region, RootAccess
from halab.images.unneeded import MASKED, SILENCED

_UNITS = "/etc/systemd/system"

# The agents that are written in Python; fence-virt's are programs.
FENCE_AGENTS = (
    *("fence-agents-redfish", "fence-agents-ipmilan", "fence-agents-wti", "fence-agents-virsh"),
    *("fence-agents-scsi", "fence-agents-sbd"),
)

# "any" machine of an image that all share has what every role needs; a machine that installs itself, its own role's.
_PACKAGES = (
    Names("init", ("systemd", "systemd-sysv", "udev", "dbus"), ("systemd", "systemd-udev", "dbus-broker")),
    Names("kernel", ("linux-image-amd64", "kmod", "zstd"), ("kernel", "kernel-modules", "kmod", "zstd")),
    Names("initramfs for any machine, and no rescue copy of it", (), ("dracut-config-generic",)),
    Names("log-in", ("openssh-server", "python3"), ("openssh-server", "python3")),
    Names(
        "network",
        ("iproute2", "iputils-ping", "netbase", "ca-certificates", "chrony", "nftables"),
        ("NetworkManager", "iproute", "iputils", "ca-certificates", "chrony", "firewalld"),
    ),
    Names("access control", (), ("selinux-policy-targeted", "policycoreutils")),
    Names(
        "cluster",
        ("pcs", "pacemaker", "pacemaker-cli-utils", "corosync", "resource-agents"),
        ("pcs", "pacemaker", "pacemaker-cli", "corosync", "resource-agents"),
        roles=("node",),
        addon="HighAvailability",
    ),
    # All of them, so that another way of fencing is no other image. Not multipath's, which come with the setting: their
    # rules for udev look at each disk of each boot.
    Names(
        "fencing",
        (*FENCE_AGENTS, "fence-virt", "sbd"),
        (*FENCE_AGENTS, "fence-virt", "sbd"),
        roles=("node",),
        addon="HighAvailability",
    ),
    Names(
        "shared file system",
        ("dlm-controld", "gfs2-utils", "lvm2-lockd"),
        ("dlm", "gfs2-utils", "lvm2-lockd"),
        roles=("node",),
        addon="ResilientStorage",
    ),
    Names("initiator", ("lvm2", "open-iscsi"), ("lvm2", "iscsi-initiator-utils"), roles=("node",)),
    Names("target", ("targetcli-fb",), ("targetcli",), roles=("target",)),
    Names(
        "who asks for an even cluster's further vote",
        ("corosync-qdevice",),
        ("corosync-qdevice",),
        roles=("node",),
        addon="HighAvailability",
    ),
    Names(
        "who gives it",
        ("corosync-qnetd",),
        ("corosync-qnetd",),
        roles=("target",),
        addon="HighAvailability",
    ),
    Names("site", ("apache2", "wget"), ("httpd", "wget"), roles=("node",)),
    Names(
        "tools",
        ("parted", "fdisk", "psmisc", "procps", "less", "curl"),
        ("parted", "util-linux", "psmisc", "procps-ng", "less", "curl", "tar", "openssl"),
    ),
)

_ENABLED = (
    Names("network by DHCP", ("systemd-networkd.service", "halab-resolv-conf.path"), ("NetworkManager.service",)),
    # Runs only when something wants network-online.target, as corosync and the iSCSI log-in do.
    Names(
        "corosync waits for its address",
        ("systemd-networkd-wait-online.service",),
        ("NetworkManager-wait-online.service",),
    ),
    Names("log-in", ("ssh.service", "halab-host-key.service"), ("sshd.service", "halab-host-key.service")),
    Names("time", ("chrony.service",), ("chronyd.service",)),
    # On /dev/console, which needs no device event, instead of serial-getty@ttyS0.
    Names("console", ("console-getty.service",), ("serial-getty@ttyS0.service",)),
)

_DISABLED = (
    # Never masked: corosync.service requires sbd.service on Debian and would refuse to start.
    Names("the cluster starts it if it wants a watchdog", ("sbd.service", "sbd_remote.service"), ("sbd.service",)),
    # firewalld is missing here: it follows the setting `firewall`.
    Names(
        "the cluster starts them, or provisioning does",
        (
            "corosync.service",
            "corosync-notifyd.service",
            "corosync-qdevice.service",
            "corosync-qnetd.service",
            "pacemaker.service",
            "pcsd.service",
            "pcsd-ruby.service",
            "dlm.service",
            "lvmlockd.service",
            "lvmlocks.service",
            "apache2.service",
            "apache-htcacheclean.service",
            "nftables.service",
            "logd.service",
        ),
        (
            "corosync.service",
            "corosync-notifyd.service",
            "corosync-qdevice.service",
            "corosync-qnetd.service",
            "pacemaker.service",
            "pcsd.service",
            "dlm.service",
            "lvmlockd.service",
            "lvmlocks.service",
            "httpd.service",
        ),
    ),
    Names(
        "only the target or only the initiators want them: provisioning enables",
        (
            "rtslib-fb-targetctl.service",
            "targetclid.service",
            "targetclid.socket",
            "iscsid.service",
            "iscsid.socket",
            "open-iscsi.service",
            "multipathd.service",
            "multipathd.socket",
        ),
        ("target.service", "iscsi.service", "iscsid.service", "iscsid.socket", "multipathd.service"),
    ),
    Names(
        "housekeeping that competes with the cluster for a short-lived machine",
        (
            "apt-daily.timer",
            "apt-daily-upgrade.timer",
            "dpkg-db-backup.timer",
            "man-db.timer",
            "e2scrub_all.timer",
            "e2scrub_reap.service",
            "fstrim.timer",
            "systemd-pstore.service",
        ),
        ("dnf-makecache.timer", "fstrim.timer"),
    ),
    Names(
        "they delay the boot",
        (
            "sshd-keygen.service",
            "getty@tty1.service",
            "serial-getty@ttyS0.service",
            "lvm2-monitor.service",
            "blk-availability.service",
        ),
        ("getty@tty1.service", "kdump.service"),
    ),
    Names(
        "what an installer brings along: a console's keyboard and font, a boot loader's record, ifupdown's loopback",
        ("keyboard-setup.service", "console-setup.service", "grub-common.service", "networking.service"),
        (),
    ),
)

_FILES = (
    GuestFile("/etc/systemd/network/10-lab.network", "10-lab.network", families=("debian",)),
    GuestFile("/usr/local/lib/halab/resolv-conf", "halab-resolv-conf", 0o755, families=("debian",)),
    GuestFile(f"{_UNITS}/halab-resolv-conf.service", "halab-resolv-conf.service", families=("debian",)),
    GuestFile(f"{_UNITS}/halab-resolv-conf.path", "halab-resolv-conf.path", families=("debian",)),
    GuestFile("/usr/local/lib/halab/host-key", "halab-host-key", 0o755, families=("debian",)),
    GuestFile(f"{_UNITS}/halab-host-key.service", "halab-host-key.service", families=("debian",)),
    GuestFile("/usr/local/lib/halab/fence-agent", "fence-agent", 0o755, families=("debian",)),
    # Below bin, so that SELinux takes them for programs.
    GuestFile("/usr/local/lib/halab/bin/host-key", "halab-host-key", 0o755, families=("el",)),
    GuestFile("/usr/local/lib/halab/bin/identity", "el-identity", 0o755, families=("el",)),
    GuestFile(f"{_UNITS}/halab-host-key.service", "el-host-key.service", families=("el",)),
    GuestFile(
        "/etc/NetworkManager/system-connections/lab.nmconnection", "el-lab.nmconnection", 0o600, families=("el",)
    ),
    GuestFile(f"{_UNITS}/ssh.service.d/halab.conf", "ssh.conf", families=("debian",)),
    GuestFile(f"{_UNITS}/sshd.service.d/halab.conf", "ssh.conf", families=("el",)),
    GuestFile("/etc/ssh/sshd_config.d/10-halab.conf", "sshd.conf", 0o600, families=("debian",)),
    GuestFile("/etc/ssh/sshd_config.d/10-halab.conf", "el-sshd.conf", 0o600, families=("el",)),
    *(
        GuestFile(f"{_UNITS}/{unit}.d/halab.conf", "after-ssh.conf", families=("debian",))
        for unit in ("chrony.service", "dbus.service", "systemd-logind.service", "console-getty.service")
    ),
    GuestFile(f"{_UNITS}/systemd-udev-trigger.service.d/halab.conf", "udev-trigger.conf", families=("debian",)),
    GuestFile(f"{_UNITS}/modprobe@configfs.service.d/halab.conf", "modprobe-configfs.conf", families=("debian",)),
    GuestFile(f"{_UNITS}/systemd-modules-load.service.d/halab.conf", "modules-load.conf", families=("debian",)),
    GuestFile(f"{_UNITS}/systemd-sysctl.service.d/halab.conf", "sysctl.conf", families=("debian",)),
    GuestFile("/etc/systemd/system.conf.d/halab.conf", "system.conf", families=("debian",)),
    GuestFile(f"{_UNITS}/iscsi.service.d/halab.conf", "el-iscsi.conf", families=("el",)),
    GuestFile("/etc/logrotate.d/httpd", "el-logrotate-httpd", families=("el",)),
    GuestFile("/etc/systemd/journald.conf.d/halab.conf", "journald.conf", families=("debian",)),
    GuestFile("/etc/systemd/journald.conf.d/halab.conf", "el-journald.conf", families=("el",)),
    GuestFile("/etc/systemd/system-preset/00-halab.preset", "systemd-preset"),
    GuestFile("/etc/modprobe.d/halab.conf", "modprobe.conf", families=("debian",)),
    # Initiators must not share a name: each machine makes its own when its daemon starts first.
    GuestFile("/etc/iscsi/initiatorname.iscsi", "initiatorname.iscsi", 0o600, families=("debian",)),
    # Empty: systemd makes a machine-id of its own at first boot.
    GuestFile("/etc/machine-id", None),
    GuestFile("/etc/hostname", None),
)

_CLUSTER_FILES = ("/etc/corosync/corosync.conf", "/etc/corosync/authkey", "/etc/pacemaker/authkey")
# What makes a machine this one and no other, and what packages leave that the lab makes itself.
_REMOVED = (
    Names(
        "a one-node cluster that the packages configure; the cluster's keys",
        (*_CLUSTER_FILES, "/etc/corosync/qnetd/nssdb/*"),  # an authority that all labs would share
        (*_CLUSTER_FILES, "/etc/corosync/qnetd/nssdb/*"),
    ),
    Names(
        "identity and entropy",
        ("/var/lib/dbus/machine-id", "/var/lib/systemd/random-seed", "/var/lib/systemd/credential.secret"),
        (
            "/var/lib/dbus/machine-id",
            "/var/lib/systemd/random-seed",
            "/var/lib/systemd/credential.secret",
            "/etc/iscsi/initiatorname.iscsi",  # iscsi-init.service makes one where there is none
            "/etc/lvm/devices/system.devices",  # it names the installer's disk
            "/var/lib/NetworkManager/*",
        ),
    ),
    Names(
        "directories of settings: the units that read them run only when somebody put something there",
        ("/etc/modules-load.d/modules.conf", "/etc/sysctl.d/README.sysctl"),
        (),
    ),
    Names(
        "what an installer writes about itself",
        (),
        ("/root/anaconda-ks.cfg", "/root/original-ks.cfg", "/var/log/anaconda", "/var/cache/dnf"),
    ),
)

HOST = HostProfile(
    region=Region(timezone="UTC", language="C.UTF-8", keyboard="us"),
    disk=DiskLayout(filesystem="ext4", label="halab-root", assembled_gib=6, installed_gib=10, least_installed_gib=8),
    root=RootAccess(password="locked", login="prohibit-password"),
    packages=_PACKAGES,
    enabled=_ENABLED,
    disabled=_DISABLED,
    masked=MASKED,
    files=_FILES,
    silenced=SILENCED,
    removed=_REMOVED,
    # Root disk, network, entropy; the power button and its input device; the watchdog; configfs for DLM and LIO.
    early_modules=(
        "virtio_pci",
        "virtio_blk",
        "ext4",
        "virtio_rng",
        "virtio_net",
        "button",
        "evdev",
        "i6300esb",
        "configfs",
        "autofs4",
    ),
    kernel_modules=("gfs2", "dlm", "iscsi_tcp", "target_core_mod", "iscsi_target_mod", "i6300esb", "virtio_blk"),
)
