"""Finding and ending the processes of one fencing endpoint, or of what else is supervised as it is (Kind).

A process is ours when it runs one of our modules on exactly this configuration file, as our user. That is checked on a
pidfd, so neither a reused pid nor a stale pid file can make us signal somebody else's process.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from halab.provider.fencing.power_supervisor import ENDPOINT, Kind, python_command
from halab.provisioners.engine.errors import CommandFailed, TimedOut

_START_S = 20.0
_END_S = 15.0  # more than the supervisor gives its daemon


@dataclass(frozen=True, slots=True)
class EndpointProcess:
    """One of our processes; `module` says which part it is."""

    pid: int
    module: str


def processes(config: Path, kind: Kind = ENDPOINT) -> list[EndpointProcess]:
    """The supervisor (first) and the daemon, as far as they run; those that halab started under earlier names, too."""
    found = [process for pid in _pids() if (process := _identify(pid, config, kind))]
    return sorted(found, key=lambda process: process.module not in kind.supervisors)


def running_configs(kind: Kind = ENDPOINT) -> set[Path]:
    """The configuration files of all of this user's that have a process, whichever lab they are of."""
    modules, found = (*kind.supervisors, *kind.servers), set()
    for pid in _pids():
        words = _arguments(pid)
        found |= {Path(config) for module, config in pairwise(words) if module in modules}
    return found


def start_supervisor(config: Path, kind: Kind = ENDPOINT) -> None:
    """Start the supervisor in the background. Raises CommandFailed when it refuses."""
    # Not the caller's environment: it may hold secrets (TF_VAR_…), and these processes outlive it.
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "HOME": str(Path.home())}
    done = subprocess.run(
        python_command(kind.supervisors[0], config),
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_START_S,
        cwd="/",
        start_new_session=True,  # Ctrl-C on Terraform is not for it
        check=False,
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise CommandFailed(f"The {kind.what}'s supervisor does not start", said, rc=done.returncode)


def end(config: Path, kind: Kind = ENDPOINT) -> None:
    """End the processes, supervisor first. Returns when they are gone. Raises TimedOut."""
    for force in (signal.SIGTERM, signal.SIGKILL):
        # Looked up again each time: a supervisor may have started a daemon just before it ended.
        deadline = time.monotonic() + _END_S
        while (left := processes(config, kind)) and time.monotonic() < deadline:
            _signal_and_wait(left[0], config, kind, force, deadline)
        if not left:
            return
    names = ", ".join(f"pid {process.pid} ({process.module})" for process in left)
    raise TimedOut(f"The {kind.what} does not end", f"Still there after SIGKILL: {names}.")


def _signal_and_wait(
    process: EndpointProcess, config: Path, kind: Kind, number: signal.Signals, deadline: float
) -> None:
    with contextlib.suppress(ProcessLookupError), _pidfd(process.pid) as descriptor:
        if _identify(process.pid, config, kind) != process:  # the pid was reused between look-up and pidfd
            return
        signal.pidfd_send_signal(descriptor, number)
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)  # readable when the process has ended
        poll.poll(max(0.0, deadline - time.monotonic()) * 1000)


@contextlib.contextmanager
def _pidfd(pid: int) -> Iterator[int]:
    descriptor = os.pidfd_open(pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _pids() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdecimal()]


def _identify(pid: int, config: Path, kind: Kind) -> EndpointProcess | None:
    """What the process is to what CONFIG is of; None when nothing."""
    arguments = _arguments(pid)
    if str(config) not in arguments:
        return None
    module = next((name for name in (*kind.supervisors, *kind.servers) if name in arguments), None)
    return EndpointProcess(pid, module) if module else None


def _arguments(pid: int) -> list[str]:
    """The command line of a process of this user; empty for others, zombies, and what is gone."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        owner = os.stat(f"/proc/{pid}").st_uid
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []
    return arguments if owner == os.geteuid() else []
