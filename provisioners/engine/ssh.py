"""The SSH transport: one connection a machine, pinned host key, many commands at once. The only user of paramiko."""

from __future__ import annotations

import contextlib
import logging
import secrets
import shlex
import socket
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from halab.provisioners.engine import batch
from halab.provisioners.engine.command import Command, Result, Secret
from halab.provisioners.engine.durable import PUT
from halab.provisioners.engine.errors import AuthError, ConnectError, ConnectionLost, HostKeyError, TimedOut
from halab.provisioners.engine.host import Pace
from halab.provisioners.engine.interrupted import RUN, UNFINISHED, VARIABLE

if TYPE_CHECKING:
    import paramiko

_LOADING = threading.Lock()

# sshd allows 10 sessions on a connection by default; two are left for whoever else uses a shared one.
_CHANNELS = 8
_RETRY_S = 0.5
_CHUNK = 1 << 16
# How long a machine that did not answer counts as mute for the rest of this process: a refresh asks it dozens of times.
_MUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where a host is reached and how it proves who it is. `host_key` is "type base64" as in known_hosts.

    `other_keys`: private keys to try when it does not know the one at `key_path`.
    """

    name: str
    ip: str
    host_key: str
    key_path: Path
    port: int = 22
    user: str = "root"
    other_keys: tuple[Path, ...] = ()


def load() -> None:
    """Load paramiko, once. Whoever is in a hurry does it before several connections begin to, side by side.

    paramiko takes invoke for `Match exec` in a configuration file, which nobody here reads: 90 modules, and 60 of the
    160 ms of processor time that it takes to load. It does without where that cannot be imported.
    """
    with _LOADING:
        if "paramiko" in sys.modules:
            return
        # Its threads log, with tracebacks, what is raised here, too: nothing for a person's terminal.
        logging.getLogger("paramiko").addHandler(logging.NullHandler())
        there = sys.modules.pop("invoke", None)
        sys.modules["invoke"] = None  # type: ignore[assignment]  # as Python documents it: an import of it fails
        try:
            import paramiko  # noqa: F401
        finally:
            del sys.modules["invoke"]
            if there is not None:
                sys.modules["invoke"] = there


class SshTransport:
    """Runs commands over one paramiko connection, made on first use and again after it broke.

    A command whose connection breaks under way raises ConnectionLost and is never sent again: whether it took effect is
    for the caller to find out.
    """

    def __init__(self, address: Address, pace: Pace, connect_s: float = 30.0) -> None:
        load()
        self.name, self._address, self._pace = address.name, address, pace
        self._connect_s = connect_s * pace.time_scale
        self._lock = threading.Lock()
        self._channels = threading.BoundedSemaphore(_CHANNELS)
        self._connection: paramiko.Transport | None = None
        self._mute: tuple[float, ConnectError] | None = None

    def run(self, command: Command, timeout_s: float) -> Result:
        stdin = command.stdin.reveal() if isinstance(command.stdin, Secret) else command.stdin or ""
        return self._exchange(command, stdin.encode(), timeout_s)

    def run_all(self, commands: Sequence[Command], timeout_s: float) -> list[Result]:
        """Several read-only commands, one after the other, in one exchange."""
        mark = secrets.token_hex(16)
        text = batch.compose(commands, mark)
        return batch.split(commands, self._exchange(Command(("sh", "-s")), text.encode(), timeout_s), mark)

    def put(self, path: str, content: bytes, mode: int, owner: str) -> None:
        command = Command(("sh", "-euc", PUT, "halab", path, f"{mode:04o}", owner))
        result = self._exchange(command, content, command.timeout_s * self._pace.time_scale)
        if result.rc != 0:
            raise ConnectError(f"{self.name}: cannot write {path}", result.stderr.strip()[-500:])

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _exchange(self, command: Command, stdin: bytes, timeout_s: float) -> Result:
        import paramiko

        with self._channels:
            channel = self._open_channel()
            deadline = time.monotonic() + timeout_s
            try:
                channel.settimeout(timeout_s)
                channel.exec_command(f"LC_ALL=C.UTF-8 {VARIABLE}={RUN} {shlex.join(command.argv)}")
                return _converse(channel, command, stdin, deadline)
            except TimeoutError:
                UNFINISHED.set()
                raise TimedOut(
                    f"{self.name}: {command.argv[0]} did not end within {timeout_s:.0f} s", str(command)
                ) from None
            except (paramiko.SSHException, EOFError, OSError) as error:
                UNFINISHED.set()
                raise ConnectionLost(
                    f"{self.name}: the connection broke",
                    f"while `{command}` ran; whether it took effect is unknown ({error})",
                ) from error
            finally:
                channel.close()

    def _open_channel(self) -> paramiko.Channel:
        import paramiko

        for attempt in (1, 2):
            connection = self._connected()
            try:
                return connection.open_session(timeout=self._connect_s)
            except (paramiko.SSHException, EOFError, OSError) as error:
                # Nothing was sent yet: a connection that died while idle may be made anew, once.
                self._forget(connection)
                if attempt == 2:
                    raise ConnectError(f"{self.name}: no session", f"{self._address.ip}: {error}") from error
        raise AssertionError("unreachable")

    def _forget(self, connection: paramiko.Transport) -> None:
        with self._lock:
            connection.close()
            if self._connection is connection:
                self._connection = None

    def _connected(self) -> paramiko.Transport:
        with self._lock:
            if self._connection is not None and self._connection.is_active():
                return self._connection
            if self._mute is not None and time.monotonic() - self._mute[0] < _MUTE_S:
                raise self._mute[1]
            self._connection = None
            try:
                self._connection = self._connect()
            except ConnectError as error:
                self._mute = (time.monotonic(), error)
                raise
            self._mute = None
            return self._connection

    def _connect(self) -> paramiko.Transport:
        """Try until the machine answers or the deadline passes; a wrong key on either side ends it at once."""
        import paramiko

        started = self._pace.clock()
        while True:
            try:
                return self._handshake()
            except (paramiko.SSHException, EOFError, OSError) as error:
                if self._pace.clock() - started >= self._connect_s:
                    raise ConnectError(
                        f"{self.name} runs but does not answer",
                        f"No SSH at {self._address.ip}:{self._address.port} within {self._connect_s:.0f} s ({error}). "
                        "Look at its console log; reset it, or remove it with `virsh destroy`, and run again.",
                    ) from error
            self._pace.sleep(_RETRY_S, f"SSH to {self.name}")

    def _handshake(self) -> paramiko.Transport:
        import paramiko

        wire = _dial(self._address.ip, self._address.port, timeout_s=self._connect_s)
        connection = paramiko.Transport(wire)
        connection.banner_timeout = connection.auth_timeout = connection.handshake_timeout = self._connect_s
        try:
            kind = self._address.host_key.split()[0]
            connection.get_security_options().key_types = (kind,)
            connection.start_client(timeout=self._connect_s)
            self._check_host_key(connection.get_remote_server_key())
            self._authenticate(connection)
        except paramiko.AuthenticationException as error:
            connection.close()
            raise AuthError(
                f"{self.name} refuses the lab's key",
                f"{self._address.key_path} is not authorized for {self._address.user}: {error}",
            ) from error
        except BaseException:
            connection.close()
            raise
        return connection

    def _authenticate(self, connection: paramiko.Transport) -> None:
        import paramiko

        for path in self._address.other_keys[::-1]:  # sshd lets a client try six
            with contextlib.suppress(paramiko.AuthenticationException):
                connection.auth_publickey(self._address.user, load_private_key(path))
                return
        connection.auth_publickey(self._address.user, load_private_key(self._address.key_path))

    def _check_host_key(self, shown: paramiko.PKey) -> None:
        if f"{shown.get_name()} {shown.get_base64()}" != " ".join(self._address.host_key.split()[:2]):
            raise HostKeyError(
                f"{self.name} shows another host key than the pinned one",
                f"{self._address.ip} shows {shown.fingerprint}. If you reinstalled it, replace its machine resource; "
                "otherwise something else answers at its address.",
            )


def _converse(channel: paramiko.Channel, command: Command, stdin: bytes, deadline: float) -> Result:
    """Raises TimeoutError when the program has not ended by `deadline`, however much it says meanwhile."""
    output, errors = bytearray(), bytearray()

    def drain() -> None:
        with contextlib.suppress(OSError):  # the main thread sees the same and reports it
            while chunk := channel.recv_stderr(_CHUNK):
                errors.extend(chunk)

    reader = threading.Thread(target=drain, daemon=True)
    reader.start()
    _send(channel, stdin, deadline)
    channel.shutdown_write()
    channel.settimeout(_left_s(deadline))
    while chunk := channel.recv(_CHUNK):
        output.extend(chunk)
        channel.settimeout(_left_s(deadline))
    if not channel.status_event.wait(_left_s(deadline)):
        raise TimeoutError
    reader.join(_left_s(deadline))
    if channel.exit_status == -1:
        raise EOFError("no exit status came back")
    return Result(command, channel.exit_status, output.decode(errors="replace"), errors.decode(errors="replace"))


def _send(channel: paramiko.Channel, stdin: bytes, deadline: float) -> None:
    sent = 0
    try:
        while sent < len(stdin):
            channel.settimeout(_left_s(deadline))
            sent += channel.send(stdin[sent:])
    except OSError:
        if not channel.closed and not channel.exit_status_ready():
            raise  # otherwise: the program ended without reading; its exit code tells


def _left_s(deadline: float) -> float:
    if (left_s := deadline - time.monotonic()) <= 0:
        raise TimeoutError
    return left_s


def _dial(ip: str, port: int, timeout_s: float) -> socket.socket:
    """A TCP connection that notices within about 20 s that the other side was powered off."""
    wire = socket.create_connection((ip, port), timeout=min(timeout_s, 10.0))
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 20_000)
    return wire


def load_private_key(path: Path) -> paramiko.PKey:
    """The lab's. AuthError: there is none, or it cannot be read."""
    import paramiko

    try:
        return paramiko.Ed25519Key.from_private_key_file(str(path))
    except FileNotFoundError as error:
        raise AuthError(
            "The lab's private key is missing", f"{path}: restore it, or destroy the lab and build it anew."
        ) from error
    except (paramiko.SSHException, ValueError, LookupError) as error:  # cut short it may be wrong in any of its fields
        raise AuthError(
            "The lab's private key cannot be read", f"{path}: restore it, or destroy the lab and build it anew."
        ) from error
