"""A fresh Debian on this machine: systemd as process 1, a network of its own, an ordinary user with sudo.

It is a container (systemd-nspawn) that `mmdebstrap` has filled, with no more than an installer leaves. Packages come
the way in which this machine gets them. What udev and the kernel would give a real host, device nodes and sysctls, is
made by hand. Root is needed, and `slirp4netns` for the way out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
USER, UID = "tester", 1000
PLACE = "my labs/halab"  # below the home: a blank is a test of its own
INSTALLED = (
    *("systemd", "systemd-sysv", "dbus", "libpam-systemd", "sudo", "git", "make", "ca-certificates", "curl"),
    *("iproute2", "locales", "openssh-server"),
)
TOOLS = ("mmdebstrap", "systemd-nspawn", "slirp4netns", "nsenter", "ssh-keygen")
BOOT_S = 120.0
# The files by which this machine reaches packages.
WAYS = (
    *("/etc/apt/apt.conf.d", "/usr/local/share/ca-certificates", "/etc/ssl/certs/ca-certificates.crt"),
    *("/etc/pip.conf", "/etc/npmrc"),
)
# systemd-nspawn wants one cgroup tree, and this machine's may be of the old kind; it is gone with the mount namespace.
# The seccomp filters are the container's own affair: its libvirt and its builders need what they would have on a host.
_BOOT = """set -e
umount --recursive /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p "/sys/fs/cgroup/$1"
echo $$ >"/sys/fs/cgroup/$1/cgroup.procs"
export SYSTEMD_SECCOMP=0 SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 SYSTEMD_NSPAWN_API_VFS_WRITABLE=yes
exec systemd-nspawn --boot --quiet --directory="$2" --machine="$1" --private-network --capability=all --register=no \
  --keep-unit --link-journal=no --resolv-conf=off --timezone=off --console=read-only --kill-signal=SIGRTMIN+3
"""
# What udev would make, and the network's sysctls, which systemd leaves alone in a container.
_DEVICES = r"""set -e
mkdir -p /dev/net
for device in "net/tun 666 10 200" "kvm 660 10 232" "loop-control 660 10 237"; do
  set -- $device
  [ -e "/dev/$1" ] || mknod -m "$2" "/dev/$1" c "$3" "$4"
done
sed 's/#.*//; s/^-//' /usr/lib/sysctl.d/*.conf | grep '^net\.' | grep -v '\*' | while IFS='= ' read -r name value; do
  sysctl -q -w "$name=$value" || true
done
"""


def missing_tools() -> list[str]:
    """Which of the programs are not in PATH."""
    return [name for name in TOOLS if shutil.which(name) is None]


def wait_until(what: str, probe: Callable[[], object], deadline_s: float) -> None:
    """Returns when `probe` gives a true value. AssertionError with `what` at the deadline."""
    end = time.monotonic() + deadline_s
    while not probe():
        assert time.monotonic() < end, f"{what}: not within {deadline_s:.0f} s"
        threading.Event().wait(0.2)


def fill(root: Path, suite: str) -> None:
    """Installs a Debian into the empty directory `root`."""
    include = f"--include={','.join(INSTALLED)}"
    _run(["mmdebstrap", "--mode=root", "--variant=important", include, suite, str(root)])


def furnish(root: Path) -> None:
    """Adds ways to the packages, a name, Terraform, the user with his key, and in his home this checkout's HEAD."""
    for way in map(Path, WAYS):
        if way.is_dir():
            shutil.copytree(way, root / way.relative_to("/"), dirs_exist_ok=True)
        elif way.exists():
            shutil.copy(way, root / way.relative_to("/"))
    terraform = next(filter(None, map(shutil.which, ("terraform", "tofu"))))
    shutil.copy(os.path.realpath(terraform), root / "usr/local/bin" / Path(terraform).name)
    name = root.name
    (root / "etc/hostname").write_text(f"{name}\n")
    (root / "etc/hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {name}\n::1 localhost ip6-localhost\n")
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    (root / "etc/resolv.conf").write_text("nameserver 10.0.2.3\n")  # slirp4netns answers there
    _run(["chroot", str(root), "useradd", "--create-home", "--shell=/bin/bash", "--groups=sudo", f"--uid={UID}", USER])
    sudoers = root / "etc/sudoers.d" / USER
    sudoers.write_text(f"{USER} ALL=(ALL) NOPASSWD: ALL\n")
    sudoers.chmod(0o440)
    home = root / "home" / USER
    _run(["git", "clone", "--quiet", "--no-hardlinks", str(CHECKOUT), str(home / PLACE)])
    (home / ".ssh").mkdir(mode=0o700)
    key = root.parent / f"{root.name}.key"
    key.unlink(missing_ok=True)
    _run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)])
    shutil.copy(f"{key}.pub", home / ".ssh/authorized_keys")
    npm = Path.home() / ".npmrc"
    if npm.exists():
        shutil.copy(npm, home)
    _run(["chroot", str(root), "chown", "--recursive", f"{USER}:{USER}", f"/home/{USER}"])


class FreshHost:
    """One that runs. `root`: its file system on this machine."""

    def __init__(self, root: Path, init: int) -> None:
        self.root, self._init = root, init

    def as_root(self, script: str) -> subprocess.CompletedProcess[str]:
        """Runs a shell script as root, outside of any session."""
        return self._enter(["/bin/bash", "-c", script], timeout_s=120)

    def log_in(self, script: str, log: Path | None = None, timeout_s: float = 1500) -> int:
        """Runs a shell script in a session of its own of the ordinary user; its exit code. `log` holds what it says."""
        ssh = [
            *("ssh", "-i", f"{self.root}.key", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"),
            *("-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", f"{USER}@127.0.0.1"),
        ]
        with open(log or os.devnull, "wb") as output:
            return subprocess.run(
                ["nsenter", "--target", str(self._init), "--net", *ssh, f"umask 0002; cd ~/'{PLACE}' && {script}"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=timeout_s,
                check=False,
            ).returncode

    def await_end_of_sessions(self) -> None:
        """Until nothing of the user's last session is left: his systemd ends, or goes on by itself (lingers)."""
        state = f"loginctl show-user --property=State --value {USER} 2>/dev/null || echo gone"
        wait_until("end of the sessions", lambda: self.as_root(state).stdout.strip() in ("gone", "lingering"), 60)

    def _enter(self, argv: Sequence[str], timeout_s: float) -> subprocess.CompletedProcess[str]:
        target = ["nsenter", "--target", str(self._init), "--mount", "--net", "--pid", "--uts", "--ipc", "--cgroup"]
        return subprocess.run(
            [*target, "--", "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *argv],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )


@contextmanager
def booted(root: Path) -> Iterator[FreshHost]:
    """The host that `fill` made, up; it is powered off afterwards."""
    name = root.name
    with open(f"{root}.console", "wb") as console:
        unshare = ["unshare", "--mount", "--propagation=private", "bash", "-c", _BOOT, "-", name, str(root)]
        machine = subprocess.Popen(unshare, stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        ways: list[subprocess.Popen[bytes]] = []
        try:
            wait_until("first process", lambda: _init_of(machine) is not None, BOOT_S)
            host = FreshHost(root, _init_of(machine) or 0)
            ready = "systemctl is-system-running"
            wait_until("boot", lambda: host.as_root(ready).stdout.strip() in ("running", "degraded"), BOOT_S)
            assert host.as_root(_DEVICES).returncode == 0
            ways.append(_way_out(host._init))
            wait_until("way out", lambda: host.as_root("ip -br link show tap0").returncode == 0, 30)
            yield host
        finally:
            machine.terminate()  # a clean poweroff
            try:
                machine.wait(60)
            except subprocess.TimeoutExpired:
                machine.kill()
                machine.wait()
            for way in ways:
                way.kill()
                way.wait()


def _way_out(init: int) -> subprocess.Popen[bytes]:
    slirp = ["slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback", str(init), "tap0"]
    return subprocess.Popen(slirp, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _init_of(machine: subprocess.Popen[bytes]) -> int | None:
    """The container's process 1, by this machine's number."""
    assert machine.poll() is None, "systemd-nspawn ended: see the file .console"
    for child in Path(f"/proc/{machine.pid}/task/{machine.pid}/children").read_text().split():
        status = Path(f"/proc/{child}/status").read_text()
        if "Name:\tsystemd\n" in status:
            return int(child)
    return None


def _run(argv: Sequence[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{argv[0]}: {done.stderr[-2000:]}"
