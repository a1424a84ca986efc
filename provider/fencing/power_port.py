"""The fencing endpoint's ports: are they free, and does firewalld let the lab's guests reach them?

Each door of an endpoint has a rule of its own in firewalld, for its address: labs have the same port, and to remove the
rule of one must not cut the others off.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Literal

from halab.provider.fencing.doors.names import Spot
from halab.provisioners.engine.errors import CommandFailed, ConfigError, Conflict

Protocol = Literal["tcp", "udp"]

ZONE = "libvirt"  # firewalld's zone of all libvirt networks' bridges
_TIMEOUT_S = 60.0
# firewall-cmd's exit codes (firewall-cmd(1), "Exit codes")
_NO, _NOT_RUNNING, _INVALID_ZONE, _NOT_AUTHORIZED = 1, 252, 112, 253


def refuse_if_taken(address: str, port: int, protocol: Protocol = "tcp", attribute: str = "port") -> None:
    """Raise Conflict when something listens there, ConfigError when the address is not one of this host's."""
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            if protocol == "tcp":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that just ended do not matter
            probe.bind((address, port))
            if protocol == "tcp":
                probe.listen(1)  # with SO_REUSEADDR it is this call that meets another listener
        except OSError as error:
            _explain(error, address, port, protocol, attribute)


def _explain(error: OSError, address: str, port: int, protocol: Protocol, attribute: str) -> None:
    if error.errno == errno.EADDRINUSE:
        user = listener(port, protocol) or "a process that this user may not see"
        name = "Port" if protocol == "tcp" else "UDP port"
        raise Conflict(
            f"{name} {port} is in use",
            f"{user} already listens on port {port} at {address} or at all addresses. End it, or set another port.",
            attribute,
        ) from error
    if error.errno == errno.EADDRNOTAVAIL:
        raise ConfigError(
            f"No address {address} on this host",
            "The fencing endpoint listens on the lab's bridge only: give the gateway address of the lab's network "
            "(halab_network's `gateway`), and make the network first.",
            "address",
        ) from error
    if error.errno == errno.EACCES:
        raise ConfigError(f"No right to listen on port {port}", "Ports below 1024 need root.", attribute) from error
    raise error


def listener(port: int, protocol: Protocol = "tcp") -> str | None:
    """Who listens on the port, as "name (pid N)"; None when nobody does or we may not see it."""
    inodes = _listening_inodes(port, protocol)
    if not inodes:
        return None
    for entry in filter(str.isdecimal, os.listdir("/proc")):
        if inodes & _socket_inodes(entry):
            name = Path(f"/proc/{entry}/comm").read_text().strip()
            return f"{name} (pid {entry})"
    return None


def held_by(pid: int, port: int) -> bool:
    """Whether this process, of this user, listens on the TCP port."""
    return bool(_listening_inodes(port, "tcp") & _socket_inodes(str(pid)))


def _listening_inodes(port: int, protocol: Protocol) -> set[str]:
    """Inodes of the listening sockets, from the kernel's own table (proc(5), /proc/net/tcp)."""
    inodes, listening = set(), "0A" if protocol == "tcp" else "07"  # TCP_LISTEN; TCP_CLOSE: a UDP socket without a peer
    for table in (f"/proc/net/{protocol}", f"/proc/net/{protocol}6"):
        if not os.path.exists(table):  # no IPv6 in this kernel
            continue
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            local, state, inode = fields[1], fields[3], fields[9]
            if state == listening and int(local.rpartition(":")[2], 16) == port:
                inodes.add(inode)
    return inodes


def _socket_inodes(pid: str) -> set[str]:
    try:
        links = [os.readlink(link.path) for link in os.scandir(f"/proc/{pid}/fd")]
    except (FileNotFoundError, PermissionError, ProcessLookupError):  # gone meanwhile, or not ours to see
        return set()
    return {match[1] for link in links if (match := re.fullmatch(r"socket:\[([0-9]+)\]", link))}


def is_open(spot: Spot) -> bool | None:
    """Whether firewalld lets guests reach it, by its rule or anyway; None when none runs, or it has no such zone."""
    there = has_rule(spot)
    return _query(f"--query-port={spot.ports}/{spot.protocol}") if there is False else there


def has_rule(spot: Spot) -> bool | None:
    """Whether the spot's own rule is there; None as in `is_open`."""
    return _query(f"--query-rich-rule={_rule(spot)}")


def add_rule(spot: Spot) -> None:
    """Let guests in, now and for good."""
    for when in ([], ["--permanent"]):
        _firewall_cmd(*when, f"--add-rich-rule={_rule(spot)}")


def open_for(spot: Spot, seconds: float) -> None:
    """Let guests in, now and for that long: firewalld itself takes the rule away again."""
    _firewall_cmd(f"--add-rich-rule={_rule(spot)}", f"--timeout={seconds:.0f}")


def remove_rule(spot: Spot) -> None:
    """Undo `add_rule`; nothing happens where no firewalld runs, or where it is not there."""
    if has_rule(spot) is not None:
        for when in ([], ["--permanent"]):
            _firewall_cmd(*when, f"--remove-rich-rule={_rule(spot)}")


def close_port(port: int) -> None:
    """Undo what earlier versions did, which opened the port for all addresses."""
    if _query(f"--query-port={port}/tcp") is not None:
        for when in ([], ["--permanent"]):
            _firewall_cmd(*when, f"--remove-port={port}/tcp")  # succeeds (with a warning) when it is not open


def _rule(spot: Spot) -> str:
    port = f'port port="{spot.ports}" protocol="{spot.protocol}"'
    return f'rule family="ipv4" destination address="{spot.address}" {port} accept'


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
