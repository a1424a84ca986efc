"""The disk through which sbd's nodes send each other messages: its header, and the times that stand in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from halab.provisioners.engine import limits
from halab.provisioners.engine.command import script
from halab.provisioners.engine.errors import Conflict, UnexpectedOutput
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import Item, attr, with_fields
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.steps import Run, Step

COMPLETE = "complete"
_LIMIT = limits.between(5, 3600, "s")

# $1 the disk. How many bytes are not zero where a header would be. Of a pipe only the last command's failure counts, so
# that what cannot be read would be counted as none.
_COUNT = r"""head -c 1048576 -- "$1" >/dev/null
count=$({ head -c 1048576 -- "$1" || echo unread; } | tr -d '\0' | wc -c)
"""
# The header, or that number.
_LOOK = rf"""# look at the SBD disk
[ -b "$1" ] || exit 0
if said=$(sbd -d "$1" dump 2>/dev/null); then printf '%s\n' "$said"; exit 0; fi
{_COUNT}echo "$count"
"""
# What was seen as empty is looked at again right before it is written to: `create` does not ask.
_CREATE = rf"""# write the header of the SBD disk
udevadm wait --timeout=60 "$1"
! sbd -d "$1" dump >/dev/null 2>&1 || {{ echo "$1 is an SBD disk already" >&2; exit 4; }}
{_COUNT}[ "$count" -eq 0 ] || {{ echo "$1 is not empty any more" >&2; exit 4; }}
sbd -d "$1" -1 "$2" -4 "$3" create
"""
_WIPE = """# wipe the header of the SBD disk
if sbd -d "$1" dump >/dev/null 2>&1; then dd if=/dev/zero of="$1" bs=1M count=1 oflag=direct status=none; fi
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SbdDisk:
    """A disk for SBD, of which all nodes see one. A disk that holds anything else is refused."""

    machine: str = attr("UUID of a domain that sees the disk. One that is made anew takes it over.")
    device: str = attr("The disk, as /dev/disk/by-id/wwn-0x….", replace=True, check=limits.device_path)
    watchdog_s: int = attr(
        "How long a node's watchdog waits for a sign of life before it resets the node, in seconds.",
        replace=True,
        check=_LIMIT,
    )
    msgwait_s: int = attr(
        "After how long a node counts as dead that was told to go, in seconds: at least twice `watchdog_s`.",
        replace=True,
        check=_LIMIT,
    )
    condition: str = attr(
        f"`{COMPLETE}`, or what is amiss and will be put right.",
        computed=True,
        default=COMPLETE,
        check=limits.one_of(COMPLETE),
    )


class SbdDiskItem(Item[SbdDisk]):
    """halab_sbd_disk. With other times it is made anew: a node reads them when its sbd starts."""

    spec = SbdDisk
    on_lun = True
    outlives_machine = True
    phase = "fencing"
    identity = ("machine", "device")

    def check(self, wanted: SbdDisk) -> Iterable[tuple[str, str]]:
        if wanted.msgwait_s < 2 * wanted.watchdog_s:
            yield "msgwait_s", f"{wanted.msgwait_s} is less than twice watchdog_s: use {2 * wanted.watchdog_s} or more."

    def observe(self, host: Host, wanted: SbdDisk) -> SbdDisk | None:
        return disk_seen(host.look(script(_LOOK, wanted.device)).stdout, wanted, host.name)

    def steps(self, platform: Platform, now: SbdDisk | None, wanted: SbdDisk | None) -> Iterator[Step]:
        del platform
        if wanted is None:
            if now is not None and now.condition == COMPLETE:
                yield Run(script(_WIPE, now.device))
        elif now is None:
            yield Run(script(_CREATE, wanted.device, wanted.watchdog_s, wanted.msgwait_s, timeout_s=180))


def disk_seen(text: str, wanted: SbdDisk, host: str) -> SbdDisk | None:
    """What the look at the disk shows. Not to see a disk that was made tells nothing of what is on it."""
    if not text:
        return with_fields(wanted, condition=f"{wanted.device} is not there on {host}") if wanted.watchdog_s else None
    if re.fullmatch(r"[0-9]+\s*", text):
        if int(text):
            raise Conflict(
                f"{host}: {wanted.device} is not empty",
                "It holds something, and no SBD header. Nothing was written. Give another disk, or, if what is on it "
                f"may go, run `wipefs --all {wanted.device}` there and overwrite its first MiB with zeros.",
                "device",
            )
        return None
    times = dict(re.findall(r"^Timeout \(([a-z]+)\) *: *([0-9]+) *\n", text, re.MULTILINE))
    if not {"watchdog", "msgwait"} <= times.keys():
        raise UnexpectedOutput(f"{host}: sbd shows no times of {wanted.device}", text[:500])
    return with_fields(wanted, watchdog_s=int(times["watchdog"]), msgwait_s=int(times["msgwait"]), condition=COMPLETE)
