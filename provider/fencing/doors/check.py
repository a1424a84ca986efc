"""A client for each door: it logs in, has a look, and leaves."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from halab.provider.fencing.doors import secrets
from halab.provider.fencing.doors.machines import assigned
from halab.provider.fencing.doors.names import GROUP, SECRETS, SSH_USERS
from halab.provider.fencing.doors.probe import Answer, Probe
from halab.provider.fencing.doors.xvm import CHALLENGE_BYTES, DEVSTATUS, DONE, Request, answered
from halab.provider.fencing.power_files import PowerConfig, PowerFiles
from halab.provisioners.engine.errors import HalabError

if TYPE_CHECKING:
    import paramiko

AGENT_SHELL = '/bin/bash -c "PS1=\\\\[EXPECT\\\\]# /bin/bash --noprofile --norc"'


class _Refused(Exception):
    """The door is there, and does not let us in."""


def look(door: str, config: PowerConfig, files: PowerFiles, timeout_s: float) -> Probe:
    """What the door of that name says to its client; `timeout_s` for each step."""
    try:
        secret = secrets.read(files, SECRETS[door])
        said = _LOOKS[door](config, files, secret, timeout_s)
    except HalabError as error:
        return Probe(Answer.DEAD, str(error))
    except _Refused as error:
        return Probe(Answer.REFUSED, f"{door}: {error}")
    except (OSError, EOFError) as error:
        return Probe(Answer.DEAD, f"{door}: {error or type(error).__name__}")
    return Probe(Answer.READY if said is None else Answer.BROKEN, f"{door}: {said or 'answers'}")


def _until(receive: Callable[[], bytes], prompt: bytes, timeout_s: float) -> bytes:
    """What comes until the prompt."""
    seen, deadline = b"", time.monotonic() + timeout_s
    while prompt not in seen:
        more = receive()
        if not more:
            raise _Refused("hung up" if seen else "said nothing")
        seen += more
        if time.monotonic() > deadline or len(seen) > 1 << 16:
            raise TimeoutError("no prompt")
    return seen


def _wti(config: PowerConfig, files: PowerFiles, secret: str, timeout_s: float) -> str | None:
    del files
    with socket.create_connection((config.address, config.doors["wti"]), timeout_s) as connection:
        connection.settimeout(timeout_s)
        _until(lambda: connection.recv(4096), b"Password: ", timeout_s)
        connection.sendall(secret.encode() + b"\r\n")
        return _plugs(_until(lambda: connection.recv(4096), b"IPS> ", timeout_s))


def _plugs(screen: bytes) -> str | None:
    return None if b"Plug |" in screen and b" ERR " not in screen else "no plug's status is known"


def _wti_ssh(config: PowerConfig, files: PowerFiles, secret: str, timeout_s: float) -> str | None:
    with _ssh("wti-ssh", config, files, timeout_s, password=secret) as transport:
        channel = transport.open_session(timeout=timeout_s)
        channel.settimeout(timeout_s)
        channel.invoke_shell()
        return _plugs(_until(lambda: channel.recv(4096), b"IPS> ", timeout_s))


def _virsh(config: PowerConfig, files: PowerFiles, secret: str, timeout_s: float) -> str | None:
    del secret
    with _ssh("virsh", config, files, timeout_s, pkey=secrets.key(files, "virsh")) as transport:
        channel = transport.open_session(timeout=timeout_s)
        channel.settimeout(timeout_s)
        channel.exec_command(AGENT_SHELL)
        _until(lambda: channel.recv(4096), b"[EXPECT]# ", timeout_s)
        channel.sendall(b"virsh list --all\r")
        said = _until(lambda: channel.recv(4096), b"[EXPECT]# ", timeout_s)
        return "virsh list fails" if b"error:" in said or b"no state" in said else None


def _ssh(
    door: str,
    config: PowerConfig,
    files: PowerFiles,
    timeout_s: float,
    password: str | None = None,
    pkey: paramiko.PKey | None = None,
) -> paramiko.Transport:
    import paramiko

    connection = socket.create_connection((config.address, config.doors[door]), timeout_s)
    transport = paramiko.Transport(connection)
    transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = timeout_s
    try:
        transport.start_client(timeout=timeout_s)
        if transport.get_remote_server_key() != secrets.key(files, secrets.HOST_KEY):
            raise _Refused("it shows another host key")
        if pkey is not None:
            transport.auth_publickey(SSH_USERS[door], pkey)
        else:
            transport.auth_password(SSH_USERS[door], password or "")
    except paramiko.AuthenticationException as error:
        transport.close()
        raise _Refused(str(error)) from error
    except paramiko.SSHException as error:
        transport.close()
        raise ConnectionError(str(error)) from error
    except BaseException:
        transport.close()
        raise
    return transport


def _ipmi(config: PowerConfig, files: PowerFiles, secret: str, timeout_s: float) -> str | None:
    del files
    from halab.provider.fencing.doors.ipmi_client import Client, Refused

    for plug in assigned(config.machines, config.plugs).values():
        with Client(config.address, config.doors["ipmi"] + plug, secret, timeout_s) as client:
            try:
                client.log_in()
                on = client.is_on()
            except Refused as error:
                raise _Refused(str(error)) from error
        if on is None:
            return f"plug {plug}: the state is not known"
    return None


def _xvm(config: PowerConfig, files: PowerFiles, secret: str, timeout_s: float) -> str | None:
    """Over TCP, and by multicast with a call back."""
    del files
    key, port = secret.encode(), config.doors["xvm"]
    with socket.create_connection((config.address, port), timeout_s) as connection:
        connection.sendall(Request(DEVSTATUS, "", 0, 0).signed(key))
        _asked(connection, key, timeout_s)
    with socket.create_server((config.address, 0)) as called, socket.socket(type=socket.SOCK_DGRAM) as group:
        called.settimeout(timeout_s)
        group.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(config.address))
        group.bind((config.address, 0))
        sequence = time.monotonic_ns() & 0xFFFFFFFF
        request = Request(DEVSTATUS, "", called.getsockname()[1], sequence, config.address)
        group.sendto(request.signed(key), (GROUP, port))
        connection, _ = called.accept()
        with connection:
            _asked(connection, key, timeout_s)
    return None


def _asked(connection: socket.socket, key: bytes, timeout_s: float) -> None:
    """The client's half of a request that was sent."""
    from halab.provider.fencing.doors.multicast import exactly

    connection.settimeout(timeout_s)
    ours = time.monotonic_ns().to_bytes(CHALLENGE_BYTES, "big")
    try:
        connection.sendall(ours)
        if exactly(connection, CHALLENGE_BYTES) != answered(key, ours):
            raise _Refused("it has another key")
        connection.sendall(answered(key, exactly(connection, CHALLENGE_BYTES)))
        if exactly(connection, 1) != bytes([DONE]):
            raise _Refused("it does not answer")
    except ConnectionError as error:
        raise _Refused(str(error)) from error


_LOOKS: dict[str, Callable[[PowerConfig, PowerFiles, str, float], str | None]] = {
    "wti": _wti,
    "wti-ssh": _wti_ssh,
    "virsh": _virsh,
    "ipmi": _ipmi,
    "xvm": _xvm,
}
