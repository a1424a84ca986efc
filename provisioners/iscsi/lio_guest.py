"""Changes LIO's configuration. This file is never imported: lio.py sends its text to the target's own python3.

It stands on rtslib-fb, the library below targetcli, takes targetcli's lock (a saved configuration is the whole of what
is configured, so two writers at once would lose one's change) and saves. It runs on Python 3.9.
"""

from __future__ import annotations

import fcntl
import os
import sys
from typing import Any

import rtslib_fb as lio  # type: ignore[import-not-found]

LOCK = "/run/targetcli.lock"


def target(root: Any, wanted: dict[str, Any]) -> None:
    """A block backstore, exported as LUN 0 of the target's only TPG, at one address."""
    if wanted["reservations"]:
        keep_reservations(root.dbroot)
    storage = backstore(root, wanted)
    tpg = lio.TPG(lio.Target(lio.FabricModule("iscsi"), wanted["iqn"]), 1)
    for name, value in wanted["attributes"].items():
        tpg.set_attribute(name, value)
    for lun in list(tpg.luns):
        if lun.lun != 0 or lun.storage_object.name != storage.name:
            lun.delete()
    if not list(tpg.luns):
        lio.LUN(tpg, 0, storage_object=storage)
    for portal in list(tpg.network_portals):
        if portal.ip_address != wanted["address"] or portal.port not in wanted["ports"]:
            portal.delete()
    for port in wanted["ports"]:
        lio.NetworkPortal(tpg, wanted["address"], port)
    # Last: a login to a TPG that is not enabled yet is tried again, one without its LUN succeeds and sees nothing.
    tpg.enable = True


def keep_reservations(folder: str) -> None:
    """The kernel keeps keys there, and refuses each that is to be kept where it cannot. No package makes it."""
    os.makedirs(f"{folder}/pr", mode=0o700, exist_ok=True)
    for path in (f"{folder}/pr", folder, os.path.dirname(folder)):
        on_disk(path)


def on_disk(path: str) -> None:
    """What a file or folder holds is there after a reset, too."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def backstore(root: Any, wanted: dict[str, Any]) -> Any:
    for known in root.storage_objects:
        if known.plugin == "block" and known.name == wanted["backstore"]:
            if known.udev_path != wanted["device"]:
                sys.exit(f"backstore {known.name} exists with {known.udev_path}, not {wanted['device']}")
            return known
    return lio.BlockStorageObject(wanted["backstore"], dev=wanted["device"], wwn=wanted["serial"])


def no_target(root: Any, gone: dict[str, Any]) -> None:
    for known in list(root.targets):
        if known.wwn == gone["iqn"]:
            known.delete()
    for known in list(root.storage_objects):
        if known.plugin == "block" and known.name == gone["backstore"]:
            known.delete()


def acl(root: Any, wanted: dict[str, Any]) -> None:
    """An initiator with CHAP credentials, LUN 0 mapped for it."""
    tpg = the_tpg(root, wanted["iqn"])
    if tpg is None:
        sys.exit(f"there is no target {wanted['iqn']}")
    node = lio.NodeACL(tpg, wanted["initiator"])
    node.chap_userid, node.chap_password = wanted["user"], wanted["password"]
    if "authentication" in node.list_attributes(writable=True) and node.get_attribute("authentication") == "0":
        node.set_attribute("authentication", "-1")  # as the TPG has it
    for mapped in list(node.mapped_luns):
        if mapped.mapped_lun != 0 or mapped.write_protect:
            mapped.delete()
    if not list(node.mapped_luns):
        lio.MappedLUN(node, 0, 0, False)


def no_acl(root: Any, gone: dict[str, Any]) -> None:
    tpg = the_tpg(root, gone["iqn"])
    for node in list(tpg.node_acls) if tpg is not None else ():
        if node.node_wwn == gone["initiator"]:
            node.delete()


def the_tpg(root: Any, iqn: str) -> Any:
    return next((tpg for known in root.targets if known.wwn == iqn for tpg in known.tpgs if tpg.tag == 1), None)


def main(change: str, wanted: dict[str, Any]) -> None:
    with open(LOCK, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        root = lio.RTSRoot()
        {"target": target, "no_target": no_target, "acl": acl, "no_acl": no_acl}[change](root, wanted)
        root.save_to_file(save_file=wanted["saved"])
        for path in (wanted["saved"], os.path.dirname(wanted["saved"])):
            on_disk(path)
