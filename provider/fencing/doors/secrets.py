"""What opens the doors: made once for an endpoint, beside its other files, for their owner only."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from halab.provider.fencing.doors.names import SECRETS, SSH_USERS
from halab.provider.fencing.power_files import PowerFiles
from halab.provisioners.engine.command import Secret
from halab.provisioners.engine.errors import ConfigError

if TYPE_CHECKING:
    import paramiko

HOST_KEY: Final = "ssh-host"
_LETTERS = string.ascii_letters + string.digits
_PASSWORD_LETTERS = 20  # IPMI's longest; 119 bits, since RAKP2 gives everybody something to guess from


def _password() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(_PASSWORD_LETTERS))


def _private_key() -> str:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    made = Ed25519PrivateKey.generate()
    return made.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()


_MAKERS: dict[str, Callable[[], str]] = {
    "wti": _password,
    "ipmi": _password,
    "xvm": lambda: secrets.token_hex(64),
    "virsh": _private_key,
    HOST_KEY: _private_key,
}


def needed(doors: Iterable[str]) -> frozenset[str]:
    """Names of the secrets that clients of these doors have."""
    return frozenset(SECRETS[door] for door in doors)


def make(files: PowerFiles, doors: Iterable[str]) -> None:
    """Make those that are not there yet, and remove those of doors that are no more."""
    doors = set(doors)
    wanted = needed(doors) | ({HOST_KEY} if doors & SSH_USERS.keys() else set())
    for name, maker in _MAKERS.items():
        path = files.secret(name)
        if name not in wanted:
            path.unlink(missing_ok=True)
        elif not path.is_file():
            files.write(path, Secret(maker()))


def read(files: PowerFiles, name: str) -> str:
    """One of them. Raises ConfigError when it is not there."""
    try:
        return files.secret(name).read_text()
    except FileNotFoundError as error:
        raise ConfigError(
            f"The fencing endpoint's secret {name!r} is not there", "The next apply makes a new one.", "doors"
        ) from error


def present(files: PowerFiles, doors: Iterable[str]) -> dict[str, str]:
    """Those of clients that are there, by name."""
    return {name: files.secret(name).read_text() for name in sorted(needed(doors)) if files.secret(name).is_file()}


def key(files: PowerFiles, name: str) -> paramiko.PKey:
    """A private key of an SSH door or of its client."""
    import io

    import paramiko

    return paramiko.Ed25519Key.from_private_key(io.StringIO(read(files, name)))


def host_key(files: PowerFiles) -> str:
    """The SSH doors' public host key, as known_hosts has it; empty when there is none."""
    if not files.secret(HOST_KEY).is_file():
        return ""
    made = key(files, HOST_KEY)
    return f"{made.get_name()} {made.get_base64()}"
