"""systemd units, as lines of shell: their state, and which start at boot.

For units that also have an init script, Debian's systemctl would run update-rc.d: 4 s a unit on an emulated guest, with
no effect under systemd. Nor is systemd reloaded: what starts at boot is read at boot. systemctl leaves its links to the
file system, so they are put on the disk here.
"""

from __future__ import annotations

from dataclasses import dataclass

from halab.provisioners.engine.durable import KEPT
from halab.provisioners.engine.errors import UnexpectedOutput

_RUNNING = frozenset({"active", "activating", "reloading"})
_QUIETLY = "SYSTEMCTL_SKIP_SYSV=1 systemctl -q --no-reload"

# A link to a unit file that is there, and no link in that file's place, which may mask it: it is enabled. The shell
# sees that by itself; systemctl, which is asked for all else, takes an emulated guest 0.1 s.
IS_ENABLED = """\
is_enabled() {
  case $1 in *.*) ;; *) set -- "$1.service" ;; esac
  if [ ! -L "/etc/systemd/system/$1" ] && [ ! -L "/run/systemd/system/$1" ]; then
    for link in /etc/systemd/system/*.wants/"$1" /etc/systemd/system/*.requires/"$1"; do
      if [ -L "$link" ] && [ -e "$link" ]; then echo enabled; return; fi
    done
  fi
  SYSTEMCTL_SKIP_SYSV=1 systemctl is-enabled -- "$1" 2>/dev/null || :
}
"""
"""Lines of shell: the function `is_enabled`, which prints a unit's state as `systemctl is-enabled` does."""


@dataclass(frozen=True, slots=True)
class UnitState:
    """What systemd says of a unit. `load` is "not-found" when there is none; `file` is "enabled", "static", …"""

    load: str
    file: str
    running: bool


# systemd keeps such a link for a unit from its start until it is inactive or has failed. Without it systemctl is asked,
# which knows of units that wait for their turn, and that are not there.
_LOOK = f"""\
{IS_ENABLED}files=
for unit in UNITS; do
  case $unit in *.*) ;; *) unit=$unit.service ;; esac
  file=$(is_enabled "$unit")
  if [ "$file" = enabled ] && [ -L "/run/systemd/units/invocation:$unit" ]; then
    printf 'LoadState=loaded\\nActiveState=active\\n'
  else
    systemctl show -p LoadState,ActiveState,Job -- "$unit"
  fi
  echo
  files="$files$file
"
done
printf %s "$files"
"""


def show(*units: str) -> str:
    """Lines of shell that print what `parse_show` reads; they succeed whatever the units' state.

    `systemctl show` knows UnitFileState as it was when systemd last reloaded; is_enabled looks at the files.
    """
    return _LOOK.replace("UNITS", " ".join(units))


def parse_show(text: str) -> list[UnitState]:
    """The units' states, in the order asked for. A unit that waits for its turn to start counts as running."""
    *shown, files = text.removesuffix("\n").split("\n\n")
    found = [dict(line.split("=", 1) for line in part.splitlines() if "=" in line) for part in shown]
    states = files.split("\n")
    if len(states) != len(found):
        raise UnexpectedOutput("systemctl showed other units than it was asked for", text[-500:])
    return [
        UnitState(
            load=unit.get("LoadState", ""),
            file=file,
            running=unit.get("ActiveState") in _RUNNING or unit.get("Job", "0") not in ("", "0"),
        )
        for unit, file in zip(found, states, strict=True)
    ]


def enable(*units: str) -> str:
    """Lines of shell that let units (names, or "$1" and the like) start at boot; they are not started now."""
    return f"{_QUIETLY} enable {' '.join(units)}\n{KEPT}"


def disable(*units: str) -> str:
    """Lines of shell that keep units from starting at boot; they are not stopped now."""
    return f"{_QUIETLY} disable {' '.join(units)}\n{KEPT}"
