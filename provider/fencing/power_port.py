"""The fencing endpoint's TCP port: is it free, and does firewalld let the lab's guests reach it?

Each endpoint has a rule of its own in firewalld, for its address: labs have the same port, and to remove the rule of
one must not cut the others off.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

from halab.provisioners.engine.errors import CommandFailed, ConfigError, Conflict

ZONE = "libvirt"  # firewalld's zone of all libvirt networks' bridges
_TIMEOUT_S = 60.0
# firewall-cmd's exit codes (firewall-cmd(1), "Exit codes")
_NO, _NOT_RUNNING, _INVALID_ZONE, _NOT_AUTHORIZED = 1, 252, 112, 253


def refuse_if_taken(address: str, port: int) -> None:
    """Raise Conflict when something listens there, ConfigError when the address is not one of this host's."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that just ended do not matter
        try:
            probe.bind((address, port))
            probe.listen(1)  # with SO_REUSEADDR it is this call that meets another listener
        except OSError as error:
            _explain(error, address, port)


def _explain(error: OSError, address: str, port: int) -> None:
    if error.errno == errno.EADDRINUSE:
        user = listener(port) or "a process that this user may not see"
        raise Conflict(
            f"Port {port} is in use",
            f"{user} already listens on port {port} at {address} or at all addresses. End it, or set another port.",
            "port",
        ) from error
    if error.errno == errno.EADDRNOTAVAIL:
        raise ConfigError(
            f"No address {address} on this host",
            "The fencing endpoint listens on the lab's bridge only: give the gateway address of the lab's network "
            "(halab_network's `gateway`), and make the network first.",
            "address",
        ) from error
    if error.errno == errno.EACCES:
        raise ConfigError(f"No right to listen on port {port}", "Ports below 1024 need root.", "port") from error
    raise error


def listener(port: int) -> str | None:
    """Who listens on the TCP port, as "name (pid N)"; None when nobody does or we may not see it."""
    inodes = _listening_inodes(port)
    if not inodes:
        return None
    for entry in filter(str.isdecimal, os.listdir("/proc")):
        if inodes & _socket_inodes(entry):
            name = Path(f"/proc/{entry}/comm").read_text().strip()
            return f"{name} (pid {entry})"
    return None


def _listening_inodes(port: int) -> set[str]:
    """Inodes of the listening sockets, from the kernel's own table (proc(5), /proc/net/tcp)."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not os.path.exists(table):  # no IPv6 in this kernel
            continue
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            local, state, inode = fields[1], fields[3], fields[9]
            if state == "0A" and int(local.rpartition(":")[2], 16) == port:  # 0A: TCP_LISTEN
                inodes.add(inode)
    return inodes


def _socket_inodes(pid: str) -> set[str]:
    try:
        links = [os.readlink(link.path) for link in os.scandir(f"/proc/{pid}/fd")]
    except (FileNotFoundError, PermissionError, ProcessLookupError):  # gone meanwhile, or not ours to see
        return set()
    return {match[1] for link in links if (match := re.fullmatch(r"socket:\[([0-9]+)\]", link))}


def is_open(address: str, port: int) -> bool | None:
    """Whether firewalld lets guests reach it, by its rule or anyway; None when none runs, or it has no such zone."""
    there = has_rule(address, port)
    return _query(f"--query-port={port}/tcp") if there is False else there


def has_rule(address: str, port: int) -> bool | None:
    """Whether the endpoint's own rule is there; None as in `is_open`."""
    return _query(f"--query-rich-rule={_rule(address, port)}")


def add_rule(address: str, port: int) -> None:
    """Let guests in, now and for good."""
    for when in ([], ["--permanent"]):
        _firewall_cmd(*when, f"--add-rich-rule={_rule(address, port)}")


def remove_rule(address: str, port: int) -> None:
    """Undo `add_rule`; nothing happens where no firewalld runs, or where it is not there."""
    if has_rule(address, port) is not None:
        for when in ([], ["--permanent"]):
            _firewall_cmd(*when, f"--remove-rich-rule={_rule(address, port)}")


def close_port(port: int) -> None:
    """Undo what earlier versions did, which opened the port for all addresses."""
    if _query(f"--query-port={port}/tcp") is not None:
        for when in ([], ["--permanent"]):
            _firewall_cmd(*when, f"--remove-port={port}/tcp")  # succeeds (with a warning) when it is not open


def _rule(address: str, port: int) -> str:
    return f'rule family="ipv4" destination address="{address}" port port="{port}" protocol="tcp" accept'


def _query(word: str) -> bool | None:
    rc = _firewall_cmd(word, ok=(0, _NO, _NOT_RUNNING, _INVALID_ZONE))
    return None if rc in (None, _NOT_RUNNING, _INVALID_ZONE) else rc == 0


def _firewall_cmd(*words: str, ok: tuple[int, ...] = (0,)) -> int | None:
    """Run firewall-cmd on the libvirt zone; its exit code, None when it is not installed."""
    if shutil.which("firewall-cmd") is None:
        return None
    command = ["firewall-cmd", "--quiet", f"--zone={ZONE}", *words]
    done = subprocess.run(
        command,
        env=os.environ | {"LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if done.returncode in ok:
        return done.returncode
    remedy = " Run it as root, or open the port yourself." if done.returncode == _NOT_AUTHORIZED else ""
    said = (done.stderr or done.stdout).strip()
    raise CommandFailed(
        f"firewall-cmd {words[-1]} failed", f"Exit code {done.returncode}: {said}.{remedy}", rc=done.returncode
    )
