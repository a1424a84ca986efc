"""What has a node start anew that was fenced by storage alone: nobody else switches it off."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from halab.provisioners.engine import limits, units
from halab.provisioners.engine.command import script
from halab.provisioners.engine.durable import KEPT
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import Item, attr, with_fields
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.steps import Await, PutFile, Run, Step
from halab.provisioners.engine.survey import Says, Text, survey

COMPLETE = "complete"
UNIT = "halab-scsi-watch"
_SCRIPT = "/etc/halab/scsi-watch"
_UNIT_FILE = f"/etc/systemd/system/{UNIT}.service"
_HAD = "/run/halab-scsi-key"
_WATCHDOG = "/etc/systemd/system.conf.d/halab-watchdog.conf"

# A node that has not had its key since it started is one that comes back. A LUN that does not answer says nothing, and
# one that nobody has reserved refuses nobody: its target has lost what it knew. A key is away for some seconds, too,
# while fence_scsi takes it over from a session of before.
WATCH = """\
#!/bin/sh
# Resets this node when it has lost its key on the LUN: it was fenced, and what it still holds must not be written.
device={device} key={key} had=${{HALAB_HAD:-/run/halab-scsi-key}}
lost() {{
  keys=$(sg_persist --no-inquiry --readonly --in --read-keys "$device" 2> /dev/null) || return 1
  if printf '%s\\n' "$keys" | grep -qiw "0x$key"; then : > "$had"; return 1; fi
  [ -e "$had" ] || return 1
  held=$(sg_persist --no-inquiry --readonly --in --read-reservation "$device" 2> /dev/null) || return 1
  printf '%s\\n' "$held" | grep -qi 'Key=0x'
}}
times=0
while [ "$times" -lt 5 ]; do
  if lost; then times=$((times + 1)); else times=0; fi
  sleep 3
done
echo "<1>halab: key 0x$key is not on $device any more, this node was fenced: reset" > /dev/kmsg
echo 1 > /proc/sys/kernel/sysrq
echo b > /proc/sysrq-trigger
"""
UNIT_TEXT = f"""\
[Unit]
Description=Resets this node when it has lost its key on the shared LUN

[Service]
ExecStart={_SCRIPT}
Restart=always

[Install]
WantedBy=multi-user.target
"""
# $1 seconds, 0: somebody else has the watchdog. systemd feeds it from now on, and after each boot by its own file.
_MANAGER = "org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager RuntimeWatchdogUSec"
_START = f"""# have the node watch its key
[ "$1" != 0 ] || rm -f -- {_WATCHDOG}
systemctl daemon-reload
{units.enable(UNIT)}
systemctl restart {UNIT}
busctl set-property {_MANAGER} t "${{1}}000000"
"""
# systemd feeds the watchdog no more and closes it, if it does so for the watch. Whoever wants it next, too, runs this.
RELEASE = f"""\
if [ -e {_WATCHDOG} ]; then
  rm -f -- {_WATCHDOG}
  busctl set-property {_MANAGER} t 0
fi
"""
# It ends although somebody has removed its file: it would reset the node when the key goes next.
_FORGET = f"""# end the watch of the node's key
state=$(systemctl show --property=ActiveState --value {UNIT})
[ "$state" = inactive ] || systemctl stop {UNIT}
if [ -e {_UNIT_FILE} ]; then
{units.disable(UNIT)}
fi
rm -f -- {_UNIT_FILE} {_SCRIPT} {_HAD}
{RELEASE}{KEPT}
systemctl daemon-reload
"""
# It has seen the key, or would not know later that the node has lost it.
_WATCHES = f"""# ask whether the key is watched
systemctl is-active -q {UNIT} && [ -e {_HAD} ]
"""
# What systemd feeds the watchdog by, in microseconds.
_FED = f"busctl get-property {_MANAGER}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScsiWatch:
    """A node resets itself when it has lost its key on a reserved LUN, and by its watchdog when its kernel hangs."""

    machine: str = attr("UUID of the node's machine.", replace=True)
    device: str = attr("The LUN, as /dev/disk/by-id/wwn-0x….", check=limits.device_path)
    key: str = attr("The node's key on it, in hexadecimal digits.", check=limits.reservation_key)
    watchdog_s: int = attr(
        "After how many seconds its watchdog resets a node that hangs; 0: the watchdog belongs to somebody else.",
        default=0,
        check=limits.between(0, 2046, "s"),
    )
    condition: str = attr(
        f"`{COMPLETE}`, or what is amiss and will be put right.",
        computed=True,
        default=COMPLETE,
        check=limits.one_of(COMPLETE),
    )


class ScsiWatchItem(Item[ScsiWatch]):
    """halab_scsi_watch."""

    spec = ScsiWatch
    phase = "fencing"
    identity = ("machine",)

    def observe(self, host: Host, wanted: ScsiWatch) -> ScsiWatch | None:
        files = Text(_SCRIPT), Text(_UNIT_FILE), Text(_WATCHDOG)
        script_, unit, watchdog, state, fed = survey(host, *files, Says(units.show(UNIT)), Says(_FED))
        return watch_seen(script_, unit, watchdog, state or "", fed or "", wanted)

    def steps(self, platform: Platform, now: ScsiWatch | None, wanted: ScsiWatch | None) -> Iterator[Step]:
        del platform
        if wanted is None:
            if now is not None:
                yield Run(script(_FORGET))
        elif now != wanted:
            yield PutFile(_SCRIPT, script_of(wanted), 0o755)
            yield PutFile(_UNIT_FILE, UNIT_TEXT)
            if wanted.watchdog_s:
                yield PutFile(_WATCHDOG, f"[Manager]\nRuntimeWatchdogSec={wanted.watchdog_s}\n")
            yield Run(script(_START, wanted.watchdog_s))
            yield Await("watch of the key", script(_WATCHES), ready=lambda seen: seen.rc == 0, deadline_s=60)


def script_of(wanted: ScsiWatch) -> str:
    """The script that watches."""
    return WATCH.format(device=shlex.quote(wanted.device), key=wanted.key)


def watch_seen(
    script_: str | None, unit: str | None, watchdog: str | None, state: str, fed: str, wanted: ScsiWatch
) -> ScsiWatch | None:
    """What the node's files and units show. `fed`: the time after which systemd lets the watchdog reset the node."""
    if script_ is None:
        return None
    line = next((line for line in script_.splitlines() if line.startswith("device=")), "")
    words = dict(word.split("=", 1) for word in _words(line) if "=" in word)
    found = with_fields(
        wanted,
        device=words.get("device", ""),
        key=words.get("key", ""),
        watchdog_s=_watchdog_s(watchdog),
    )
    (watch,) = units.parse_show(state)
    faults = (
        (watch.file != "enabled" or unit != UNIT_TEXT, "it would not watch its key after a boot"),
        (not watch.running, "it does not watch its key"),
        (script_ != script_of(found), "its script is another"),
        (watchdog is not None and not found.watchdog_s, "the file of its watchdog is another"),
        (found.watchdog_s and fed.split()[-1:] != [f"{found.watchdog_s}000000"], "nobody feeds its watchdog"),
    )
    return with_fields(found, condition=next((words for wrong, words in faults if wrong), COMPLETE))


def _watchdog_s(text: str | None) -> int:
    """0 where the file is not as it was written."""
    found = re.fullmatch(r"\[Manager\]\nRuntimeWatchdogSec=([0-9]+)\n?", text or "")
    return int(found[1]) if found else 0


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # somebody has spoilt the line
        return []
