"""What a machine of the lab does without: units that are masked, files of packages that are overridden by nothing."""

from __future__ import annotations

from halab.images.profile import Names

MASKED = (
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
    Names(
        "the only host key is the one that halab-host-key makes and shows",
        (),
        ("sshd-keygen@rsa.service", "sshd-keygen@ecdsa.service", "sshd-keygen@ed25519.service"),
    ),
)

SILENCED = (
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
