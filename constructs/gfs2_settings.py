"""Settings of the shared file system, and whether it fits on the LUN."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from halab.constructs.setting import setting
from halab.provisioners.engine import limits

_MIB_OF_GIB = 1024
_OVERHEAD_MIB = 8
"""Partition table, LVM's metadata and rounding to its extents of 4 MiB."""
_FOR_JOURNALS = 0.9
"""At most so much of the volume: the rest is for files, and for what GFS2 keeps of them."""
_LARGEST = 0.9
"""A volume of more than this share of the LUN is no advice: it leaves nothing to grow into."""


@dataclass(frozen=True, slots=True)
class Gfs2:
    name: str = setting("gfs0", "name of the shared file system", limits.fs_name)
    size: str = setting("90%VG", "size of its logical volume: a share of the VG, or bytes", limits.lv_size)
    journals: int | None = setting(
        None, "journals; one for each node and one to spare when left out", limits.between(1, limits.MAX_NODES)
    )
    journal_mib: int = setting(
        32, "size of a journal, MiB", limits.between(limits.MIN_JOURNAL_MIB, limits.MAX_JOURNAL_MIB, "MiB")
    )

    def volume_mib(self, free: int) -> float:
        """Size of the logical volume on a LUN that has room for `free` MiB."""
        share, _, unit = self.size.partition("%")
        return free * int(share) / 100 if unit else int(share) / (1 << 20)


def check(gfs2: Gfs2, nodes: int, journals: int, lun_gib: int) -> Iterator[str]:
    """What single settings cannot tell. `journals`: all that are made."""
    if gfs2.journals is not None and gfs2.journals < nodes:
        yield f"gfs2.journals: {gfs2.journals} is too few: each of the {nodes} nodes needs one"
    free = lun_gib * _MIB_OF_GIB - _OVERHEAD_MIB
    volume = gfs2.volume_mib(free)
    needed = journals * gfs2.journal_mib / _FOR_JOURNALS
    what = f"{journals} journals of {gfs2.journal_mib} MiB"
    if volume > free:
        yield f"gfs2.size: {gfs2.size} is more than the {free} MiB of the LUN (iscsi.lun_gib); make it smaller"
    elif needed > free * _LARGEST:
        gib = int(needed / _LARGEST + _OVERHEAD_MIB) // _MIB_OF_GIB + 1
        yield f"iscsi.lun_gib: {lun_gib} GiB is too small for {what}; make it {gib} or more"
    elif needed > volume:
        least = f"{math.ceil(needed)} MiB"
        yield f"gfs2.size: {gfs2.size} is {volume:.0f} MiB, too small for {what}; make it {least} or more"
