"""The shared storage: its target, the way to it, its volume, and disks that are full."""

from __future__ import annotations

from halab.cli.drill.catalogue.network import ruled
from halab.cli.drill.declaration import ACTIVE, GFS2, NODES, TARGET, Drill, Expected, Guest, Limit, Power

_CUT = ("tcp sport 3260-3261 counter drop", "tcp dport 3260-3261 counter drop")  # also a second path
_REPLACEMENT_S = 120.0
"""A session waits that long for its target."""
_MONITOR_S = 190.0
"""An interval of GFS2's monitor on emulated nodes, and its timeout."""
# The volume's name as device-mapper has it: a dash within a name is doubled.
_VOLUME = "volume=$(findmnt --noheadings --first-only --types gfs2 --output SOURCE)"
# A file needs blocks for its own tree, too: GFS2 one in 509. What is left after that is written.
_FILL = (
    "file={place}/.halab-drill-filler; free=$(df --output=avail --block-size=1 {place} | tail -1)\n"
    "fallocate --length $((free - free / 128)) $file || :\n"
    "dd if=/dev/zero of=$file bs=1M oflag=append conv=notrunc 2>/dev/null || :"
)
_FULL = '[ "$(df --output=avail --block-size=1M {place} | tail -1)" -lt 20 ]'
_EMPTY = "rm -f {place}/.halab-drill-filler"


def _full(place: str, role: str) -> Guest:
    return Guest(role, _FILL.format(place=place), _FULL.format(place=place), _EMPTY.format(place=place))


DRILLS = (
    Drill(
        "target-reset",
        "the target is reset",
        "the target was reset",
        (Power(TARGET, "reset"),),
        Expected(Limit(25, 20), Limit(80)),
        watch=Limit(20),
    ),
    Drill(
        "target-gone",
        "the target is off for longer than the sessions wait for it",
        "the target was off",
        (Power(TARGET, "cut"),),
        Expected(Limit(100, 400), Limit(200, 200), may_be_fenced=(NODES,)),
        lasts=Limit(0, 200),
    ),
    Drill(
        "iscsi-blink",
        "the active node does not reach the target for 20 s",
        "{who} did not reach the target for a moment",
        (ruled(ACTIVE, *_CUT),),
        Expected(Limit(10, 30), Limit(20, 30)),
        lasts=Limit(0, 20),
    ),
    Drill(
        "iscsi-cut",
        "the active node does not reach the target any more",
        "{who} did not reach the target any more",
        (ruled(ACTIVE, *_CUT),),
        Expected(Limit(20, _REPLACEMENT_S + 60), Limit(80, 120), fenced=(ACTIVE,), moves=True),
        lasts=Limit(40, _REPLACEMENT_S + 60),
        needs=frozenset({GFS2}),
    ),
    Drill(
        "volume-hangs",
        "the volume of the active node does not answer any more",
        "the volume of {who} did not answer any more",
        (
            Guest(
                ACTIVE,
                f'{_VOLUME}; echo "$volume" > /run/halab-drill.volume; dmsetup suspend --noflush --nolockfs "$volume"',
                took='dmsetup info -c --noheadings -o suspended "$(cat /run/halab-drill.volume)" | grep -q Suspended',
                undo='dmsetup resume "$(cat /run/halab-drill.volume)" || :',
            ),
        ),
        Expected(Limit(20, _MONITOR_S + 60), Limit(80, 60), fenced=(ACTIVE,), moves=True),
        lasts=Limit(40, _MONITOR_S + 60),
        needs=frozenset({GFS2}),
    ),
    Drill(
        "volume-fails",
        "each read and write of the active node's volume ends with an error",
        "the volume of {who} gave errors",
        (
            Guest(
                ACTIVE,
                f'{_VOLUME}; echo "$volume" > /run/halab-drill.volume\n'
                'dmsetup table "$volume" > /run/halab-drill.table\n'
                'dmsetup suspend --noflush --nolockfs "$volume"\n'
                'dmsetup load "$volume" --table "0 $(blockdev --getsz "$volume") error"\ndmsetup resume "$volume"',
                took='dmsetup table "$(cat /run/halab-drill.volume)" | grep -q " error"',
                # Who was fenced meanwhile has neither the files nor the fault.
                undo="[ -e /run/halab-drill.table ] || exit 0\nvolume=$(cat /run/halab-drill.volume)\n"
                'dmsetup load "$volume" /run/halab-drill.table || :\n'
                'dmsetup resume "$volume" || :',
            ),
        ),
        Expected(Limit(20, _MONITOR_S + 60), Limit(80, 60), fenced=(ACTIVE,), moves=True),
        lasts=Limit(40, _MONITOR_S + 60),
        needs=frozenset({GFS2}),
    ),
    Drill(
        "disk-full",
        "the active node's own disk is full",
        "the disk of {who} was full",
        (_full("/var", ACTIVE),),
        Expected(Limit(0, 2), Limit(20), moves=False),
        lasts=Limit(0, 20),
    ),
    Drill(
        "lun-full",
        "the shared file system is full",
        "the shared file system was full",
        (_full("/var/www/html", ACTIVE),),
        Expected(Limit(0, 4), Limit(20), moves=False),
        lasts=Limit(0, 20),
        needs=frozenset({GFS2}),
    ),
)
