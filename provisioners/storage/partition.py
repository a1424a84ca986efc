"""A GPT partition over a whole disk."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeVar

from halab.provisioners.engine import limits
from halab.provisioners.engine.command import script
from halab.provisioners.engine.errors import Conflict, UnexpectedOutput
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import Item, attr, with_fields
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.steps import Run, Step
from halab.provisioners.storage.growth import grown, lun_bytes

COMPLETE = "complete"

# The partition table as JSON, then the signatures of the whole disk, then whether the partition's path is there.
# sfdisk: 1 = no partition table; blkid: 2 = no signature.
_LOOK = r"""# look at the disk
[ -b "$1" ] || exit 0
sfdisk --json "$1" 2>/dev/null || [ $? = 1 ]
printf '\036'
blkid --probe --output export "$1" || [ $? = 2 ]
printf '\036'
[ ! -b "$2" ] || echo there
"""
# The kernel keeps no partitions of a disk that multipathd has made of several paths: kpartx makes disks of them.
SEE = """\
mapped() { case $(readlink -f -- "$1") in /dev/dm-*) ;; *) return 1 ;; esac; }
see() {
  disk=$1; shift
  if mapped "$disk"; then kpartx -u -s -p -part "$disk"; else partx --update "$@" "$disk"; fi
}
"""
"""Functions of the shell: `see DISK [partx's words]` has its partitions known anew; `mapped DISK`: it has paths."""
# What was seen as empty is looked at again right before it is written to.
_MAKE = f"""# partition the disk
{SEE}udevadm wait --timeout=60 "$1"
found=$(blkid --probe --output export "$1") || [ $? = 2 ]
[ -z "$found" ] || {{ echo "$1 is not empty any more:" $found >&2; exit 4; }}
untold=; ! mapped "$1" || untold=--no-tell-kernel
printf 'label: gpt\\n%s : name="%s"\\n' "$3" "$4" | sfdisk --quiet --lock=yes $untold "$1"
[ -z "$untold" ] || see "$1"
udevadm wait --settle --timeout=60 "$2"
"""
# Beyond a disk's old end there is nothing of anybody's. It may be in use: the kernel takes another size of a partition
# that is open, but not another table, which is why the table is not read again as a whole.
_GROW = f"""# grow the partition
{SEE}untold=; ! mapped "$1" || untold=--no-tell-kernel
echo ', +' | sfdisk --quiet --no-reread --lock=yes $untold --partno "$3" "$1"
see "$1" --nr "$3"
udevadm wait --settle --timeout=60 "$2"
"""
_SHOW = f"""# have the partition seen
{SEE}udevadm wait --timeout=60 "$1"
see "$1"
udevadm wait --timeout=60 "$2"
"""
# A name is nothing that the kernel knows of, so the partition may be in use.
_RENAME = """# rename the partition
sfdisk --quiet --no-reread --no-tell-kernel --lock=yes --part-label "$1" "$2" "$3"
blockdev --flushbufs "$1"
udevadm trigger --settle "$1"
"""
# wipefs refuses a device that is in use here. What other nodes do with a disk that they share shows in what is on it.
_CLEAR = """# wipe the partition table
if [ "$3" = shared ]; then
  found=$(blkid --probe --output export "$2") || [ $? = 2 ]
  [ -z "$found" ] || { echo "$2 is in use, it holds:" $found >&2; exit 4; }
fi
wipefs --quiet --lock=yes --all "$2"
wipefs --quiet --lock=yes --all "$1"
"""


def partition_label(value: object) -> str | None:
    if isinstance(value, str) and 1 <= len(value) <= 36 and value.isascii() and value.replace("-", "").isalnum():
        return None
    return f"{value!r} is no partition label: use 1 to 36 letters, digits and -."


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """The only partition of a disk of one machine. A disk that holds anything else is refused."""

    machine: str = attr("UUID of the domain. One that is made anew takes over what is on the disk.")
    device: str = attr("The disk, for example /dev/vdb.", replace=True, check=limits.device_path)
    label: str = attr("The partition's name in the GPT.", default="halab", check=partition_label)
    number: int = attr("The partition's number.", default=1, replace=True, check=limits.between(1, 128))
    path: str | None = attr("The partition's device.", computed=True, stable=True)
    uuid: str | None = attr("The partition's UUID.", computed=True, stable=True)
    lun_bytes: int | None = lun_bytes()
    condition: str = attr(
        f"`{COMPLETE}`, or what is amiss and will be put right.",
        computed=True,
        default=COMPLETE,
        check=limits.one_of(COMPLETE),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedPartition:
    """The only partition of a disk that all nodes of a cluster see; any of them may make it."""

    cluster: str = attr("Name of the cluster.", replace=True)
    device: str = attr("The disk, as /dev/disk/by-id/wwn-0x….", replace=True, check=limits.device_path)
    label: str = attr("The partition's name in the GPT.", default="halab", check=partition_label)
    number: int = attr("The partition's number.", default=1, replace=True, check=limits.between(1, 128))
    path: str | None = attr("The partition's device.", computed=True, stable=True)
    uuid: str | None = attr("The partition's UUID.", computed=True, stable=True)
    lun_bytes: int | None = lun_bytes()
    condition: str = attr(
        f"`{COMPLETE}`, or what is amiss and will be put right.",
        computed=True,
        default=COMPLETE,
        check=limits.one_of(COMPLETE),
    )


P = TypeVar("P", Partition, SharedPartition)


class _PartitionItem(Item[P]):
    phase = "iscsi"
    use: ClassVar[Literal["own", "shared"]] = "own"

    def plan(self, prior: P | None, wanted: P) -> P:
        del prior
        return with_fields(wanted, path=partition_path(wanted.device, wanted.number))

    def observe(self, host: Host, wanted: P) -> P | None:
        wanted = self.plan(None, wanted)
        look = script(_LOOK, wanted.device, str(wanted.path))
        return partition_seen(host.look(look).stdout, wanted, host.name)

    def adopt(self, host: Host, named: P) -> P | None:
        """Of a disk's only partition the name does not matter: the import asks which it is."""
        path = partition_path(named.device, named.number)
        text = host.ask(script(_LOOK, named.device, path)).stdout
        table = json.loads(text.split("\036")[0] or "{}") if text else {}
        parts = table.get("partitiontable", {}).get("partitions", [])
        known = {"uuid": parts[0]["uuid"].lower(), "label": parts[0].get("name", "")} if len(parts) == 1 else {}
        return partition_seen(text, with_fields(named, path=path, **known), host.name) if text else None

    def steps(self, platform: Platform, now: P | None, wanted: P | None) -> Iterator[Step]:
        del platform
        if wanted is None:
            if now is not None and now.condition == COMPLETE:
                yield Run(script(_CLEAR, now.device, str(now.path), self.use))
            return
        wanted = self.plan(None, wanted)
        if now is None:
            yield Run(script(_MAKE, wanted.device, str(wanted.path), wanted.number, wanted.label, timeout_s=180))
            return
        if now.condition != COMPLETE:
            yield Run(script(_SHOW, wanted.device, str(wanted.path), timeout_s=180))
        if now.label != wanted.label:
            yield Run(script(_RENAME, wanted.device, wanted.number, wanted.label))
        if now.lun_bytes != wanted.lun_bytes:
            yield Run(script(_GROW, wanted.device, str(wanted.path), wanted.number, timeout_s=180))


class PartitionItem(_PartitionItem[Partition]):
    spec = Partition
    scope: ClassVar[Literal["machine", "cluster"]] = "machine"
    outlives_machine = True
    identity = ("machine", "device")


class SharedPartitionItem(_PartitionItem[SharedPartition]):
    spec = SharedPartition
    use = "shared"
    on_lun = True
    scope: ClassVar[Literal["machine", "cluster"]] = "cluster"
    identity = ("cluster", "device")


def partition_path(device: str, number: int) -> str:
    """The kernel's and udev's name of a partition."""
    if device.startswith("/dev/disk/"):
        return f"{device}-part{number}"
    return f"{device}p{number}" if device[-1].isdigit() else f"{device}{number}"


def parent_disk(partition: str) -> str | None:
    """The disk of a partition by its kernel's or udev's name; None for what is no partition's name."""
    found = re.fullmatch(r"(/dev/disk/.+)-part[0-9]+|(/dev/\w*[0-9])p[0-9]+|(/dev/[a-z]+)[0-9]+", partition)
    return next(filter(None, found.groups()), None) if found else None


def partition_seen(text: str, wanted: P, host: str) -> P | None:
    """A disk that cannot be seen says nothing about a partition that was made before: `uuid` tells that one was.

    A disk that many nodes share and one does not see is the fault of that node's session.
    """
    if not text and isinstance(wanted, SharedPartition):
        return wanted if wanted.uuid else None
    if not text:
        return with_fields(wanted, condition=f"{wanted.device} is not there on {host}") if wanted.uuid else None
    parts = text.split("\036")
    if len(parts) != 3:
        raise UnexpectedOutput(f"{host}: the look at {wanted.device} is incomplete", text[:500])
    table = json.loads(parts[0] or "{}").get("partitiontable", {})
    signatures = dict(line.split("=", 1) for line in parts[1].splitlines() if "=" in line)
    if not table and not signatures:
        return None
    ours = _ours(table, wanted)
    if ours is None:
        raise Conflict(
            f"{host}: {wanted.device} is not empty",
            f"It holds {_named(table, signatures)}. Nothing was written. Give another disk, or, if what is on it may "
            f"go, run `wipefs --all {wanted.device}` there.",
            "device",
        )
    condition = COMPLETE if parts[2].strip() else f"{wanted.path} is not there on {host}"
    return with_fields(
        wanted,
        uuid=str(ours["uuid"]).lower(),
        label=ours.get("name", ""),
        lun_bytes=grown(int(ours["size"]) * int(table.get("sectorsize", 512)), wanted.lun_bytes),
        condition=condition,
    )


def _ours(table: Mapping[str, Any], wanted: Partition | SharedPartition) -> Mapping[str, Any] | None:
    """The disk's only partition, if it is the wanted one: by its UUID, by its name only where that is not known."""
    found: list[Mapping[str, Any]] = table.get("partitions", [])
    if table.get("label") != "gpt" or len(found) != 1:
        return None
    same = found[0]["uuid"].lower() == wanted.uuid if wanted.uuid else found[0].get("name") == wanted.label
    return found[0] if same and found[0]["node"].endswith(str(wanted.number)) else None


def _named(table: Mapping[str, Any], signatures: Mapping[str, str]) -> str:
    kinds = [signatures["TYPE"]] if "TYPE" in signatures else []
    if table:
        names = ", ".join(p.get("name") or p["node"] for p in table.get("partitions", [])) or "no partition"
        kinds.append(f"a {table['label']} partition table with {names}")
    return " and ".join(kinds) or "a signature: " + ", ".join(f"{k}={v}" for k, v in signatures.items())
