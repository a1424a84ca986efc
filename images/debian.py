"""The Debian recipe: renders the host profile to what mmdebstrap needs. Pure: it runs nothing."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shlex
import tarfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from halab.images.host import FENCE_AGENTS, HOST
from halab.images.profile import ROLES, TEMPLATES, HostProfile, Role, names_of
from halab.provisioners.engine.errors import ConfigError

FORMAT_VERSION = 3
SCRATCH_DIR = "/root/.halab-build"
# systemd asks a console for its size and waits for an answer, unless it is told that the console is dumb.
_CMDLINE = (
    "root={root} rw console=ttyS0 net.ifnames=0 quiet audit=0 lsm=capability systemd.tty.term.console=dumb TERM=dumb"
)
# Words that only an emulated processor wants: it is no place to defend against speculation or to test interrupts.
# systemd's system call filters and the memory controller cost a fifth of an emulated boot. Not tsc=reliable: on a busy
# host the kernel measures the clock's frequency wrong, and only its watchdog finds that. norandmaps: QEMU translates
# code anew for each address that it has, so random addresses double the price of a process. clearcpuid=141 (cx16, by
# the number that older kernels know, too): QEMU 7.2 leaves garbage in the flags behind cmpxchg16b, and a kernel
# that is interrupted there panics with a double fault.
EMULATED_CMDLINE = (
    "no_timer_check nokaslr norandmaps clearcpuid=141 mitigations=off cgroup_disable=memory SYSTEMD_SECCOMP=0"
)
# What a suite calls a package, or takes instead.
RENAMED: dict[str, dict[str, tuple[str, ...]]] = {
    "trixie": {},
    # One package for all agents, which names none of the programs that they run.
    "bookworm": {
        **dict.fromkeys(FENCE_AGENTS, ("fence-agents",)),
        "fence-agents-wti": ("fence-agents", "telnet"),
        "fence-agents-ipmilan": ("fence-agents", "ipmitool"),
        "fence-agents-scsi": ("fence-agents", "sg3-utils"),
        "fence-agents-mpath": ("fence-agents",),
    },
}
DEFAULT_SUITE = "trixie"
_APT_OF_THE_BUILD = "etc/apt/apt.conf.d/00mmdebstrap"
# The directories that no host of a lab reads; licences stay.
EXCLUDED_PATHS = ("man", "doc", "locale", "info", "groff", "lintian")
_MKE2FS = "mke2fs -q -F -t {filesystem} -L {label} -m 1 -E lazy_itable_init=0,lazy_journal_init=0"
_PACKAGE_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")


@dataclass(frozen=True)
class DebianRecipe:
    """One base image, described. Equal recipes have equal hashes and give interchangeable images.

    `apt_sources` are mmdebstrap's MIRROR arguments (an address, a `deb ...` line or a file); none: its own default.
    """

    suite: str = DEFAULT_SUITE
    extra_packages: tuple[str, ...] = ()
    apt_sources: tuple[str, ...] = ()
    roles: tuple[Role, ...] = ROLES
    profile: HostProfile = field(default=HOST, repr=False)

    def __post_init__(self) -> None:
        if self.suite not in RENAMED:
            raise ConfigError(
                f"unknown suite {self.suite!r}", f"halab makes images of: {', '.join(RENAMED)}.", "image.suite"
            )
        if wrong := [name for name in self.extra_packages if not _PACKAGE_NAME.fullmatch(name)]:
            raise ConfigError(
                f"{', '.join(map(repr, wrong))}: not a package name",
                "List Debian package names: lower-case letters, digits, '+', '-' and '.'.",
                "image.extra_packages",
            )

    @cached_property
    def packages(self) -> tuple[str, ...]:
        """Names of all packages asked for, without the dependencies that follow."""
        renamed = RENAMED[self.suite]
        asked = names_of(self.profile.packages, "debian", self.roles)
        wanted = [name for one in asked for name in renamed.get(one, (one,))]
        wanted += ["tzdata"] if self.profile.region.timezone != "UTC" else []
        wanted += [name for one in sorted(self.extra_packages) for name in renamed.get(one, (one,))]
        return tuple(dict.fromkeys(wanted))

    @cached_property
    def overlay(self) -> bytes:
        """A tar archive of the profile's files and the build's inputs, the same bytes each time."""
        entries = [(f.path, f.content(), f.mode) for f in self.profile.files_of("debian")]
        for name, source in (
            ("initramfs.py", Path(__file__).parent / "initramfs.py"),
            ("kernel.py", Path(__file__).parent / "kernel.py"),
            ("initramfs-init", TEMPLATES / "initramfs-init"),
            ("configure", TEMPLATES / "debian-configure"),
        ):
            entries.append((f"{SCRATCH_DIR}/{name}", source.read_bytes(), 0o644))
        entries.append((f"{SCRATCH_DIR}/lists", self._lists().encode(), 0o644))
        return _tar(entries)

    def _lists(self) -> str:
        profile = self.profile
        values = {
            "ENABLED": names_of(profile.enabled, "debian"),
            "DISABLED": names_of(profile.disabled, "debian"),
            "MASKED": names_of(profile.masked, "debian"),
            "SILENCED": names_of(profile.silenced, "debian"),
            "REMOVED": names_of(profile.removed, "debian"),
            "EARLY_MODULES": profile.early_modules,
            "TIMEZONE": (profile.region.timezone,),
            "LANGUAGE": (profile.region.language,),
        }
        return "".join(f"{name}={shlex.quote(' '.join(value))}\n" for name, value in values.items())

    @property
    def virtual_size_bytes(self) -> int:
        """Size of the root disk."""
        return self.profile.disk.assembled_gib * 1024**3

    @property
    def cmdline(self) -> str:
        """The kernel command line: the file system fills the disk."""
        return command_line("/dev/vda")

    @cached_property
    def hash(self) -> str:
        """Sixteen hex digits over everything that goes into the image."""
        parts = json.dumps(
            [
                FORMAT_VERSION,
                self.suite,
                self.packages,
                self.apt_sources,
                self.virtual_size_bytes,
                self.cmdline,
                EMULATED_CMDLINE,
                self.mmdebstrap_argv("overlay", "disk"),
                hashlib.sha256(self.overlay).hexdigest(),
            ]
        )
        return hashlib.sha256(parts.encode()).hexdigest()[:16]

    def mmdebstrap_argv(self, overlay: str, disk: str, mode: str = "auto") -> list[str]:
        """The command that fills `disk`, a sparse file that exists, and puts kernel, initrd and package list beside.

        The file system is made in a hook, while mmdebstrap still holds the tree with its real owners: so it works
        without root and without a tar archive in between. Paths are relative to the working directory, `disk` is not.
        """
        mke2fs = _MKE2FS.format(filesystem=self.profile.disk.filesystem, label=self.profile.disk.label)
        bind = 'mount --bind "$1" "$1/mnt"; mount -t tmpfs -o mode=1777 empty "$1/mnt/tmp"'
        excluded = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in EXCLUDED_PATHS]
        hooks = [
            f"tar-in {overlay} /",
            f'chroot "$1" sh {SCRATCH_DIR}/configure {SCRATCH_DIR}',
            f"download {SCRATCH_DIR}/packages packages",
            "download /boot/kernel.halab vmlinuz",
            "download /boot/initrd.halab initrd",
            f'rm -rf "$1{SCRATCH_DIR}" "$1/boot/initrd.halab" "$1/boot/kernel.halab"',
            # mmdebstrap removes these at its end, which is too late for the file system: no service that somebody
            # installs would start. It insists on the third.
            f'cd "$1" && rm -f usr/sbin/policy-rc.d usr/sbin/start-stop-daemon.REAL {_APT_OF_THE_BUILD}',
            # Bound alone, without /proc and what else is mounted in it, and without what mmdebstrap keeps in /tmp.
            f'unshare --mount sh -ec \'{bind}; {mke2fs} -d "$1/mnt" {disk}\' - "$1"',
            f'touch "$1/{_APT_OF_THE_BUILD}"',
        ]
        return [
            "mmdebstrap",
            f"--mode={mode}",
            "--variant=minbase",
            "--format=null",
            "--components=main",
            f"--include={','.join(self.packages)}",
            *excluded,
            "--dpkgopt=path-include=/usr/share/doc/*/copyright",
            "--dpkgopt=path-include=/usr/share/locale/locale.alias",
            *(f"--customize-hook={hook}" for hook in hooks),
            self.suite,
            "-",
            *self.apt_sources,
        ]


def command_line(root: str) -> str:
    """The kernel command line of a Debian host whose root file system is on the device `root`."""
    return _CMDLINE.format(root=root)


def _tar(entries: list[tuple[str, bytes, int]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for directory in sorted({p for path, _, _ in entries for p in _parents(path)}):
            info = tarfile.TarInfo(directory.lstrip("/"))
            info.type, info.mode = tarfile.DIRTYPE, 0o700 if directory == "/root" else 0o755
            archive.addfile(info)
        for path, content, mode in sorted(entries):
            info = tarfile.TarInfo(path.lstrip("/"))
            info.size, info.mode = len(content), mode
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def _parents(path: str) -> list[str]:
    parts = path.strip("/").split("/")[:-1]
    return ["/" + "/".join(parts[: i + 1]) for i in range(len(parts))]
