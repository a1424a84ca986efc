"""The fencing endpoint's daemon as a systemd unit, of the system (root) or of the user."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path

from halab.provider.fencing.power_files import Supervision
from halab.provider.fencing.power_supervisor import SERVER_MODULE, python_command
from halab.provisioners.engine.errors import CommandFailed

_TIMEOUT_S = 60.0


def supervision_here() -> Supervision:
    """Who can keep a daemon alive on this host, for this user."""
    if not Path("/run/systemd/system").is_dir():  # sd_booted(3): systemd is PID 1
        return "supervisor"
    if os.geteuid() == 0:
        return "system unit"
    return "user unit" if Path(f"/run/user/{os.geteuid()}/systemd/private").exists() else "supervisor"


def ends_at_logout() -> bool:
    """Whether this user's units end when the last session does (no lingering)."""
    return not Path("/var/lib/systemd/linger", pwd.getpwuid(os.geteuid()).pw_name).exists()


def unit_text(lab: str, config: Path, *, user: bool) -> str:
    """The unit file."""
    # env lies in a system directory: SELinux does not let systemd itself start programs that lie in homes.
    command = " ".join(map(_quoted, ("/usr/bin/env", *python_command(SERVER_MODULE, config))))
    return f"""\
[Unit]
Description=Power control for fencing of the halab lab {_escaped(lab)}
After={"default.target" if user else "network.target libvirtd.service virtqemud.service"}
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={command}
Restart=always
RestartSec=1
TimeoutStopSec=10
UMask=0077

[Install]
WantedBy={"default.target" if user else "multi-user.target"}
"""


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(word: str) -> str:
    """One word of an ExecStart line (systemd.service(5), "Command lines")."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{_escaped(escaped)}"'


class Unit:
    """One unit, by its name; `user`: of this user's systemd."""

    def __init__(self, name: str, *, user: bool) -> None:
        self.name, self._user = f"{name}.service", user

    @property
    def path(self) -> Path:
        """Where the unit file lies."""
        return (Path.home() / ".config/systemd/user" if self._user else Path("/etc/systemd/system")) / self.name

    def foreign(self, config: Path) -> bool:
        """Whether a unit file of that name is there and runs something else than this configuration."""
        try:
            return _quoted(str(config)) not in self.path.read_text()
        except FileNotFoundError:
            return False

    def starts_present_daemon(self) -> bool:
        """Whether the unit file is there and names the daemon's module as it is called now."""
        try:
            return _quoted(SERVER_MODULE) in self.path.read_text()
        except FileNotFoundError:
            return False

    def install(self, text: str) -> None:
        """Write, enable and (re)start it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(text)
        self._systemctl("daemon-reload")
        self._systemctl("enable", self.name)
        self._systemctl("restart", self.name)

    def active(self) -> bool:
        """Whether systemd runs it, or is about to after a restart."""
        # 3: not active, 4: no such unit
        said = self._systemctl("is-active", self.name, ok=(0, 3, 4)).stdout.strip()
        return said in ("active", "activating", "reloading")

    def remove(self) -> None:
        """Stop, disable and remove it; nothing happens when it is not there."""
        if not self.path.exists() and not self.active():
            return
        self._systemctl("stop", self.name, ok=(0, 5))  # 5: not loaded
        self._systemctl("disable", self.name, ok=(0, 1))  # 1: there is no unit file
        self.path.unlink(missing_ok=True)
        self._systemctl("daemon-reload")
        self._systemctl("reset-failed", self.name, ok=(0, 1))  # 1: not loaded any more

    def status(self) -> str:
        """What systemd says about it, for an error message."""
        return self._systemctl("status", "--no-pager", "--lines=8", self.name, ok=(0, 1, 2, 3, 4)).stdout.strip()

    def _systemctl(self, *words: str, ok: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
        command = ["systemctl", *(["--user"] if self._user else []), *words]
        environment = os.environ | {"LC_ALL": "C"}
        if self._user:  # not set by sudo -u and the like
            environment["XDG_RUNTIME_DIR"] = f"/run/user/{os.geteuid()}"
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        if done.returncode not in ok:
            said = (done.stderr or done.stdout).strip()
            raise CommandFailed(
                f"systemctl {words[0]} {self.name} failed", f"Exit code {done.returncode}: {said}", rc=done.returncode
            )
        return done
