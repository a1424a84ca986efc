"""Makes sure that libvirt answers on qemu:///system, and undoes what was started for that.

Where systemd runs, its units are enabled: they belong to the machine from then on. Elsewhere virtlogd and libvirtd are
started here, remembered with their start times, and ended after the lab's removal unless somebody else uses them.
"""

import grp
import json
import os
import pwd
import re
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from halab.provider.run.files import write_private

URI = "qemu:///system"
RUN = Path("/run")
ANSWER_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 30.0
# In libvirt's and polkit's own words: the right is missing, so that waiting changes nothing.
_DENIED = re.compile(r"authentication (?:unavailable|failed|cancelled)|access denied|Permission denied")
MONOLITHIC = ("virtlogd.socket", "libvirtd.socket")
MODULAR = ("virtlogd.socket", "virtqemud.socket", "virtnetworkd.socket", "virtstoraged.socket")


class LibvirtUnavailable(Exception):
    """libvirt does not answer; the text says why and what to do."""


@dataclass(frozen=True)
class Daemon:
    """A process that was started here; `start_ticks` (since boot) tells it from a later one with the same number."""

    name: str
    pid: int
    start_ticks: int


@dataclass(frozen=True)
class Started:
    """What `ensure` started: the daemons, and the networks that came up with them."""

    daemons: tuple[Daemon, ...]
    networks: tuple[str, ...]


def ensure(record: Path) -> None:
    """libvirt answers afterwards; what was started for it stands in the file `record`.

    LibvirtUnavailable, at once where this user has no right to use it.
    """
    if not (complaint := _complaint()):
        return
    _refuse_if_denied(complaint)
    if (RUN / "systemd/system").is_dir():
        _as_root(["systemctl", "enable", "--quiet", "--now", *_units()])
        _await_answer()
        return
    before = {name: _running_pid(name) for name in ("virtlogd", "libvirtd")}
    daemons = tuple(_start(name) for name, pid in before.items() if pid is None)
    try:
        _await_answer()
    except LibvirtUnavailable:
        for daemon in reversed(daemons):
            _end(daemon)
        raise
    write_private(record, json.dumps(asdict(Started(daemons, tuple(_active("net-list"))))))


def stop(record: Path, tell: Callable[[str], None]) -> None:
    """Ends what `ensure` started, unless domains or other networks are in use. No record: does nothing."""
    if not record.exists():
        return
    data = json.loads(record.read_text())
    started = Started(tuple(Daemon(**row) for row in data["daemons"]), tuple(data["networks"]))
    alive = [daemon for daemon in started.daemons if _start_ticks(daemon.pid) == daemon.start_ticks]
    if alive:
        in_use = [*_active("list"), *(set(_active("net-list")) - set(started.networks))]
        if in_use:
            tell(f"libvirtd stays, in use by: {', '.join(in_use)}")
            return
        for network in _active("net-list"):
            _as_root(["virsh", "--quiet", "--connect", URI, "net-destroy", network])
        for daemon in reversed(alive):
            _end(daemon)
    record.unlink()


def _virsh(*words: str, timeout_s: float | None = None) -> "subprocess.CompletedProcess[str]":
    """virsh in a session of its own, where there is no terminal on which it could ask for a password."""
    return subprocess.run(
        ["virsh", "--quiet", "--connect", URI, *words],
        env={**os.environ, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def _complaint() -> str:
    """Why libvirt does not answer; empty when it does."""
    try:
        result = _virsh("version", timeout_s=ANSWER_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return f"it has not said anything for {ANSWER_TIMEOUT_S:.0f} s"
    return result.stderr.strip() if result.returncode else ""


def _refuse_if_denied(complaint: str) -> None:
    if not _DENIED.search(complaint):
        return
    user = pwd.getpwuid(os.geteuid()).pw_name
    remedy = f"sudo usermod --append --groups libvirt {user}, and log in again"
    if user in _libvirt_members():
        remedy = f"{user} is in the group libvirt, but this session is older than that: log in again"
    raise LibvirtUnavailable(f"{user} may not use libvirt on {URI}:\n{complaint}\nRemedy: {remedy}.")


def _libvirt_members() -> list[str]:
    try:
        return grp.getgrnam("libvirt").gr_mem
    except KeyError:
        return []


def _await_answer() -> None:
    deadline = time.monotonic() + ANSWER_TIMEOUT_S
    while complaint := _complaint():
        _refuse_if_denied(complaint)
        if time.monotonic() > deadline:
            raise LibvirtUnavailable(
                f"libvirt does not answer on {URI}:\n{complaint}\n"
                "See journalctl -u libvirtd -u virtqemud, or run libvirtd in the foreground."
            )
        time.sleep(0.2)


def _units() -> Sequence[str]:
    """The sockets of the one libvirtd where it is installed, of the daemons it was split into elsewhere."""
    known = subprocess.run(["systemctl", "cat", "libvirtd.socket"], capture_output=True, check=False)
    return MONOLITHIC if known.returncode == 0 else MODULAR


def _as_root(argv: Sequence[str]) -> None:
    prefix = [] if os.geteuid() == 0 else ["sudo"]
    result = subprocess.run([*prefix, *argv], stderr=subprocess.PIPE, text=True, check=False)
    if result.returncode:
        raise LibvirtUnavailable(f"{' '.join(argv)} failed (exit code {result.returncode}):\n{result.stderr.strip()}")


def _running_pid(name: str) -> int | None:
    """The daemon's number by its own pid file, if it runs."""
    try:
        pid = int((RUN / f"{name}.pid").read_text())
        return pid if Path(f"/proc/{pid}/comm").read_text().strip() == name else None
    except (FileNotFoundError, ProcessLookupError):
        return None


def _start(name: str) -> Daemon:
    _as_root([name, "--daemon"])  # returns when it serves, or has failed
    pid = _running_pid(name)
    ticks = None if pid is None else _start_ticks(pid)
    if pid is None or ticks is None:
        raise LibvirtUnavailable(f"{name} was started and is gone again: run {name} in the foreground to see why")
    return Daemon(name, pid, ticks)


def _start_ticks(pid: int) -> int | None:
    try:
        # The fields after the command's name, which is in parentheses and may hold anything; start time is number 22.
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (FileNotFoundError, ProcessLookupError):
        return None


def _active(listing: str) -> list[str]:
    result = _virsh(listing, "--name")
    if result.returncode:
        raise LibvirtUnavailable(f"virsh {listing} failed on {URI}:\n{result.stderr.strip()}")
    return [name for name in result.stdout.split("\n") if name]


def _end(daemon: Daemon) -> None:
    _as_root(["kill", f"-{signal.SIGTERM.value}", str(daemon.pid)])
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while _start_ticks(daemon.pid) == daemon.start_ticks:
        if time.monotonic() > deadline:
            raise LibvirtUnavailable(f"{daemon.name} (process {daemon.pid}) does not end after SIGTERM")
        time.sleep(0.1)
