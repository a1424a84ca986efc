"""A logical volume in a volume group that a cluster shares; it grows while it is in use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from halab.provisioners.engine import limits
from halab.provisioners.engine.command import script
from halab.provisioners.engine.errors import ConfigError
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import Item, attr, with_fields
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.steps import Run, Step
from halab.provisioners.storage.growth import grown, lun_bytes
from halab.provisioners.storage.lvm_report import ANY_DEVICE, ON_OTHERS, REPORT, devices_file, seen_and_rows

_LV_LOOK = f"""# look at the logical volume
{ANY_DEVICE}
[ -z "$(vgs $any --nolocking --noheadings -o vg_name -S "vg_name=$1")" ] || echo seen
printf '\\036'
lvs $any {REPORT} -o lv_name,lv_uuid,lv_size,vg_extent_size,vg_extent_count,vg_free_count -S "vg_name=$1 && lv_name=$2"
"""
_CREATE_LV = """# make the logical volume
vgchange --lockstart "$1"
lvcreate --yes --activate sy "$3" "$4" --name "$2" "$1"
"""
_REMOVE_LV = f"""# remove the logical volume
vgchange --lockstart "$1"
lvchange --activate n "$2"
lvremove --yes "$2" || {{
{ON_OTHERS.format("lvchange --activate n")}
lvremove --yes "$2"
}}
"""
# The volume is active on all nodes, and each keeps the size that it knows until it is told. Arguments: volume group,
# VG/LV, option, size.
_EXTEND_LV = f"""# let the logical volume grow
vgchange --lockstart "$1"
lvextend --yes "$3" "$4" "$2" </dev/null
lvchange --refresh "$2"
{ON_OTHERS.format("lvchange --refresh")}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicalVolume:
    """A linear logical volume in a shared volume group; Pacemaker activates it."""

    cluster: str = attr("Name of the cluster.", replace=True)
    vg: str = attr("Name of the volume group.", replace=True, check=limits.lvm_name)
    name: str = attr("Name of the volume.", replace=True, check=limits.lvm_name)
    size: str = attr("Its size: bytes, or a share like 90%VG. It can grow, not shrink.", check=limits.lv_size)
    path: str | None = attr("The volume's device, /dev/VG/NAME.", computed=True, stable=True)
    uuid: str | None = attr("UUID of the volume.", computed=True, stable=True)
    lun_bytes: int | None = lun_bytes()


class LogicalVolumeItem(Item[LogicalVolume]):
    spec = LogicalVolume
    on_lun = under_dlm = True
    scope = "cluster"
    phase = "storage"
    identity = ("cluster", "vg", "name")

    def plan(self, prior: LogicalVolume | None, wanted: LogicalVolume) -> LogicalVolume:
        if prior is not None and _same_kind(prior.size, wanted.size) and _number(wanted.size) < _number(prior.size):
            raise ConfigError(
                "A logical volume cannot shrink",
                f"It has {prior.size}; what is on it would be cut off. Keep that size, or make it anew with all that "
                "stands on it (which is lost): terraform apply -replace=ADDRESS.",
                "size",
            )
        return with_fields(wanted, path=f"/dev/{wanted.vg}/{wanted.name}")

    def observe(self, host: Host, wanted: LogicalVolume) -> LogicalVolume | None:
        look = script(_LV_LOOK, wanted.vg, wanted.name, devices_file(host.platform))
        vg_visible, rows = seen_and_rows(host.look(look).stdout, "lv")
        return lv_seen(vg_visible, rows, self.plan(None, wanted))

    def steps(self, platform: Platform, now: LogicalVolume | None, wanted: LogicalVolume | None) -> Iterator[Step]:
        if wanted is None and now is not None:
            yield Run(script(_REMOVE_LV, now.vg, f"{now.vg}/{now.name}", timeout_s=180))
        elif wanted is not None and now is None:
            yield Run(script(_CREATE_LV, wanted.vg, wanted.name, *_size_option(wanted.size), timeout_s=120))
        elif wanted is not None and now is not None and _differs(now, wanted):
            yield Extend(wanted.vg, wanted.name, wanted.size, devices_file(platform))


@dataclass(frozen=True, slots=True)
class Extend:
    """Step: let a volume grow to a size, if it is smaller; how much that is depends on its volume group."""

    vg: str
    name: str
    size: str
    devices_file: str

    def run(self, host: Host) -> None:
        look = script(_LV_LOOK, self.vg, self.name, self.devices_file)
        _, rows = seen_and_rows(host.ask(look).stdout, "lv")
        option, size = _size_option(self.size)
        for row in rows:
            wanted_bytes = target_bytes(row, self.size)
            if wanted_bytes is None:
                if row["vg_free_count"] == "0":
                    return
                size = f"+{size}"
            elif int(row["lv_size"]) >= wanted_bytes:
                return
        host.ask(script(_EXTEND_LV, self.vg, f"{self.vg}/{self.name}", option, size, timeout_s=300))

    def __str__(self) -> str:
        return f"let {self.vg}/{self.name} grow to {self.size}"


def target_bytes(row: Mapping[str, str], size: str) -> int | None:
    """What a size comes to in whole extents of the volume group; None: no telling, since it was a share of what was
    free then, or no size was asked for."""
    if not size or size.endswith("%FREE"):
        return None
    extent = int(row["vg_extent_size"])
    if size.endswith("%VG"):
        # One extent less is as good: whether LVM rounds up or down is its own affair.
        return (int(row["vg_extent_count"]) * _number(size) // 100 - 1) * extent
    return int(size)


def _differs(now: LogicalVolume, wanted: LogicalVolume) -> bool:
    return (now.size, now.lun_bytes) != (wanted.size, wanted.lun_bytes)


def _same_kind(one: str, other: str) -> bool:
    return one.partition("%")[1:] == other.partition("%")[1:]


def _number(size: str) -> int:
    return int(size.partition("%")[0] or 0)


def lv_seen(vg_visible: bool, rows: Iterable[Mapping[str, str]], wanted: LogicalVolume) -> LogicalVolume | None:
    """A volume group that cannot be seen says nothing about a volume that was made before."""
    for row in rows:
        size, wanted_bytes = int(row["lv_size"]), target_bytes(row, wanted.size)
        short = wanted_bytes is not None and size < wanted_bytes
        shown = row["lv_size"] if short and "%" not in wanted.size else wanted.size or row["lv_size"]
        return with_fields(
            wanted, uuid=row["lv_uuid"], size=shown, lun_bytes=grown(size if short else None, wanted.lun_bytes)
        )
    return None if vg_visible or wanted.uuid is None else wanted


def _size_option(wanted: str) -> tuple[str, str]:
    return ("--extents", wanted) if "%" in wanted else ("--size", f"{wanted}b")
