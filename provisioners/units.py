"""systemd units, as lines of shell: their state, and which start at boot.

For units that also have an init script, Debian's systemctl would run update-rc.d: 4 s a unit on an emulated guest, with
no effect under systemd. Nor is systemd reloaded: what starts at boot is read at boot.
"""

from __future__ import annotations

from dataclasses import dataclass

_RUNNING = frozenset({"active", "activating", "reloading"})
_QUIETLY = "SYSTEMCTL_SKIP_SYSV=1 systemctl -q --no-reload"


@dataclass(frozen=True, slots=True)
class UnitState:
    """What systemd says of a unit. `load` is "not-found" when there is none; `file` is "enabled", "static", …"""

    load: str
    file: str
    running: bool


def show(*units: str) -> str:
    """A line of shell that prints what `parse_show` reads; it succeeds whatever the units' state."""
    return f"systemctl show -p Id,LoadState,UnitFileState,ActiveState,Job -- {' '.join(units)}"


def parse_show(text: str) -> list[UnitState]:
    """The units' states, in the order asked for. A unit that waits for its turn to start counts as running."""
    units = (dict(line.split("=", 1) for line in part.splitlines() if "=" in line) for part in text.split("\n\n"))
    return [
        UnitState(
            load=unit.get("LoadState", ""),
            file=unit.get("UnitFileState", ""),
            running=unit.get("ActiveState") in _RUNNING or unit.get("Job", "0") not in ("", "0"),
        )
        for unit in units
        if unit
    ]


def enable(*units: str) -> str:
    """Let units (names, or "$1" and the like) start at boot; they are not started now."""
    return f"{_QUIETLY} enable {' '.join(units)}"


def disable(*units: str) -> str:
    """Keep units from starting at boot; they are not stopped now."""
    return f"{_QUIETLY} disable {' '.join(units)}"
