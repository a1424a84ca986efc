"""The one host profile. All machines of a lab, nodes and target alike, are made from it: a role comes later, over SSH.

Under emulation each process that the boot starts costs more than a tenth of a second, so what is not needed does not
run; docs/design/002-image-boot.md has the measurements.
"""

from __future__ import annotations

from .profile import GuestFile, HostProfile, Names

_UNITS = "/etc/systemd/system"

_PACKAGES = (
    Names("init", ("systemd", "systemd-sysv", "udev", "dbus"), ("systemd", "systemd-udev", "dbus-broker")),
    Names("kernel", ("linux-image-amd64", "kmod", "zstd"), ("kernel", "kernel-modules", "kmod", "zstd")),
    Names("log-in", ("openssh-server", "python3"), ("openssh-server", "python3")),
    Names(
        "network",
        ("iproute2", "iputils-ping", "netbase", "ca-certificates", "chrony", "nftables"),
        ("iproute", "iputils", "ca-certificates", "chrony", "firewalld"),
    ),
    Names(
        "cluster",
        ("pcs", "pacemaker", "pacemaker-cli-utils", "corosync", "fence-agents-redfish", "resource-agents"),
        ("pcs", "pacemaker", "pacemaker-cli", "corosync", "fence-agents-redfish", "resource-agents"),
    ),
    Names(
        "shared storage",
        ("dlm-controld", "gfs2-utils", "lvm2", "lvm2-lockd", "open-iscsi", "targetcli-fb"),
        ("dlm", "gfs2-utils", "lvm2", "lvm2-lockd", "iscsi-initiator-utils", "targetcli"),
    ),
    Names("site", ("apache2", "wget", "curl"), ("httpd", "wget", "curl")),
    Names(
        "tools",
        ("parted", "fdisk", "psmisc", "procps", "less"),
        ("parted", "util-linux", "psmisc", "procps-ng", "less"),
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
    Names(
        "the cluster starts them, or provisioning does",
        (
            "corosync.service",
            "corosync-notifyd.service",
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
            "pacemaker.service",
            "pcsd.service",
            "dlm.service",
            "lvmlockd.service",
            "lvmlocks.service",
            "httpd.service",
            "firewalld.service",
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
        ("getty@tty1.service",),
    ),
)

_MASKED = (
    Names(
        "file systems that nobody uses, or that the initramfs has mounted at a tenth of the price",
        (
            "dev-hugepages.mount",
            "dev-mqueue.mount",
            "sys-kernel-tracing.mount",
            "sys-fs-fuse-connections.mount",
            "proc-sys-fs-binfmt_misc.automount",
            "systemd-binfmt.service",
            "run-lock.mount",
            "tmp.mount",
            "systemd-remount-fs.service",
        ),
        (),
    ),
    Names(
        "drivers and device nodes that the initramfs or the kernel provides",
        (
            "modprobe@drm.service",
            "modprobe@efi_pstore.service",
            "modprobe@fuse.service",
            "kmod-static-nodes.service",
            "systemd-tmpfiles-setup-dev-early.service",
            "systemd-tmpfiles-setup-dev.service",
            "systemd-udev-load-credentials.service",
            "systemd-hwdb-update.service",
        ),
        (),
    ),
    Names("the machine has a virtio entropy source", ("systemd-random-seed.service",), ()),
    Names("the initramfs tells journald that /var is writable", ("systemd-journal-flush.service",), ()),
    Names(
        "network settings come from one file of the image",
        ("systemd-network-generator.service", "systemd-networkd-persistent-storage.service"),
        (),
    ),
    Names("nobody but root logs in", ("systemd-user-sessions.service",), ()),
)

_SILENCED = (
    Names(
        "generators for what a virtual machine with direct kernel boot has not",
        tuple(
            f"/etc/systemd/system-generators/systemd-{name}-generator"
            for name in (
                "debug",
                "getty",
                "gpt-auto",
                "hibernate-resume",
                "rc-local",
                "run",
                "ssh",
                "system-update",
                "sysv",
                "tpm2",
                "cryptsetup",
                "integritysetup",
                "veritysetup",
            )
        ),
        (),
    ),
    Names(
        "udev rules for hardware that a node has not",
        tuple(
            f"/etc/udev/rules.d/{name}.rules"
            for name in (
                "50-firmware",
                "60-autosuspend",
                "60-cdrom_id",
                "60-dmi-id",
                "60-drm",
                "60-evdev",
                "60-fido-id",
                "60-infiniband",
                "60-persistent-alsa",
                "60-persistent-input",
                "60-persistent-storage-mtd",
                "60-persistent-storage-tape",
                "60-persistent-v4l",
                "60-sensor",
                "60-serial",
                "64-btrfs",
                "70-camera",
                "70-joystick",
                "70-memory",
                "70-mouse",
                "70-touchpad",
                "70-uaccess",
                "71-seat",
                "73-seat-late",
                "75-probe_mtd",
                "78-sound-card",
                "90-iocost",
            )
        ),
        (),
    ),
    Names(
        "temporary files of programs that are not there, and the block on log-ins that user-sessions would lift",
        tuple(f"/etc/tmpfiles.d/{name}.conf" for name in ("systemd-nologin", "x11", "journal-nocow", "home")),
        (),
    ),
)

_FILES = (
    GuestFile("/etc/systemd/network/10-lab.network", "10-lab.network", families=("debian",)),
    GuestFile("/usr/local/lib/halab/resolv-conf", "halab-resolv-conf", 0o755, families=("debian",)),
    GuestFile(f"{_UNITS}/halab-resolv-conf.service", "halab-resolv-conf.service", families=("debian",)),
    GuestFile(f"{_UNITS}/halab-resolv-conf.path", "halab-resolv-conf.path", families=("debian",)),
    GuestFile("/usr/local/lib/halab/host-key", "halab-host-key", 0o755),
    GuestFile(f"{_UNITS}/halab-host-key.service", "halab-host-key.service"),
    GuestFile(f"{_UNITS}/ssh.service.d/halab.conf", "ssh.conf", families=("debian",)),
    GuestFile(f"{_UNITS}/sshd.service.d/halab.conf", "ssh.conf", families=("el",)),
    GuestFile("/etc/ssh/sshd_config.d/10-halab.conf", "sshd.conf", 0o600),
    *(
        GuestFile(f"{_UNITS}/{unit}.d/halab.conf", "after-ssh.conf", families=("debian",))
        for unit in ("chrony.service", "dbus.service", "systemd-logind.service", "console-getty.service")
    ),
    GuestFile(f"{_UNITS}/systemd-udev-trigger.service.d/halab.conf", "udev-trigger.conf", families=("debian",)),
    GuestFile(f"{_UNITS}/modprobe@configfs.service.d/halab.conf", "modprobe-configfs.conf", families=("debian",)),
    GuestFile(f"{_UNITS}/systemd-modules-load.service.d/halab.conf", "modules-load.conf", families=("debian",)),
    GuestFile(f"{_UNITS}/systemd-sysctl.service.d/halab.conf", "sysctl.conf", families=("debian",)),
    GuestFile("/etc/systemd/system.conf.d/halab.conf", "system.conf", families=("debian",)),
    GuestFile("/etc/systemd/journald.conf.d/halab.conf", "journald.conf"),
    GuestFile("/etc/systemd/system-preset/00-halab.preset", "systemd-preset", families=("debian",)),
    GuestFile("/etc/modprobe.d/halab.conf", "modprobe.conf"),
    # Initiators must not share a name: each machine makes its own when its daemon starts first.
    GuestFile("/etc/iscsi/initiatorname.iscsi", "initiatorname.iscsi", 0o600, families=("debian",)),
    # Empty: systemd makes a machine-id of its own at first boot.
    GuestFile("/etc/machine-id", None),
    GuestFile("/etc/hostname", None),
)

HOST = HostProfile(
    packages=_PACKAGES,
    enabled=_ENABLED,
    disabled=_DISABLED,
    masked=_MASKED,
    files=_FILES,
    silenced=_SILENCED,
    removed=(
        # Debian's package configures and starts a one-node cluster.
        "/etc/corosync/corosync.conf",
        "/etc/corosync/authkey",
        "/etc/pacemaker/authkey",
        "/var/lib/dbus/machine-id",
        "/var/lib/systemd/random-seed",
        "/var/lib/systemd/credential.secret",
        # So that the units which read these directories run only when somebody put something there.
        "/etc/modules-load.d/modules.conf",
        "/etc/sysctl.d/README.sysctl",
    ),
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
)
