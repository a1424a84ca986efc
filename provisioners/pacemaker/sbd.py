"""sbd on a node: it feeds the node's watchdog while the node sees its disk or a healthy cluster.

Without a disk (self_fencing.py) the cluster alone counts. It is one item all the same: sbd, its unit and its files are
there once on a node, and a lab that goes over from one to the other has the old one ended before the new one starts.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from halab.provisioners.engine import limits, units
from halab.provisioners.engine.command import script
from halab.provisioners.engine.durable import KEPT
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import Item, attr, with_fields
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.steps import Await, PutFile, Run, Step
from halab.provisioners.engine.survey import Says, Text, survey
from halab.provisioners.pacemaker import scsi_watch, self_fencing

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

# sbd disarms the watchdog when it is asked to end. Its unit refuses to be stopped or started by itself. One that waits
# for Corosync has no main process yet.
_END = """\
case $(systemctl is-active sbd || :) in
active) systemctl kill --kill-whom=main --signal=TERM sbd ;;
activating) systemctl kill --signal=TERM sbd ;;
esac
timeout 60 sh -c 'until case $(systemctl is-active sbd) in inactive | failed) ;; *) false ;; esac; do sleep 0.2; done'
"""
# $1 watchdog, $2 disk, empty without one. Corosync runs already, or will start later: in both cases it is what starts
# sbd. A watch of the node's key that is to go, and is not gone yet, has the watchdog no longer.
_START = f"""# have sbd run beside the cluster
[ -c "$1" ] || {{ echo "there is no watchdog $1: load its kernel module, i6300esb for a virtual machine" >&2; exit 4; }}
{scsi_watch.RELEASE}{units.enable("sbd")}
systemctl daemon-reload
if [ -n "$2" ]; then
  udevadm control --reload
  udevadm trigger --action=change --settle "$2"
fi
if systemctl is-active -q corosync; then
{_END}  systemctl start corosync
fi
"""
_FORGET = f"""# end sbd
{_END}{units.disable("sbd")}
[ ! -e {self_fencing.RESET_WAIT_UNIT_FILE} ] || systemctl stop {self_fencing.RESET_WAIT_UNIT}
rm -f -- "$1" {_DROP_IN} {_WAIT} {_RULE}
rm -f -- {self_fencing.RESET_WAIT_UNIT_FILE} {self_fencing.RESET_WAIT} {self_fencing.NOTE}
{KEPT}
systemctl daemon-reload
"""
# Prints "yes" when it is as the cluster has it.
_BESIDE = """# ask whether sbd runs
systemctl is-active -q sbd || ! systemctl is-active -q corosync || { systemctl status --lines=20 sbd; exit 1; }
"""


def _disk(value: object) -> str | None:
    return None if value == "" else limits.device_path(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sbd:
    """sbd on a node: it resets the node when the disk says so, or when the node sees neither disk nor cluster."""

    machine: str = attr("UUID of the machine.", replace=True)
    device: str = attr(
        "The disk, as /dev/disk/by-id/wwn-0x…. Empty: there is none, and the node is reset when it has lost the "
        "cluster, or its quorum.",
        replace=True,
        default="",
        check=_disk,
    )
    watchdog: str = attr("The watchdog's device.", default="/dev/watchdog", check=limits.device_path)
    watchdog_s: int | None = attr(
        "Without a disk: after how many seconds the watchdog resets the node. With one the disk's header says it.",
        replace=True,
        default=None,
        check=limits.between(5, 2046, "s"),
    )
    wait_s: int | None = attr(
        "Without a disk: for how many seconds a node that was reset waits before it joins again: as long as the others "
        "wait until it counts as fenced, the cluster's stonith-watchdog-timeout.",
        replace=True,
        default=None,
        check=limits.between(10, 36000, "s"),
    )
    condition: str = attr(
        f"`{COMPLETE}`, or what is amiss and will be put right.",
        computed=True,
        default=COMPLETE,
        check=limits.one_of(COMPLETE),
    )


class SbdItem(Item[Sbd]):
    """halab_sbd. It comes and goes while the cluster runs.

    Without a disk it comes before its node joins: Pacemaker ends on a node without sbd while the cluster has a
    stonith-watchdog-timeout.
    """

    spec = Sbd
    phase = "fencing"
    identity = ("machine", "device")

    def check(self, wanted: Sbd) -> Iterable[tuple[str, str]]:
        times = {"watchdog_s": wanted.watchdog_s, "wait_s": wanted.wait_s}
        if wanted.device:
            yield from (
                (name, "The disk's header has the times: leave it out.") for name, s in times.items() if s is not None
            )
            return
        yield from ((name, "Without a disk it is needed: give it.") for name, s in times.items() if s is None)
        if wanted.watchdog_s is not None and wanted.wait_s is not None and wanted.wait_s < 2 * wanted.watchdog_s:
            yield "wait_s", f"{wanted.wait_s} s are less than twice watchdog_s: use {2 * wanted.watchdog_s} or more."

    def observe(self, host: Host, wanted: Sbd) -> Sbd | None:
        files = Text(host.platform.sbd_config), Text(_DROP_IN), Text(_WAIT), Text(_RULE)
        alone = Text(self_fencing.RESET_WAIT), Text(self_fencing.RESET_WAIT_UNIT_FILE)
        config, unit, wait, rule, reset, reset_unit, state = survey(
            host, *files, *alone, Says(units.show("sbd", "corosync"))
        )
        if _words(config).get("SBD_DEVICE"):
            return sbd_seen(config, wait, unit, rule, state or "", wanted)
        return alone_seen(config, unit, (reset, reset_unit), state or "", wanted)

    def steps(self, platform: Platform, now: Sbd | None, wanted: Sbd | None) -> Iterator[Step]:
        if wanted is None:
            if now is not None:
                yield Run(script(_FORGET, platform.sbd_config, timeout_s=120))
            return
        if now == wanted:
            return
        if wanted.device:
            yield PutFile(platform.sbd_config, _config(wanted))
            yield PutFile(_WAIT, WAIT, 0o755)
            yield PutFile(_DROP_IN, UNIT)
            yield PutFile(_RULE, rule_of(wanted.device))
        else:
            yield from _put_alone(platform, wanted)
        yield Run(script(_START, wanted.watchdog, wanted.device, timeout_s=300))
        yield Await("sbd beside the cluster", script(_BESIDE), ready=lambda seen: seen.rc == 0, deadline_s=120)


def _put_alone(platform: Platform, wanted: Sbd) -> Iterator[Step]:
    assert wanted.watchdog_s is not None, "SbdItem.check"
    assert wanted.wait_s is not None, "SbdItem.check"
    yield PutFile(platform.sbd_config, self_fencing.config(wanted.watchdog))
    yield PutFile(self_fencing.RESET_WAIT, self_fencing.WAIT, 0o755)
    yield PutFile(self_fencing.RESET_WAIT_UNIT_FILE, self_fencing.wait_unit(wanted.wait_s))
    yield PutFile(_DROP_IN, self_fencing.drop_in(wanted.watchdog_s))


def _config(wanted: Sbd) -> str:
    return f"SBD_DEVICE={shlex.quote(wanted.device)}\n{self_fencing.config(wanted.watchdog)}"


def rule_of(device: str) -> str:
    """A rule for udev: the disk keeps this name. Empty for a name that does not come from the disk itself."""
    named = re.fullmatch(r"/dev/disk/by-id/wwn-0x([0-9a-f]+)", device)
    return _NAMED % (named[1], named[1]) if named else ""


def sbd_seen(
    config: str | None, wait: str | None, unit: str | None, rule: str | None, state: str, wanted: Sbd
) -> Sbd | None:
    """With a disk, what the node's files and units show; None where the configuration names no disk."""
    words = _words(config)
    device, watchdog = words.get("SBD_DEVICE", ""), words.get("SBD_WATCHDOG_DEV", "")
    if not device:
        return None
    faults = (
        *_amiss(state),
        ((wait, unit) != (WAIT, UNIT), "it would not wait for its disk at a boot"),
        (rule != rule_of(device), "its disk would lose its name while the target is away"),
        (config != _config(with_fields(wanted, device=device, watchdog=watchdog)),
         "its configuration has other settings"),
    )  # fmt: skip
    return with_fields(
        wanted,
        device=device,
        watchdog=watchdog or wanted.watchdog,
        watchdog_s=None,
        wait_s=None,
        condition=next((words for wrong, words in faults if wrong), COMPLETE),
    )


def alone_seen(
    config: str | None, unit: str | None, reset: tuple[str | None, str | None], state: str, wanted: Sbd
) -> Sbd | None:
    """The same without a disk. The package's own configuration names none either: what is ours is told by the unit's
    drop-in. `reset`: the script that waits after a reset, and its unit."""
    watchdog_s, wait_s = self_fencing.times(unit, reset[1])
    if unit is None or watchdog_s is None:
        return None
    watchdog = _words(config).get("SBD_WATCHDOG_DEV", "")
    faults = (
        *_amiss(state),
        (wait_s is None or reset != (self_fencing.WAIT, self_fencing.wait_unit(wait_s)),
         "it would not wait after a reset"),
        ((config, unit) != (self_fencing.config(watchdog), self_fencing.drop_in(watchdog_s)),
         "its configuration has other settings"),
    )  # fmt: skip
    return with_fields(
        wanted,
        device="",
        watchdog=watchdog or wanted.watchdog,
        watchdog_s=watchdog_s,
        wait_s=wait_s or wanted.wait_s,
        condition=next((words for wrong, words in faults if wrong), COMPLETE),
    )


def _amiss(state: str) -> Iterator[tuple[bool, str]]:
    """Of the units: whether something is wrong, and what."""
    sbd, corosync = units.parse_show(state)
    yield sbd.file != "enabled", f"sbd is {sbd.file or 'not there'}: it would not start with the cluster"
    yield corosync.running and not sbd.running, "sbd does not run beside the cluster"


def _words(config: str | None) -> dict[str, str]:
    lines = (line.split("=", 1) for line in (config or "").splitlines() if line[:1].isalpha() and "=" in line)
    return {name: _unquoted(value) for name, value in lines}


def _unquoted(value: str) -> str:
    try:
        return next(iter(shlex.split(value)), "")
    except ValueError:  # somebody has spoilt the line: what it says is no device
        return value
