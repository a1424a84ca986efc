"""Waiting for a machine: its console tells its host key and that it is up, then its SSH port answers."""

from __future__ import annotations

import itertools
import socket
from typing import Any

from halab.provider.hypervisor.connection import is_code
from halab.provider.hypervisor.machine.console import Console, ConsoleReport, last_lines, parse_console
from halab.provider.hypervisor.machine.paused import refuse_paused
from halab.provider.hypervisor.waiting import Wait
from halab.provisioners.engine.errors import HalabError, HostKeyError

BOOT_DEADLINE_S = 300.0
SSH_DEADLINE_S = 60.0
SHUTDOWN_DEADLINE_S = 120.0
_INTERVAL_S = 0.5
_PRESS_EVERY = 20  # looks


class BootFailed(HalabError):
    """The machine stopped or crashed while it was to come up."""


def await_boot(domain: Any, console: Console, wait: Wait, name: str, pinned: str = "") -> str:
    """Wait until the console printed host key and readiness; the host key.

    Raises BootFailed when the machine stops or panics, Paused when it stands still, HostKeyError when it shows another
    key than `pinned`, TimedOut.
    """

    may_reset = True

    def probe() -> ConsoleReport | None:
        nonlocal may_reset
        alive = _is_active(domain)  # before the log: what it printed last must not be missed
        report = parse_console(console.text())
        if alive and report.stale_code and may_reset:
            # QEMU 7.2 ends about one of a hundred boots with two emulated processors so. Twice in a row is no accident.
            may_reset = False
            console.skip()
            domain.reset()
            return None
        if report.fatal or not alive:
            what = report.fatal or "It switched itself off, or something else did."
            raise BootFailed(f"{name} failed to boot", f"{what}\n{_shown(console)}")
        if report.host_key and report.ready:
            return report
        refuse_paused(domain, name)
        return None

    report = wait.until(
        f"sign of life on the console of {name}",
        probe,
        deadline_s=BOOT_DEADLINE_S,
        interval_s=_INTERVAL_S,
        seen=lambda: f"{_shown(console)}\nOn a slow or busy host set a higher time_scale.",
    )
    if pinned and report.host_key != pinned:
        raise HostKeyError(
            f"{name} shows another SSH host key than at its first boot",
            "If its disk was replaced on purpose, replace the machine: terraform apply -replace=ADDRESS.",
        )
    return report.host_key


def await_ssh(domain: Any, address: str, wait: Wait, name: str, console: Console) -> None:
    """Wait until an SSH server answers at port 22 of `address`. Raises Paused when the machine stands still."""
    seen = ["it was not asked"]

    def probe() -> bool | None:
        seen[0] = ssh_problem(address)
        if not seen[0]:
            return True
        refuse_paused(domain, name)
        return None

    def explain() -> str:
        return (
            f"{name} has booted, but {address}:22 says: {seen[0]}. Does its network's reservation "
            f"give it this address, and is this host on that network?\n{_shown(console)}"
        )

    wait.until(
        f"SSH server at {address} ({name})", probe, deadline_s=SSH_DEADLINE_S, interval_s=_INTERVAL_S, seen=explain
    )


def ssh_problem(address: str, port: int = 22, timeout_s: float = 3.0) -> str:
    """Why no SSH server answers there; empty if one does."""
    try:
        with socket.create_connection((address, port), timeout_s) as connection:
            banner = connection.recv(4)
    except OSError as error:
        return str(error)
    return "" if banner == b"SSH-" else "something else than an SSH server answers"


def shut_down(domain: Any, wait: Wait, name: str) -> None:
    """Ask a running machine to shut down, and wait until it is off. Raises Paused when it stands still."""
    if not domain.isActive():
        return
    looks = itertools.count()

    def probe() -> bool | None:
        # A press of the power button is lost on a system that does not listen yet: press again now and then.
        if next(looks) % _PRESS_EVERY == 0:
            _press_power_button(domain)
        if not domain.isActive():
            return True
        refuse_paused(domain, name)  # it does not feel its power button
        return None

    wait.until(
        f"shutdown of {name}",
        probe,
        deadline_s=SHUTDOWN_DEADLINE_S,
        interval_s=_INTERVAL_S,
        seen=lambda: (
            f"It does not react to its power button. Switch it off (virsh destroy {domain.name()}) and apply again."
        ),
    )


def _press_power_button(domain: Any) -> None:
    import libvirt

    try:
        domain.shutdown()
    except libvirt.libvirtError as error:
        if not is_code(error, "VIR_ERR_OPERATION_INVALID"):  # it went off by itself just now
            raise


def start(domain: Any) -> None:
    """Switch a machine on; that somebody else just did so is fine."""
    import libvirt

    try:
        domain.create()
    except libvirt.libvirtError as error:
        if not (is_code(error, "VIR_ERR_OPERATION_INVALID") and domain.isActive()):
            raise


def _is_active(domain: Any) -> bool:
    """Whether it runs; a domain that was removed meanwhile does not."""
    import libvirt

    try:
        return bool(domain.isActive())
    except libvirt.libvirtError as error:
        if is_code(error, "VIR_ERR_NO_DOMAIN"):
            return False
        raise


def _shown(console: Console) -> str:
    return f"The last lines on its console:\n{last_lines(console.text()) or '(nothing)'}"
