"""A GFS2 file system on a logical volume that all nodes of a cluster share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from halab.provisioners.engine import limits
from halab.provisioners.engine.command import script
from halab.provisioners.engine.errors import Conflict, UnexpectedOutput
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import Item, attr, with_fields
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.steps import Run, Step
from halab.provisioners.storage.growth import grown, lun_bytes

# Of a full device the file system counts about a thousandth less: headers of its resource groups. In percent.
_FULL = 97

# Sizes in bytes of the device and, where it is mounted here, of the file system in it.
# blkid: 2 = no signature. Another node may have added journals: what this node cached of the device is dropped first.
_LOOK = r"""# look at the file system
[ -b "$1" ] || exit 0
echo seen; printf '\036'
signature=$(blkid --probe --output export "$1") || [ $? = 2 ]
printf '%s\n\036' "$signature"
case $signature in *TYPE=gfs2*) blockdev --flushbufs "$1"; gfs2_edit -p journals "$1";; esac
printf '\036'
blockdev --getsize64 "$1"
at=$(findmnt --noheadings --first-only --output TARGET --source "$1") || exit 0
stat --file-system --format '%S %b' "$at"
"""
# Where Pacemaker does not have the volume active. LVM-activate takes the node out of the lockspace when it stops.
_ACTIVATE = """[ -b "$1" ] || {
  vgchange --lockstart "$(lvs --nolocking --noheadings --options vg_name "$1" | tr -d ' ')"
  lvchange --activate sy "$1"
}"""
# Refused while any node has the volume active: then nobody has it mounted, and nobody can mount it meanwhile.
_ALONE = """vgchange --lockstart "$(lvs --nolocking --noheadings --options vg_name "$1" | tr -d ' ')"
lvchange --activate n "$1"
lvchange --activate ey "$1"
trap 'lvchange --activate n "$1"' EXIT
"""
# What was seen as empty is looked at again.
_MAKE = rf"""# make the GFS2 file system
{_ALONE}
found=$(blkid --probe --output value --match-tag TYPE "$1") || [ $? = 2 ]
[ -z "$found" ] || {{ echo "$1 holds $found" >&2; exit 4; }}
mkfs.gfs2 -O -q -p lock_dlm -t "$2" -j "$3" -J "$4" "$1"
trap - EXIT
lvchange --activate n "$1"
lvchange --activate sy "$1"
"""
# Both are done to a mounted file system, on one node. $2: options as Pacemaker mounts it; a kernel refuses a second
# mount that has others (SELinux: context=).
_MOUNTED = rf"""
if ! at=$(findmnt --noheadings --first-only --output TARGET --source "$1"); then
  {_ACTIVATE}
  at=$(mktemp -d); mount -t gfs2 -o "$2" "$1" "$at"
  trap 'umount "$at"; rmdir "$at"' EXIT
fi
"""
# If there are fewer journals than $3: so many that $4 are spare.
_ADD_JOURNALS = rf"""# add journals
{_MOUNTED}
blockdev --flushbufs "$1"
have=$(gfs2_edit -p journals "$1" | grep -c '^journal[0-9]*:')
[ "$have" -ge "$3" ] || gfs2_jadd -q -j $(($3 + $4 - have)) -J "$5" "$at"
"""
_GROW = f"""# let the file system grow
{_MOUNTED}
size=$(stat --file-system --format '%S * %b' "$at")
[ $(($size)) -ge $(($(blockdev --getsize64 "$1") / 100 * {_FULL})) ] || gfs2_grow "$at"
"""
_CLEAR = f"""# remove the GFS2 file system
{_ALONE}
wipefs --quiet --all --types gfs2 "$1"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gfs2:
    """A GFS2 file system, locked through DLM. It is never formatted anew in place."""

    cluster: str = attr("Name of the cluster; it stands in the lock table.", replace=True, check=limits.cluster_name)
    name: str = attr("Name of the file system; it stands in the lock table.", replace=True, check=limits.fs_name)
    device: str = attr(
        "Block device that is formatted, for example /dev/vg_summit/lv_web.", replace=True, check=limits.device_path
    )
    journals: int = attr(
        "Least number of journals, one for each node that mounts it. They can be added, never removed.",
        check=limits.between(1, 2 * limits.MAX_NODES),
    )
    spare_journals: int = attr(
        "How many more are made whenever some are made or added, so that the next node needs none.",
        default=0,
        check=limits.between(0, limits.MAX_NODES),
    )
    journal_size_mib: int = attr(
        "Size in MiB of the journals that are made. Those that there are keep theirs.",
        default=32,
        check=limits.between(limits.MIN_JOURNAL_MIB, limits.MAX_JOURNAL_MIB, "MiB"),
    )
    uuid: str | None = attr("UUID of the file system.", computed=True, stable=True)
    lun_bytes: int | None = lun_bytes()
    volume_size: str | None = attr(
        "The `size` of its logical volume: when that grows, it grows, too. Left out: it stays as it is.",
        default=None,
        check=limits.lv_size,
    )

    @property
    def locktable(self) -> str:
        return f"{self.cluster}:{self.name}"


class Gfs2Item(Item[Gfs2]):
    spec = Gfs2
    on_lun = under_dlm = True
    scope = "cluster"
    phase = "storage"
    identity = ("cluster", "name", "device")

    def observe(self, host: Host, wanted: Gfs2) -> Gfs2 | None:
        return gfs2_seen(host.look(script(_LOOK, wanted.device)).stdout, wanted, host.name)

    def adopt(self, host: Host, named: Gfs2) -> Gfs2 | None:
        text = host.ask(script(_LOOK, named.device)).stdout
        size = re.search(r"^journal[0-9]+:.*\s([0-9]+)MB", text, re.MULTILINE)
        known = {"journal_size_mib": int(size[1])} if size else {}
        return gfs2_seen(text, with_fields(named, **known), host.name)

    def steps(self, platform: Platform, now: Gfs2 | None, wanted: Gfs2 | None) -> Iterator[Step]:
        options = platform.shared_mount_options
        if wanted is None:
            if now is not None:
                yield Run(script(_CLEAR, now.device, timeout_s=120))
        elif now is None:
            made = wanted.journals + wanted.spare_journals
            yield Run(script(_MAKE, wanted.device, wanted.locktable, made, wanted.journal_size_mib, timeout_s=900))
        else:
            if (now.lun_bytes, now.volume_size) != (wanted.lun_bytes, wanted.volume_size):
                yield Run(script(_GROW, wanted.device, options, timeout_s=900))  # first: journals need room
            if now.journals < wanted.journals:
                args = (wanted.device, options, wanted.journals, wanted.spare_journals, _added_mib(wanted))
                yield Run(script(_ADD_JOURNALS, *args, timeout_s=1800))


def _added_mib(wanted: Gfs2) -> int:
    """gfs2_jadd takes no size below 32 MiB, mkfs.gfs2 does."""
    return max(32, wanted.journal_size_mib)


def gfs2_seen(text: str, wanted: Gfs2, host: str) -> Gfs2 | None:
    """A volume that is not active here says nothing about a file system that was made before."""
    if not text:
        return wanted if wanted.uuid else None
    _, signature, journals, *sizes = text.split("\036")
    found = dict(line.split("=", 1) for line in signature.splitlines() if "=" in line)
    if not found:
        return None
    if found.get("TYPE") != "gfs2" or found.get("LABEL") != wanted.locktable:
        raise Conflict(f"{host}: {wanted.device} is not empty", _remedy(found, wanted), "device")
    count, short = count_journals(journals), short_bytes("".join(sizes))
    # More journals than asked for are no difference: they cannot go, and they harm nobody.
    return with_fields(
        wanted,
        uuid=found["UUID"],
        journals=min(count, wanted.journals) or count,
        lun_bytes=grown(short, wanted.lun_bytes),
        volume_size=wanted.volume_size if short is None or not wanted.volume_size else str(short),
    )


def short_bytes(sizes: str) -> int | None:
    """The file system's size where it leaves a good part of its device unused; None where it does not, or that is
    not seen since it is not mounted on this node."""
    numbers = [int(word) for word in sizes.split()]
    if len(numbers) < 3:
        return None
    device, block, blocks = numbers
    return None if block * blocks >= device // 100 * _FULL else block * blocks


def _remedy(found: Mapping[str, str], wanted: Gfs2) -> str:
    what = " ".join(f"{key}={found[key]}" for key in ("TYPE", "PTTYPE", "LABEL", "UUID") if key in found)
    return (
        f"It holds {what}, not a GFS2 file system {wanted.locktable}. Nothing was written. Give another device, or, "
        f"if what is on it may go, run `wipefs --all {wanted.device}` on a node."
    )


def count_journals(text: str) -> int:
    """Number of journals that `gfs2_edit -p journals` lists."""
    found: Iterable[str] = re.findall(r"^journal[0-9]+:", text, re.MULTILINE)
    if not found:
        raise UnexpectedOutput("gfs2_edit lists no journals", text[:500])
    return len(list(found))
