"""The files of one fencing endpoint: `<lab directory>/fencing/<name>/`, directory 0700, every file 0600.

config.json     what the daemon serves (PowerConfig); replaced atomically, the daemon sees a new one at the next request
htpasswd        user name and bcrypt hash; read by the daemon at each request
authority.pem   the certificate that clients trust (public)
server.pem      the server's certificate;  server.key  its private key
NAME.secret     what opens a door (doors/secrets.py), in the clear: clients in the guests have the same
unfinished.json machines that were switched off, and when (doors/unfinished.py); gone when the daemon ends as it should
power.log       where no journal keeps the daemon's messages
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from halab.provider.run.files import write_private
from halab.provisioners.engine.command import Secret
from halab.provisioners.engine.errors import UnexpectedOutput

Supervision = Literal["system unit", "user unit", "supervisor"]

# A generated password has more entropy than any hash cost can add; each fencing request pays this (about 50 ms).
BCRYPT_COST = 10


@dataclass(frozen=True, slots=True)
class PowerConfig:
    """What the daemon needs to know. `machines` are the UUIDs of the domains that it may control."""

    lab: str
    address: str
    port: int
    uri: str
    machines: tuple[str, ...]
    supervision: Supervision
    firewall_opened: bool = False  # by an earlier version, for all addresses: ours to close
    firewall_rule: bool = False  # the endpoint's own rule was made by us, so it is ours to remove
    plugs: Mapping[str, int] = field(default_factory=dict)  # machine to plug; all that are not here get free ones
    doors: Mapping[str, int] = field(default_factory=dict)  # beside Redfish: name to port (doors/names.py)
    door_rules: tuple[str, ...] = ()  # doors whose firewall rules were made by us

    @classmethod
    def parse(cls, text: str) -> PowerConfig:
        """From JSON. Raises UnexpectedOutput when it is not what `dump` wrote."""
        try:
            data: dict[str, Any] = json.loads(text)
            return cls(**{**data, "machines": tuple(data["machines"]), "door_rules": tuple(data.get("door_rules", ()))})
        except (ValueError, TypeError, KeyError) as error:
            raise UnexpectedOutput("The fencing endpoint's config.json cannot be read", str(error)) from error

    def dump(self) -> str:
        return json.dumps(asdict(self), indent=1) + "\n"


@dataclass(frozen=True, slots=True)
class PowerFiles:
    """Paths below one endpoint's directory, and how they are read and written."""

    directory: Path

    @property
    def config(self) -> Path:
        return self.directory / "config.json"

    @property
    def htpasswd(self) -> Path:
        return self.directory / "htpasswd"

    @property
    def authority(self) -> Path:
        return self.directory / "authority.pem"

    @property
    def certificate(self) -> Path:
        return self.directory / "server.pem"

    @property
    def private_key(self) -> Path:
        return self.directory / "server.key"

    def secret(self, name: str) -> Path:
        """What opens a door (doors/secrets.py)."""
        return self.directory / f"{name}.secret"

    @property
    def known(self) -> Path:
        return self.directory / "known.json"

    @property
    def unfinished(self) -> Path:
        return self.directory / "unfinished.json"

    @property
    def log(self) -> Path:
        return self.directory / "power.log"

    def complete(self) -> bool:
        """Whether everything is there that cannot be made again without a new authority, and the configuration."""
        return all(path.is_file() for path in (self.config, self.authority, self.certificate, self.private_key))

    def make_directory(self) -> None:
        for directory in (self.directory.parent, self.directory):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.chmod(0o700)

    def read_config(self) -> PowerConfig | None:
        """The configuration; None when there is none."""
        try:
            return PowerConfig.parse(self.config.read_text(errors="replace"))  # what is no text is no JSON
        except FileNotFoundError:
            return None

    def write(self, path: Path, text: str | Secret) -> None:
        """Replace a file atomically; it is 0600 from its first byte on."""
        write_private(path, text.reveal() if isinstance(text, Secret) else text)

    def write_password(self, username: str, password: Secret) -> None:
        """Write htpasswd, unless it already accepts exactly this user and password."""
        if self.accepts(username, password):
            return
        import bcrypt

        digest = bcrypt.hashpw(password.reveal().encode(), bcrypt.gensalt(BCRYPT_COST)).decode()
        self.write(self.htpasswd, f"{username}:{digest}\n")

    def accepts(self, username: str, password: Secret) -> bool:
        """Whether htpasswd holds this one user with this password."""
        import bcrypt

        try:
            user, _, digest = self.htpasswd.read_text().rstrip("\n").partition(":")
            return user == username and bcrypt.checkpw(password.reveal().encode(), digest.encode())
        except (FileNotFoundError, ValueError):  # ValueError: not a bcrypt hash
            return False

    def username(self) -> str | None:
        """The user whom htpasswd names; None when there is no such file."""
        try:
            return self.htpasswd.read_text().partition(":")[0]
        except FileNotFoundError:
            return None

    def last_log_lines(self, count: int = 8) -> str:
        """The end of power.log, for an error message; empty when there is none."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])
        except FileNotFoundError:
            return ""

    def remove(self) -> None:
        """Remove everything; the parent `fencing/` too when this was the last endpoint in it."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.directory)
        with contextlib.suppress(FileNotFoundError, OSError):  # OSError: another endpoint's directory is in it
            self.directory.parent.rmdir()
