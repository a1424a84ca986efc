"""LVM on disks that all nodes of a cluster share, with lvmlockd and DLM."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from . import limits
from .command import cmd, script
from .errors import Conflict, UnexpectedOutput
from .host import Host
from .item import Item, attr, with_fields
from .platform import Platform
from .steps import Await, Run, Step

_SETTING = "global/use_lvmlockd = 1"
_LOCAL_CONFIG = "/etc/lvm/lvmlocal.conf"

# A partition that another node made is not seen here before the kernel reads the table again.
_SEE = (
    'disk=${1%-part*}; udevadm wait --timeout=60 "$disk"; '
    '[ -b "$1" ] || { partx --update "$disk"; udevadm wait --timeout=60 "$1"; }'
)
# Reports take no locks: what is asked must not wait for, or fail on, a lock manager that is about to start.
_REPORT = "--nolocking --reportformat json --units b --nosuffix"
# $3 is "yes" where LVM sees only the devices that a file of the node names (EL 9): what is asked for or removed may
# stand on one that is not in it yet, or not any more.
_ANY_DEVICE = 'any=; [ "$3" = no ] || any=--devicesfile='
_VG_LOOK = f"""# look at the volume group
{_ANY_DEVICE}
[ ! -b "$2" ] || echo seen
printf '\\036'
vgs $any {_REPORT} -o vg_name,vg_uuid,vg_lock_type -S "vg_name=$1"
"""
_LV_LOOK = f"""# look at the logical volume
{_ANY_DEVICE}
[ -z "$(vgs $any --nolocking --noheadings -o vg_name -S "vg_name=$1")" ] || echo seen
printf '\\036'
lvs $any {_REPORT} -o lv_name,lv_uuid,lv_size -S "vg_name=$1 && lv_name=$2"
"""
# A volume or a lockspace that a node still holds, though nothing asks for it any more, is let go there. {} gets $2.
_ON_OTHERS = """\
crm_node --list | awk -v own="$(crm_node --name)" '$3 == "member" && $2 != own {{ print $2 }}' | while read -r node; do
  ssh -n -o BatchMode=yes -- "$node" {} "$2"
done"""
_LOCKD = cmd("lvmlockctl", "--info")
# Not activated at boot: Pacemaker does, after DLM. Without --yes vgcreate refuses a device with a signature.
_CREATE_VG = f"""# make the shared volume group
{_SEE}
vgcreate --shared --setautoactivation n "$2" "$1" </dev/null
"""
_REMOVE_VG = f"""# remove the volume group
{_ANY_DEVICE}
vgchange $any --lockstart "$2"
vgremove $any "$2" </dev/null || {{
{_ON_OTHERS.format("vgchange $any --lockstop")}
vgremove $any "$2" </dev/null
}}
pvremove $any "$1" </dev/null
"""
_USE_VG = f"""# join the lockspace of the volume group
{_SEE}
[ "$3" = no ] || lvmdevices --adddev "$1"
vgchange --lockstart "$2"
"""
# Prints the physical volume's UUID. 1: not used, 2: the device is not seen here, which is for its session to mend.
# While lvmlockd does not run, nobody can be in the lockspace: Pacemaker joins it when it starts again.
_VG_USED = """# look at the use of the volume group
[ -b "$1" ] || exit 2
blkid --probe --output value --match-tag UUID "$1" || exit 1
[ -d "/sys/kernel/dlm/lvm_$2" ] || ! pidof lvmlockd >/dev/null || exit 1
[ "$3" = no ] || lvmdevices | grep -qF "PVID=$(pvs --nolocking --noheadings -o pv_uuid "$1" | tr -d ' -')" || exit 1
"""
# Volumes that are in use stay: then it is this node that leaves, not the volume group, and Pacemaker stops them.
_LEAVE_VG = """# leave the lockspace of the volume group
[ "$3" = no ] || lvmdevices --deldev "$1" || :
[ -d "/sys/kernel/dlm/lvm_$2" ] || exit 0
lvs --nolocking --noheadings -o lv_active -S "vg_name=$2" | grep -qw active || vgchange --lockstop "$2"
"""
_CREATE_LV = """# make the logical volume
vgchange --lockstart "$1"
lvcreate --yes --activate sy "$3" "$4" --name "$2" "$1"
"""
_REMOVE_LV = f"""# remove the logical volume
lvchange --activate n "$2"
lvremove --yes "$2" || {{
{_ON_OTHERS.format("lvchange --activate n")}
lvremove --yes "$2"
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LvmHost:
    """LVM on a node asks lvmlockd for its locks."""

    machine: str = attr("UUID of the domain.", replace=True)


class LvmHostItem(Item[LvmHost]):
    spec = LvmHost
    scope = "machine"
    phase = "storage"
    identity = ("machine",)

    def observe(self, host: Host, wanted: LvmHost) -> LvmHost | None:
        setting = host.ask(cmd("lvmconfig", "--typeconfig", "full", "global/use_lvmlockd")).stdout.strip()
        if setting not in ("use_lvmlockd=0", "use_lvmlockd=1"):
            raise UnexpectedOutput(f"{host.name}: lvmconfig does not tell whether lvmlockd is used", setting)
        return wanted if setting == "use_lvmlockd=1" else None

    def steps(self, platform: Platform, now: LvmHost | None, wanted: LvmHost | None) -> Iterator[Step]:
        del platform
        if wanted is None and now is not None:
            yield Run(
                script(f"# stop using lvmlockd\n[ ! -e {_LOCAL_CONFIG} ] || sed -i '\\|^{_SETTING}$|d' {_LOCAL_CONFIG}")
            )
        elif wanted is not None and now is None:
            yield Run(script(f"# use lvmlockd\necho '{_SETTING}' >> {_LOCAL_CONFIG}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedVg:
    """A volume group on one physical volume that all nodes of a cluster use, locked through DLM."""

    cluster: str = attr("Name of the cluster.", replace=True)
    name: str = attr("Name of the volume group.", replace=True, check=limits.lvm_name)
    device: str = attr("The physical volume, by a path that is the same on all nodes.", replace=True)
    uuid: str | None = attr("UUID of the volume group.", computed=True, stable=True)


class SharedVgItem(Item[SharedVg]):
    spec = SharedVg
    scope = "cluster"
    phase = "storage"
    identity = ("cluster", "name")

    def observe(self, host: Host, wanted: SharedVg) -> SharedVg | None:
        look = script(_VG_LOOK, wanted.name, wanted.device, _devices_file(host.platform))
        seen, report = _parts(host.ask(look).stdout)
        return vg_seen(bool(seen), _rows(report, "vg"), wanted, host.name)

    def steps(self, platform: Platform, now: SharedVg | None, wanted: SharedVg | None) -> Iterator[Step]:
        if wanted is None and now is not None:
            yield Run(script(_REMOVE_VG, now.device, now.name, _devices_file(platform), timeout_s=180))
        elif wanted is not None and now is None:
            yield Await("lvmlockd", _LOCKD, ready=lambda result: result.rc == 0)
            yield Run(script(_CREATE_VG, wanted.device, wanted.name, timeout_s=180))


@dataclass(frozen=True, slots=True, kw_only=True)
class LvmDevice:
    """A node's use of a shared volume group: it sees the physical volume and has joined the lockspace.

    It goes before the volume group, which can be removed only when no other node is in its lockspace.
    """

    machine: str = attr("UUID of the domain.", replace=True)
    vg: str = attr("Name of the volume group.", replace=True, check=limits.lvm_name)
    device: str = attr("The physical volume.", replace=True)
    uuid: str | None = attr("UUID of the physical volume.", computed=True, stable=True)


class LvmDeviceItem(Item[LvmDevice]):
    spec = LvmDevice
    scope = "machine"
    phase = "storage"
    identity = ("machine", "vg", "device")

    def observe(self, host: Host, wanted: LvmDevice) -> LvmDevice | None:
        args = (wanted.device, wanted.vg, _devices_file(host.platform))
        found = host.ask(script(_VG_USED, *args, ok=(0, 1, 2)))
        if found.rc == 0:
            return with_fields(wanted, uuid=found.stdout.strip())
        return wanted if found.rc == 2 and wanted.uuid else None

    def steps(self, platform: Platform, now: LvmDevice | None, wanted: LvmDevice | None) -> Iterator[Step]:
        if wanted is not None and now is not None:
            return
        chosen = wanted or now
        if chosen is None:
            return
        args = (chosen.device, chosen.vg, _devices_file(platform))
        if wanted is None:
            yield Run(script(_LEAVE_VG, *args, timeout_s=120))
        else:
            yield Await("lvmlockd", _LOCKD, ready=lambda result: result.rc == 0)
            yield Run(script(_USE_VG, *args, timeout_s=120))


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicalVolume:
    """A linear logical volume in a shared volume group; Pacemaker activates it."""

    cluster: str = attr("Name of the cluster.", replace=True)
    vg: str = attr("Name of the volume group.", replace=True, check=limits.lvm_name)
    name: str = attr("Name of the volume.", replace=True, check=limits.lvm_name)
    size: str = attr("Its size when it is made: bytes, or a share like 90%FREE.", replace=True, check=limits.lv_size)
    path: str | None = attr("The volume's device, /dev/VG/NAME.", computed=True, stable=True)
    uuid: str | None = attr("UUID of the volume.", computed=True, stable=True)


class LogicalVolumeItem(Item[LogicalVolume]):
    spec = LogicalVolume
    scope = "cluster"
    phase = "storage"
    identity = ("cluster", "vg", "name")

    def plan(self, prior: LogicalVolume | None, wanted: LogicalVolume) -> LogicalVolume:
        del prior
        return with_fields(wanted, path=f"/dev/{wanted.vg}/{wanted.name}")

    def observe(self, host: Host, wanted: LogicalVolume) -> LogicalVolume | None:
        look = script(_LV_LOOK, wanted.vg, wanted.name, _devices_file(host.platform))
        seen, report = _parts(host.ask(look).stdout)
        return lv_seen(bool(seen), _rows(report, "lv"), self.plan(None, wanted))

    def steps(self, platform: Platform, now: LogicalVolume | None, wanted: LogicalVolume | None) -> Iterator[Step]:
        del platform
        if wanted is None and now is not None:
            yield Run(script(_REMOVE_LV, "", f"{now.vg}/{now.name}", timeout_s=180))
        elif wanted is not None and now is None:
            yield Run(script(_CREATE_LV, wanted.vg, wanted.name, *_size_option(wanted.size), timeout_s=120))


def vg_seen(device_seen: bool, rows: Iterable[Mapping[str, str]], wanted: SharedVg, host: str) -> SharedVg | None:
    """A device that this host does not see says nothing about a volume group that was made before."""
    for row in rows:
        if row["vg_lock_type"] != "dlm":
            raise Conflict(
                f"{host}: volume group {wanted.name} is not shared",
                f"Its lock type is {row['vg_lock_type'] or 'none'}. Choose another name, or remove it with vgremove.",
                "name",
            )
        return with_fields(wanted, uuid=row["vg_uuid"])
    return None if device_seen or wanted.uuid is None else wanted


def lv_seen(vg_visible: bool, rows: Iterable[Mapping[str, str]], wanted: LogicalVolume) -> LogicalVolume | None:
    """A volume group that cannot be seen says nothing about a volume that was made before."""
    for row in rows:
        return with_fields(wanted, uuid=row["lv_uuid"], size=wanted.size or row["lv_size"])
    return None if vg_visible or wanted.uuid is None else wanted


def _size_option(wanted: str) -> tuple[str, str]:
    return ("--extents", wanted) if "%" in wanted else ("--size", f"{wanted}b")


def _devices_file(platform: Platform) -> str:
    return "yes" if platform.lvm_uses_devices_file else "no"


def _parts(text: str) -> tuple[str, str]:
    seen, _, report = text.partition("\036")
    return seen.strip(), report


def _rows(text: str, kind: str) -> list[dict[str, str]]:
    """The rows of an LVM report in JSON."""
    try:
        reports: list[dict[str, Any]] = json.loads(text)["report"]
    except (ValueError, KeyError) as error:
        raise UnexpectedOutput(f"LVM's report on {kind} cannot be read", text[:500]) from error
    return [row for report in reports for row in report.get(kind, [])]
