"""LVM on disks that all nodes of a cluster share, with lvmlockd and DLM."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from halab.provisioners.engine import limits
from halab.provisioners.engine.command import cmd, script
from halab.provisioners.engine.durable import KEEP, KEPT
from halab.provisioners.engine.errors import Conflict, UnexpectedOutput
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import Item, attr, with_fields
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.steps import Await, Run, Step
from halab.provisioners.storage.growth import grown, lun_bytes
from halab.provisioners.storage.lvm_report import ANY_DEVICE, ON_OTHERS, REPORT, devices_file, seen_and_rows
from halab.provisioners.storage.partition import SEE
from halab.provisioners.storage.withdrawn import withdrawn

_SETTING = "global/use_lvmlockd = 1"
_LOCAL_CONFIG = "/etc/lvm/lvmlocal.conf"
_LOCKS_BY_DLM = f"""# use lvmlockd
{KEEP}{{ [ ! -e {_LOCAL_CONFIG} ] || cat {_LOCAL_CONFIG}; echo '{_SETTING}'; }} > {_LOCAL_CONFIG}.halab-new
keep {_LOCAL_CONFIG}
"""
_LOCAL_LOCKS = f"""# stop using lvmlockd
{KEEP}[ -e {_LOCAL_CONFIG} ] || exit 0
sed '\\|^{_SETTING}$|d' {_LOCAL_CONFIG} > {_LOCAL_CONFIG}.halab-new
keep {_LOCAL_CONFIG}
"""

# A partition that another node made is not seen here before the kernel reads the table again.
_SEE = f"""{SEE}disk=${{1%-part*}}; udevadm wait --timeout=60 "$disk"
[ -b "$1" ] || {{ see "$disk"; udevadm wait --timeout=60 "$1"; }}"""
_VG_LOOK = f"""# look at the volume group
{ANY_DEVICE}
[ ! -b "$2" ] || echo seen
printf '\\036'
vgs $any {REPORT} -o vg_name,vg_uuid,vg_lock_type,vg_size,pv_name -S "vg_name=$1"
"""
_LOCKD = cmd("lvmlockctl", "--info")
# Not activated at boot: Pacemaker does, after DLM. Without --yes vgcreate refuses a device with a signature.
_CREATE_VG = f"""# make the shared volume group
{_SEE}
vgcreate --shared --setautoactivation n "$2" "$1" </dev/null
"""
_REMOVE_VG = f"""# remove the volume group
{ANY_DEVICE}
vgchange $any --lockstart "$2"
vgremove $any "$2" </dev/null || {{
{ON_OTHERS.format("vgchange $any --lockstop")}
vgremove $any "$2" </dev/null
}}
pvremove $any "$1" </dev/null
"""
# The table was changed by whichever node grew the partition; this one takes over its size. A disk with a partition in
# use keeps what was read of it: without the flush, the old table.
_SEE_GROWN = f"""# see that the physical volume has grown
{SEE}case $1 in *-part*)
  blockdev --flushbufs "${{1%-part*}}"
  see "${{1%-part*}}" --nr "${{1##*-part}}";;
esac
"""
# For import. $1: a device by the kernel's name; prints a name of it that is the same on all nodes.
_SAME_EVERYWHERE = """# find the device's name on all nodes
own=$(readlink -f -- "$1")
for path in /dev/disk/by-id/wwn-* /dev/disk/by-id/scsi-* "$1"; do
  [ "$(readlink -f -- "$path")" != "$own" ] || { echo "$path"; exit 0; }
done
"""
_GROW_PV = """# let the physical volume grow
pvresize "$1" </dev/null
"""
_USE_VG = f"""# join the lockspace of the volume group
{_SEE}
[ "$3" = no ] || {{ lvmdevices --adddev "$1"; {KEPT}; }}
vgchange --lockstart "$2"
"""
# Prints the physical volume's UUID and the device's size in bytes. 1: not used, 2: the device is not seen here, which
# is for its session to mend.
# While lvmlockd does not run, nobody can be in the lockspace: Pacemaker joins it when it starts again.
_VG_USED = """# look at the use of the volume group
[ -b "$1" ] || exit 2
blkid --probe --output value --match-tag UUID "$1" || exit 1
blockdev --getsize64 "$1"
[ -d "/sys/kernel/dlm/lvm_$2" ] || ! pidof lvmlockd >/dev/null || exit 1
[ "$3" = no ] || lvmdevices | grep -qF "PVID=$(pvs --nolocking --noheadings -o pv_uuid "$1" | tr -d ' -')" || exit 1
"""
# Volumes that are in use stay: then it is this node that leaves, not the volume group, and Pacemaker stops them.
_LEAVE_VG = f"""# leave the lockspace of the volume group
[ "$3" = no ] || {{ lvmdevices --deldev "$1" || :; {KEPT}; }}
[ -d "/sys/kernel/dlm/lvm_$2" ] || exit 0
lvs --nolocking --noheadings -o lv_active -S "vg_name=$2" | grep -qw active || vgchange --lockstop "$2"
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
        setting = host.look(cmd("lvmconfig", "--typeconfig", "full", "global/use_lvmlockd")).stdout.strip()
        if setting not in ("use_lvmlockd=0", "use_lvmlockd=1"):
            raise UnexpectedOutput(f"{host.name}: lvmconfig does not tell whether lvmlockd is used", setting)
        return wanted if setting == "use_lvmlockd=1" else None

    def steps(self, platform: Platform, now: LvmHost | None, wanted: LvmHost | None) -> Iterator[Step]:
        del platform
        if wanted is None and now is not None:
            yield Run(script(_LOCAL_LOCKS))
        elif wanted is not None and now is None:
            yield Run(script(_LOCKS_BY_DLM))


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedVg:
    """A volume group on one physical volume that all nodes of a cluster use, locked through DLM."""

    cluster: str = attr("Name of the cluster.", replace=True)
    name: str = attr("Name of the volume group.", replace=True, check=limits.lvm_name)
    device: str = attr(
        "The physical volume, by a path that is the same on all nodes.", replace=True, check=limits.device_path
    )
    uuid: str | None = attr("UUID of the volume group.", computed=True, stable=True)
    lun_bytes: int | None = lun_bytes()


class SharedVgItem(Item[SharedVg]):
    spec = SharedVg
    on_lun = under_dlm = True
    scope = "cluster"
    phase = "storage"
    identity = ("cluster", "name")

    def observe(self, host: Host, wanted: SharedVg) -> SharedVg | None:
        look = script(_VG_LOOK, wanted.name, wanted.device, devices_file(host.platform))
        device_seen, rows = seen_and_rows(host.look(look).stdout, "vg")
        return vg_seen(device_seen, rows, wanted, host.name)

    def adopt(self, host: Host, named: SharedVg) -> SharedVg | None:
        """With the physical volume that it stands on; one that stands on several is described by the first."""
        look = script(_VG_LOOK, named.name, "", devices_file(host.platform))
        _, rows = seen_and_rows(host.ask(look).stdout, "vg")
        devices = [host.ask(script(_SAME_EVERYWHERE, row["pv_name"])).stdout.strip() for row in rows[:1]]
        return vg_seen(False, rows, with_fields(named, device="".join(devices)), host.name)

    def steps(self, platform: Platform, now: SharedVg | None, wanted: SharedVg | None) -> Iterator[Step]:
        if wanted is None and now is not None:
            yield Run(script(_REMOVE_VG, now.device, now.name, devices_file(platform), timeout_s=180))
        elif wanted is not None and now is None:
            yield Await("lvmlockd", _LOCKD, ready=lambda result: result.rc == 0)
            yield Run(script(_CREATE_VG, wanted.device, wanted.name, timeout_s=180))
        elif wanted is not None and now is not None and now.lun_bytes != wanted.lun_bytes:
            yield Run(script(_GROW_PV, wanted.device, timeout_s=180))


@dataclass(frozen=True, slots=True, kw_only=True)
class LvmDevice:
    """A node's use of a shared volume group: it sees the physical volume and has joined the lockspace.

    It goes before the volume group, which can be removed only when no other node is in its lockspace.
    """

    machine: str = attr("UUID of the domain.", replace=True)
    vg: str = attr("Name of the volume group.", replace=True, check=limits.lvm_name)
    device: str = attr("The physical volume.", replace=True, check=limits.device_path)
    uuid: str | None = attr("UUID of the physical volume.", computed=True, stable=True)
    lun_bytes: int | None = lun_bytes()


class LvmDeviceItem(Item[LvmDevice]):
    spec = LvmDevice
    on_lun = joins_dlm = True
    scope = "machine"
    phase = "storage"
    identity = ("machine", "vg", "device")
    ordinary = True  # the node that makes a volume group uses its device from then on

    def observe(self, host: Host, wanted: LvmDevice) -> LvmDevice | None:
        args = (wanted.device, wanted.vg, devices_file(host.platform))
        found = host.look(script(_VG_USED, *args, ok=(0, 1, 2)))
        if found.rc == 0:
            uuid, *size = found.stdout.split()
            return with_fields(wanted, uuid=uuid, lun_bytes=grown(int(size[0]) if size else None, wanted.lun_bytes))
        return wanted if found.rc == 2 and wanted.uuid else None

    def warnings(self, host: Host, seen: LvmDevice) -> Iterable[tuple[str, str]]:
        del seen
        return withdrawn(host)

    def steps(self, platform: Platform, now: LvmDevice | None, wanted: LvmDevice | None) -> Iterator[Step]:
        if wanted is not None and now is not None:
            if now.lun_bytes != wanted.lun_bytes:
                yield Run(script(_SEE_GROWN, wanted.device))
            return
        chosen = wanted or now
        if chosen is None:
            return
        args = (chosen.device, chosen.vg, devices_file(platform))
        if wanted is None:
            yield Run(script(_LEAVE_VG, *args, timeout_s=120))
        else:
            yield Await("lvmlockd", _LOCKD, ready=lambda result: result.rc == 0)
            yield Run(script(_USE_VG, *args, timeout_s=120))


def vg_seen(device_seen: bool, rows: Iterable[Mapping[str, str]], wanted: SharedVg, host: str) -> SharedVg | None:
    """A device that this host does not see says nothing about a volume group that was made before."""
    for row in rows:
        if row["vg_lock_type"] != "dlm":
            raise Conflict(
                f"{host}: volume group {wanted.name} is not shared",
                f"Its lock type is {row['vg_lock_type'] or 'none'}. Choose another name, or remove it with vgremove.",
                "name",
            )
        size = int(row["vg_size"]) if row.get("vg_size") else None
        return with_fields(wanted, uuid=row["vg_uuid"], lun_bytes=grown(size, wanted.lun_bytes))
    return None if device_seen or wanted.uuid is None else wanted
