"""What there may be to import in a lab's machines: members, volumes, targets, sessions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from halab.provider.export.found import Found, LeftAlone
from halab.provisioners.engine.command import Command, script
from halab.provisioners.engine.errors import UnexpectedOutput
from halab.provisioners.engine.host import Host
from halab.provisioners.storage.lvm_report import devices_file, rows
from halab.provisioners.storage.partition import parent_disk

# $3: see lvm_report. Only volume groups that DLM locks are a cluster's.
_VOLUMES = """# look for shared volume groups
any=; [ "$1" = no ] || any=--devicesfile=
vgs $any --nolocking --reportformat json -o vg_name -S vg_lock_type=dlm
printf '\\036'
lvs $any --nolocking --reportformat json -o vg_name,lv_name,lv_path -S vg_lock_type=dlm
"""
# $1: a device; prints the label of a GFS2 file system on it.
_GFS2 = """# look for GFS2
[ -b "$1" ] || exit 0
[ "$(blkid --probe --output value --match-tag TYPE "$1" || :)" != gfs2 ] \\
  || blkid --probe --output value --match-tag LABEL "$1"
"""
_SESSIONS = """# look for iSCSI sessions
for session in /sys/class/iscsi_session/session*; do
  [ -e "$session" ] || continue
  for connection in "$session"/device/connection*/iscsi_connection/connection*; do
    paste -d ' ' "$connection/persistent_address" "$connection/persistent_port" "$session/targetname"
  done
done
"""
# Without its passwords: what is asked here is only which targets and initiators there are.
_TARGETS = r"""# look for iSCSI targets
[ ! -e "$1" ] || sed -E 's/("chap[a-z_]*_password": )"([^"\\]|\\.)*"/\1"***"/' "$1"
"""


def storage(host: Host, cluster: str) -> Iterator[Found | LeftAlone]:
    """Shared volume groups, their volumes and GFS2 on them, as any member of a cluster sees them."""
    groups, _, volumes = host.ask(script(_VOLUMES, devices_file(host.platform))).stdout.partition("\036")
    for group in {row["vg_name"]: row for row in rows(groups, "vg")}:
        yield Found("halab_shared_vg", group, f"{cluster}:{group}")
    for row in rows(volumes, "lv"):
        yield Found("halab_logical_volume", row["lv_name"], f"{cluster}:{row['vg_name']}:{row['lv_name']}")
        owner, _, name = host.ask(script(_GFS2, row["lv_path"])).stdout.strip().partition(":")
        if owner == cluster:
            yield Found("halab_gfs2", name, f"{cluster}:{name}:{row['lv_path']}")
        elif owner:
            yield LeftAlone(f"GFS2 on {row['lv_path']}", f"its lock table is of the cluster {owner}")


def sessions(host: Host, uuid: str) -> Iterator[Found]:
    """iSCSI sessions of one machine."""
    for line in host.ask(script(_SESSIONS)).stdout.splitlines():
        address, port, target = line.split()
        yield Found("halab_iscsi_session", f"{host.name}_session", f"{uuid}:{address}:{port}:{target}")


def targets(host: Host, uuid: str) -> Iterator[Found | LeftAlone]:
    """iSCSI targets of one machine, from the configuration that LIO restores at boot, and what they export."""
    text = host.ask(_saved(host)).stdout
    try:
        saved: dict[str, Any] = json.loads(text) if text.strip() else {}
    except ValueError:
        # What was read may be secret: it is not shown.
        raise UnexpectedOutput(f"{host.name}: {host.platform.lio_saveconfig} is no JSON", "Save it anew.") from None
    devices = {o["name"]: o.get("dev", "") for o in saved.get("storage_objects", ()) if o.get("plugin") == "block"}
    for target in saved.get("targets", ()):
        iqn = target["wwn"]
        if problem := _unfit(target):
            yield LeftAlone(f"the iSCSI target {iqn}", problem)
            continue
        (tpg,) = target["tpgs"]
        device = devices.get(tpg["luns"][0]["storage_object"].rsplit("/", 1)[1], "")
        if disk := parent_disk(device):
            yield Found("halab_partition", f"{host.name}_partition", f"{uuid}:{disk}", optional=True)
        yield Found("halab_iscsi_target", f"{host.name}_target", f"{uuid}:{iqn}")
        for acl in tpg.get("node_acls", ()):
            name = acl["node_wwn"].rpartition(":")[2]
            yield Found("halab_iscsi_acl", f"{name}_acl", f"{uuid}:{iqn}:{acl['node_wwn']}")


def _saved(host: Host) -> Command:
    return script(_TARGETS, host.platform.lio_saveconfig)


def _unfit(target: dict[str, Any]) -> str | None:
    """Why halab_iscsi_target cannot describe a target; None if it can."""
    tpgs = target.get("tpgs", ())
    if target.get("fabric") != "iscsi" or len(tpgs) != 1:
        return "it is not an iSCSI target with one portal group"
    luns = tpgs[0].get("luns", ())
    if len(luns) != 1 or luns[0].get("index") != 0 or "/backstores/block/" not in luns[0].get("storage_object", ""):
        return "it does not export one block device as LUN 0"
    return None
