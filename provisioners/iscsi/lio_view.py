"""What LIO shows of one target, in configfs and in the saved configuration: read in one call, without Python."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from halab.provisioners.engine import units
from halab.provisioners.engine.command import Command, script
from halab.provisioners.engine.errors import UnexpectedOutput
from halab.provisioners.engine.platform import Platform

_NAMESPACE = uuid.UUID("8d1c3a5e-5a0c-4c7b-9a55-2f0f6c1f6c11")

# What opens a TPG to everybody, as demo mode does, and what closes it to all but its ACLs.
OPEN = {"authentication": "0", "generate_node_acls": "1", "cache_dynamic_acls": "1", "demo_mode_write_protect": "0"}
CLOSED = {"authentication": "1", "generate_node_acls": "0", "cache_dynamic_acls": "0", "demo_mode_write_protect": "1"}

# Prints the unit's state, the saved configuration without its passwords, configfs as path NUL value, and for each ACL
# a digest of its CHAP password, with the word "saved" where the saved configuration has the same one.
_LOOK = (
    rf"""# look at LIO
{units.IS_ENABLED}"""
    + r"""
is_enabled "$1"
printf '\036'
[ ! -e "$2" ] || sed -E 's/("chap[a-z_]*_password": )"([^"\\]|\\.)*"/\1"***"/' "$2"
printf '\036'
cd /sys/kernel/config/target 2>/dev/null || exit 0
tpg="iscsi/$3/tpgt_1"; file=$2
[ -d "$tpg" ] || exit 0
[ ! -d "$(cat dbroot)/pr" ] || printf 'dbroot/pr\0kept\n'
find "$tpg/np" "$tpg/lun" "$tpg/acls" -mindepth 1 -maxdepth 1 -type d -printf '%p\0dir\n'
find "$tpg/lun" "$tpg/acls" -type l -printf '%p\0%l\n'
set -- core/iblock_*/*/udev_path core/iblock_*/*/wwn/vpd_unit_serial "$tpg"/enable "$tpg"/attrib/authentication \
  "$tpg"/attrib/generate_node_acls "$tpg"/attrib/cache_dynamic_acls "$tpg"/attrib/demo_mode_write_protect \
  "$tpg"/acls/*/auth/userid "$tpg"/acls/*/attrib/authentication "$tpg"/acls/*/lun_*/write_protect
# 1: all are empty, 2: some are not there
grep -sHZ '' "$@" || [ $? -le 2 ]
printf '\036'
kept=; [ ! -e "$file" ] || kept=$(cat "$file")
for f in "$tpg"/acls/*/auth/password; do
  it=; IFS= read -r it 2>/dev/null < "$f" || [ -n "$it" ] || continue
  case $kept in *"\"chap_password\": \"$it\""*) saved=saved;; *) saved=;; esac
  acl=${f%/auth/password}; sum=$(printf %s "$it" | sha256sum)
  echo "${acl##*/} ${sum%% *} $saved"
done
"""
)


@dataclass(frozen=True, slots=True)
class View:
    """What one look at a target shows. `configfs` maps paths below /sys/kernel/config/target to their content."""

    unit: str
    saved: Mapping[str, Any]
    configfs: Mapping[str, str] = field(default_factory=dict)
    passwords: Mapping[str, tuple[str, bool]] = field(default_factory=dict)
    """Initiator -> digest of its CHAP password, and whether it is saved."""

    def names(self, folder: str) -> list[str]:
        """Folders in a folder."""
        return [p.rsplit("/", 1)[1] for p, v in self.configfs.items() if v == "dir" and p.rsplit("/", 1)[0] == folder]

    def links(self, folder: str) -> list[str]:
        """Where the links in a folder lead."""
        prefix = folder + "/"
        return [v for p, v in self.configfs.items() if p.startswith(prefix) and v.startswith("../")]


def generated_iqn(hostname: str, machine: str) -> str:
    """In the form that LIO itself generates; the serial part follows from the machine, so it never changes."""
    return f"iqn.2003-01.org.linux-iscsi.{hostname}.x8664:sn.{hashlib.sha256(machine.encode()).hexdigest()[:12]}"


def unit_serial(iqn: str) -> str:
    """The T10 unit serial of a target's backstore, a UUID. It follows from the IQN: initiators see the same disk again
    after the target was made anew."""
    return str(uuid.uuid5(_NAMESPACE, iqn))


def lun_device(serial: str) -> str:
    """How udev names LUN 0 on initiators: NAA 6, LIO's company id 001405, the first 25 digits of the serial."""
    return f"/dev/disk/by-id/wwn-0x6001405{serial.replace('-', '')[:25]}"


def look(platform: Platform, iqn: str) -> Command:
    """The command whose output `parse_view` reads. It prints no password."""
    return script(_LOOK, platform.lio_unit, platform.lio_saveconfig, iqn)


def parse_view(text: str) -> View:
    """What `_LOOK` printed."""
    parts = text.split("\036")
    if len(parts) not in (3, 4):  # 3: there is no such target
        raise UnexpectedOutput("The look at LIO is incomplete", f"4 parts expected, {len(parts)} came.")
    configfs = dict(line.split("\0", 1) for line in parts[2].splitlines() if line)
    digests = [line.split() for line in "".join(parts[3:]).splitlines()]
    return View(
        parts[0].strip(),
        _saved(parts[1]),
        {k: v.strip() for k, v in configfs.items()},
        {words[0]: (words[1], "saved" in words[2:]) for words in digests},
    )


def _saved(text: str) -> Mapping[str, Any]:
    """A file that is missing or broken restores nothing at boot: that is what counts here."""
    try:
        saved: Mapping[str, Any] = json.loads(text)
    except ValueError:
        return {}
    return saved


def saved_tpg(view: View, iqn: str) -> Mapping[str, Any]:
    tpgs = (tpg for target in view.saved.get("targets", ()) if target["wwn"] == iqn for tpg in target["tpgs"])
    return next(tpgs, {})


def backstore_serial(view: View, iqn: str) -> str | None:
    """The T10 unit serial of LUN 0 as it is."""
    storage = next(iter(view.links(tpg_path(iqn) + "/lun/lun_0")), "")
    shown = view.configfs.get(storage.removeprefix("../" * 6 + "target/") + "/wwn/vpd_unit_serial", "")
    return shown.rpartition(":")[2].strip() or None


def tpg_path(iqn: str) -> str:
    return f"iscsi/{iqn}/tpgt_1"
