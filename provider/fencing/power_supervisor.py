"""Keeps a daemon alive where no systemd does: `python -m …power_supervisor CONFIG` that of the fencing endpoint.

The console's (provider/run/console_service.py) is kept by the same code under a module's name of its own.

Goes into the background (two forks and a session of its own), starts the daemon, starts it again whenever it ends,
and ends both on SIGTERM. A second supervisor of the same CONFIG refuses to start. It imports next to nothing: this
process lies around for as long as the lab does.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys
import time
from pathlib import Path
from typing import NamedTuple

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 10.0
STEADY_S = 30.0  # a daemon that lived this long was well: the next pause is the first one again
GRACE_S = 5.0
SERVER_MODULE = "halab.provider.fencing.power_server"
SUPERVISOR_MODULE = "halab.provider.fencing.power_supervisor"
_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGCHLD})


class Kind(NamedTuple):
    """What is supervised. Its processes are known by the names of their modules: the present one, then earlier ones."""

    what: str
    supervisors: tuple[str, ...]
    servers: tuple[str, ...]
    log: str


ENDPOINT = Kind(
    what="fencing endpoint",
    supervisors=(SUPERVISOR_MODULE, "halab.provider.hypervisor.power_supervisor"),
    servers=(SERVER_MODULE, "halab.provider.hypervisor.power_server"),
    log="power.log",
)


def python_command(module: str, config: Path) -> list[str]:
    """The argument list that runs one of our modules. -P: the folder it is started in stays off the import path."""
    return [sys.executable, "-P", "-m", module, str(config)]


def next_pause_s(pause_s: float, lived_s: float) -> float:
    """How long to wait before the next start but one."""
    return FIRST_PAUSE_S if lived_s >= STEADY_S else min(pause_s * 2, LONGEST_PAUSE_S)


class Supervisor:
    """One daemon and its restarts. Signals are blocked and waited for, so none is lost between two looks."""

    def __init__(self, config: Path, module: str) -> None:
        self._config, self._module = config, module

    def run(self) -> None:
        """Until SIGTERM, or until the configuration is gone and the daemon with it."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        pause_s = FIRST_PAUSE_S
        while self._config.exists():
            began = time.monotonic()
            status = self._wait_for(self._start())
            if status is None:
                return
            lived_s = time.monotonic() - began
            if lived_s >= STEADY_S:
                pause_s = FIRST_PAUSE_S
            how = f"signal {-status}" if status < 0 else f"exit code {status}"
            print(f"the daemon ended after {lived_s:.1f} s with {how}; again in {pause_s:.1f} s", flush=True)
            if self._terminated_within(pause_s):
                return
            pause_s = next_pause_s(pause_s, lived_s)

    def _start(self) -> int:
        command = python_command(self._module, self._config)
        return os.posix_spawn(command[0], command, os.environ, setsigmask=())

    def _wait_for(self, pid: int) -> int | None:
        """The daemon's exit code (negative: signal), or None when we were asked to end, and ended it."""
        while True:
            if signal.sigwait(_SIGNALS) == signal.SIGCHLD:
                status = _reap(pid)
                if status is not None:
                    return status
            else:
                self._end(pid)
                return None

    def _end(self, pid: int) -> None:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        while _reap(pid) is None:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                return
            signal.sigtimedwait({signal.SIGCHLD}, left_s)

    def _terminated_within(self, pause_s: float) -> bool:
        return signal.sigtimedwait({signal.SIGTERM, signal.SIGINT}, pause_s) is not None


def _reap(pid: int) -> int | None:
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def detach(log: Path) -> None:
    """Leave the caller: after this only the background process goes on. The caller's wait ends at once."""
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():  # no session leader: a terminal opened by accident cannot become ours
        os._exit(0)
    os.chdir("/")
    os.umask(0o077)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (descriptor, 1), (descriptor, 2)):
        os.dup2(source, target)
    os.close(descriptor)
    os.close(null)


def main(argv: list[str], kind: Kind = ENDPOINT) -> int:
    """Detach and supervise. What the caller sees: 0 in the background, 2 wrong usage, 3 another one is there."""
    if len(argv) != 1 or not Path(argv[0]).is_file():
        print(f"usage: python -m {kind.supervisors[0]} CONFIG", file=sys.stderr)
        return 2
    config = Path(argv[0]).resolve()
    lock = os.open(config.parent / "supervisor.pid", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"another supervisor of this {kind.what} runs", file=sys.stderr)
        return 3
    detach(config.parent / kind.log)
    os.ftruncate(lock, 0)
    os.write(lock, f"{os.getpid()}\n".encode())  # for people; halab finds its processes by what they are
    with contextlib.closing(os.fdopen(lock)):  # the lock is held as long as we live, not by the daemon
        Supervisor(config, kind.servers[0]).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
