"""SSH doors: an SSH server that runs nothing. Whoever is let in talks to a dialogue."""

from __future__ import annotations

import hmac
import logging
import re
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import paramiko
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_SUCCEEDED,
)

from halab.provider.fencing.doors.tcp import IDLE_S, LOGIN_S, PAUSE_S
from halab.provider.fencing.doors.terminal import Dialogue

log = logging.getLogger("halab.power")

_CHUNK = 512
_PIECE_BYTES = 32 * 1024
STRANGER_BYTES = 256 * 1024
"""What one may send who has not logged in: a handshake takes some kilobytes."""
# What fence_virsh starts instead of a login shell: bash with this prompt. It is not run; the dialogue takes its place.
_AGENT_SHELL = re.compile(rb"/bin/bash -c .{0,8}PS1=\S{0,4}EXPECT\S{0,4} /bin/bash --noprofile --norc.{0,2}")


class SshSessions:
    """Sessions of one door. A user gets in by `password`, or with `client_key`; by nothing else."""

    def __init__(
        self,
        host_key: paramiko.PKey,
        username: str,
        dialogue: Callable[[str], Dialogue],
        *,
        password: str | None = None,
        client_key: paramiko.PKey | None = None,
    ) -> None:
        self.username, self.password, self.client_key = username, password, client_key
        self._host_key, self._dialogue = host_key, dialogue

    def __call__(self, connection: socket.socket, peer: str) -> None:
        """From the handshake to the end."""
        wary = _Wary(connection)
        transport = paramiko.Transport(wary)  # type: ignore[arg-type]  # of a socket it wants what this one has
        wary.trusts = transport.is_authenticated
        try:
            transport.banner_timeout = transport.auth_timeout = transport.handshake_timeout = LOGIN_S
            transport.add_server_key(self._host_key)
            caller = _Caller(self, peer)
            transport.start_server(event=threading.Event(), server=caller)
            channel = transport.accept(int(LOGIN_S))
            if channel is None or not caller.ready.wait(LOGIN_S):
                log.info("ssh: %s: did not log in", peer)
                return
            _talk(self._dialogue(peer), channel)
            channel.send_exit_status(0)
            channel.close()
        except paramiko.SSHException as error:
            log.info("ssh: %s: %s", peer, error)
        finally:
            transport.close()


def _talk(dialogue: Dialogue, channel: paramiko.Channel) -> None:
    channel.settimeout(IDLE_S)
    channel.sendall(dialogue.greet())
    while not dialogue.ended:
        data = channel.recv(_CHUNK)
        if not data:
            return
        channel.sendall(dialogue.receive(data))


class _Wary:
    """A socket that gives little at once, and ends with who says much before the log-in.

    paramiko asks for as many bytes as a packet says that it has: four gigabytes, if a stranger says so.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._heard = connection, 0
        self.trusts: Callable[[], bool] = lambda: False

    def recv(self, count: int) -> bytes:
        data = self._connection.recv(min(count, _PIECE_BYTES))
        if not self.trusts():
            self._heard += len(data)
            if self._heard > STRANGER_BYTES:
                log.warning("ssh: hung up on who said %d bytes before the log-in", self._heard)
                return b""
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class _Caller(paramiko.ServerInterface):
    """What one client may: log in, open one session, have a terminal in it."""

    def __init__(self, door: SshSessions, peer: str) -> None:
        self._door, self._peer, self.ready = door, peer, threading.Event()

    def get_allowed_auths(self, username: str) -> str:
        return "publickey" if self._door.password is None else "password"

    def check_auth_password(self, username: str, password: str | bytes) -> int:
        wanted = self._door.password
        said = password.encode() if isinstance(password, str) else password  # bytes: they are no UTF-8
        known = wanted is not None and username == self._door.username
        if known and hmac.compare_digest(said, str(wanted).encode()):
            return AUTH_SUCCESSFUL
        return self._failed("password")

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        if username == self._door.username and self._door.client_key is not None and key == self._door.client_key:
            return AUTH_SUCCESSFUL
        return self._failed("key")

    def _failed(self, what: str) -> int:
        log.warning("ssh: %s: wrong user or %s", self._peer, what)
        time.sleep(PAUSE_S)  # who guesses is slowed
        return AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        if kind == "session" and not self.ready.is_set():
            return OPEN_SUCCEEDED
        return OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_pty_request(self, *_: object) -> bool:
        return True

    def check_channel_shell_request(self, channel: paramiko.Channel) -> bool:
        self.ready.set()
        return True

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        if _AGENT_SHELL.fullmatch(command) is None:
            log.warning("ssh: %s: refused to run %r", self._peer, command[:200])
            return False
        self.ready.set()
        return True
