"""sbd on a node: it feeds the node's watchdog while the node sees its disk or a healthy cluster."""

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
_DROP_IN = "/etc/systemd/system/sbd.service.d/halab.conf"
_WAIT = "/etc/halab/sbd-wait"
_RULE = "/etc/udev/rules.d/61-halab-sbd.rules"

# A node without its disk waits for it: what it would serve lies on the same target. One that the disk told to go waits
# until the others count it as dead: else it would hear of its own fencing after it has joined again. sbd's own
# SBD_DELAY_START would have it wait at each start.
WAIT = r"""#!/bin/sh
# Waits for the disk; after a reset by it, for as long as the others wait. Argument, for tests: the node's name.
name=${1:-$(uname -n)}
until said=$(sbd -d "$SBD_DEVICE" list 2>/dev/null); do
  iscsiadm -m node --loginall=automatic >/dev/null 2>&1 || sleep 5
done
told=$(printf '%s\n' "$said" | awk -v name="$name" '$2 == name { print $3 }')
case $told in
reset | off | crashdump) exec sleep "$(sbd -d "$SBD_DEVICE" dump | sed -n 's/^Timeout (msgwait) *: *//p')" ;;
esac
"""
# Corosync too: a node that is a member again while it is fenced is lost a second time.
UNIT = f"[Unit]\nBefore=corosync.service\n\n[Service]\nExecStartPre={_WAIT}\nTimeoutStartSec=infinity\n"

# udev asks a disk for its name each time that somebody who may have written closes it, as sbd does at each look. A disk
# whose target is away does not answer, and would lose its name for good. What the kernel remembers stays.
_NAMED = """\
ACTION!="remove", SUBSYSTEM=="block", ENV{DEVTYPE}=="disk", ATTRS{wwid}=="naa.%s", SYMLINK+="disk/by-id/wwn-0x%s"
"""

# Pacemaker need not wait for sbd, nor sbd for Pacemaker: sbd may come and go while the cluster runs.
_CONFIG = """\
SBD_DEVICE={device}
SBD_PACEMAKER=yes
SBD_STARTMODE=always
SBD_DELAY_START=no
SBD_WATCHDOG_DEV={watchdog}
SBD_TIMEOUT_ACTION=flush,reboot
SBD_SYNC_RESOURCE_STARTUP=no
"""
# sbd disarms the watchdog when it is asked to end. Its unit refuses to be stopped or started by itself.
_END = """\
if systemctl is-active -q sbd; then
  systemctl kill --kill-whom=main --signal=TERM sbd
  timeout 60 sh -c 'while systemctl is-active -q sbd; do sleep 0.2; done'
fi
"""
# $1 watchdog, $2 disk. Corosync runs already, or will start later: in both cases it is what starts sbd.
_START = f"""# have sbd run beside the cluster
[ -c "$1" ] || {{ echo "there is no watchdog $1: load its kernel module, i6300esb for a virtual machine" >&2; exit 4; }}
{units.enable("sbd")}
systemctl daemon-reload
udevadm control --reload
udevadm trigger --action=change --settle "$2"
if systemctl is-active -q corosync; then
{_END}  systemctl start corosync
fi
"""
_FORGET = f"""# end sbd
{_END}{units.disable("sbd")}
rm -f -- "$1" {_DROP_IN} {_WAIT} {_RULE}
{KEPT}
systemctl daemon-reload
"""
# Prints "yes" when it is as the cluster has it.
_BESIDE = """# ask whether sbd runs
systemctl is-active -q sbd || ! systemctl is-active -q corosync || { systemctl status --lines=20 sbd; exit 1; }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sbd:
    """sbd on a node: it resets the node when the disk says so, or when the node sees neither disk nor cluster."""

    machine: str = attr("UUID of the machine.", replace=True)
    device: str = attr("The disk, as /dev/disk/by-id/wwn-0x….", replace=True, check=limits.device_path)
    watchdog: str = attr("The watchdog's device.", default="/dev/watchdog", check=limits.device_path)
    condition: str = attr(
        f"`{COMPLETE}`, or what is amiss and will be put right.",
        computed=True,
        default=COMPLETE,
        check=limits.one_of(COMPLETE),
    )


class SbdItem(Item[Sbd]):
    """halab_sbd. It comes and goes while the cluster runs."""

    spec = Sbd
    phase = "fencing"
    identity = ("machine", "device")

    def observe(self, host: Host, wanted: Sbd) -> Sbd | None:
        files = Text(host.platform.sbd_config), Text(_WAIT), Text(_DROP_IN), Text(_RULE)
        config, wait, unit, rule, state = survey(host, *files, Says(units.show("sbd", "corosync")))
        return sbd_seen(config, wait, unit, rule, state or "", wanted)

    def steps(self, platform: Platform, now: Sbd | None, wanted: Sbd | None) -> Iterator[Step]:
        if wanted is None:
            if now is not None:
                yield Run(script(_FORGET, platform.sbd_config, timeout_s=120))
            return
        if now == wanted:
            return
        yield PutFile(platform.sbd_config, _config(wanted))
        yield PutFile(_WAIT, WAIT, 0o755)
        yield PutFile(_DROP_IN, UNIT)
        yield PutFile(_RULE, rule_of(wanted.device))
        yield Run(script(_START, wanted.watchdog, wanted.device, timeout_s=300))
        yield Await("sbd beside the cluster", script(_BESIDE), ready=lambda seen: seen.rc == 0, deadline_s=120)


def _config(wanted: Sbd) -> str:
    return _CONFIG.format(device=shlex.quote(wanted.device), watchdog=shlex.quote(wanted.watchdog))


def rule_of(device: str) -> str:
    """A rule for udev: the disk keeps this name. Empty for a name that does not come from the disk itself."""
    named = re.fullmatch(r"/dev/disk/by-id/wwn-0x([0-9a-f]+)", device)
    return _NAMED % (named[1], named[1]) if named else ""


def sbd_seen(
    config: str | None, wait: str | None, unit: str | None, rule: str | None, state: str, wanted: Sbd
) -> Sbd | None:
    """What the node's files and units show. The package's own configuration file names no disk: then it is absent."""
    words = dict(line.split("=", 1) for line in (config or "").splitlines() if line[:1].isalpha() and "=" in line)
    device = _unquoted(words.get("SBD_DEVICE", ""))
    if not device:
        return None
    sbd, corosync = units.parse_show(state)
    faults = (
        (sbd.file != "enabled", f"sbd is {sbd.file or 'not there'}: it would not start with the cluster"),
        (corosync.running and not sbd.running, "sbd does not run beside the cluster"),
        ((wait, unit) != (WAIT, UNIT), "it would not wait for its disk at a boot"),
        (rule != rule_of(device), "its disk would lose its name while the target is away"),
        (config != _config(with_fields(wanted, device=device, watchdog=_unquoted(words.get("SBD_WATCHDOG_DEV", "")))),
         "its configuration has other settings"),
    )  # fmt: skip
    return with_fields(
        wanted,
        device=device,
        watchdog=_unquoted(words.get("SBD_WATCHDOG_DEV", "")) or wanted.watchdog,
        condition=next((words for wrong, words in faults if wrong), COMPLETE),
    )


def _unquoted(value: str) -> str:
    try:
        return next(iter(shlex.split(value)), "")
    except ValueError:  # somebody has spoilt the line: what it says is no device
        return value
