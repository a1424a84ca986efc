"""The iSCSI target: LIO with a block backstore, one TPG, and one ACL for each initiator.

State is read from configfs, in one call and without starting Python. Changes go through rtslib-fb (see lio_guest.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from halab.provisioners.engine import limits, units
from halab.provisioners.engine.command import Secret, cmd, script
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import Item, attr, with_fields
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.steps import Run, Step
from halab.provisioners.iscsi.lio_view import (
    CLOSED,
    OPEN,
    View,
    backstore_serial,
    generated_iqn,
    look,
    lun_device,
    parse_view,
    saved_tpg,
    tpg_path,
    unit_serial,
)

COMPLETE = "complete"

# For import. $1: target, $2: initiator.
_PASSWORD = """# read the CHAP password of an ACL
f="/sys/kernel/config/target/iscsi/$1/tpgt_1/acls/$2/auth/password"; [ ! -e "$f" ] || cat "$f"
"""
# Starting the unit restores what is saved and drops everything else: only when nothing is configured.
_ENABLE = f"""# have LIO restored at boot
{units.enable('"$1"')}
ls -d /sys/kernel/config/target/iscsi/*.*/ >/dev/null 2>&1 || systemctl start "$1"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An iSCSI target that exports one block device as LUN 0, saved and restored at boot."""

    machine: str = attr("UUID of the domain that is the target. One that is made anew takes it over.")
    device: str = attr("Block device that is exported, usually a partition.", replace=True, check=limits.device_path)
    portal: str = attr("IPv4 address that the target listens on.", check=limits.ipv4)
    iqn: str | None = attr(
        "Name of the target; generated from `hostname` and the machine when not given.",
        computed=True,
        default=None,
        stable=True,
        replace=True,
        check=limits.iqn,
    )
    hostname: str = attr("Word in a generated IQN.", default="target", replace=True, check=limits.dns_label)
    port: int = attr("TCP port of the portal.", default=3260, check=limits.between(1, 65535))
    backstore: str = attr("Name of the block backstore.", default="lun0", replace=True, check=limits.lvm_name)
    demo_mode: bool = attr(
        "Let every initiator in, without ACL or password; otherwise only those with an ACL and CHAP.", default=False
    )
    chap: bool = attr("Whether initiators with an ACL must have a password, too.", default=True)
    reservations: bool = attr(
        "Whether it takes the keys of persistent reservations that are to outlast its restart.", default=False
    )
    serial: str | None = attr(
        "T10 unit serial of the backstore, a UUID; generated from the IQN when not given.",
        computed=True,
        default=None,
        stable=True,
        replace=True,
    )
    lun_device: str | None = attr(
        "Path by which every initiator sees LUN 0: /dev/disk/by-id/wwn-0x….", computed=True, stable=True
    )
    condition: str = attr(
        f"`{COMPLETE}`, or what is amiss and will be put right.",
        computed=True,
        default=COMPLETE,
        check=limits.one_of(COMPLETE),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Acl:
    """What one initiator may do: log in with CHAP and use LUN 0."""

    machine: str = attr("UUID of the domain that is the target. One that is made anew takes it over.")
    target_iqn: str = attr("Name of the target.", replace=True, check=limits.iqn)
    initiator_iqn: str = attr("Name of the initiator.", replace=True, check=limits.iqn)
    chap_user: str = attr("CHAP user name.")
    chap_password: Secret = attr("CHAP password: 12 to 255 printable characters without blanks and quotes.")
    node: str | None = attr("UUID of the initiator's domain: the ACL goes when it goes.", default=None)
    condition: str = attr(
        f"`{COMPLETE}`, or what is amiss and will be put right.",
        computed=True,
        default=COMPLETE,
        check=limits.one_of(COMPLETE),
    )


class TargetItem(Item[Target]):
    exclusive = True
    outlives_machine = serves_lun = True
    spec = Target
    scope = "machine"
    phase = "iscsi"
    identity = ("machine", "iqn")

    def plan(self, prior: Target | None, wanted: Target) -> Target:
        iqn = wanted.iqn or (prior and prior.iqn) or generated_iqn(wanted.hostname, wanted.machine)
        serial = wanted.serial or unit_serial(iqn)
        return with_fields(wanted, iqn=iqn, serial=serial, lun_device=lun_device(serial))

    def observe(self, host: Host, wanted: Target) -> Target | None:
        wanted = self.plan(None, wanted)
        return target_seen(_view(host, str(wanted.iqn)), wanted)

    def adopt(self, host: Host, named: Target) -> Target | None:
        """A target that somebody else has made has another serial, and may ask for no password."""
        view = _view(host, str(named.iqn))
        serial = backstore_serial(view, str(named.iqn))
        chap = view.configfs.get(f"{tpg_path(str(named.iqn))}/attrib/authentication") != "0"
        return target_seen(view, self.plan(None, with_fields(named, serial=serial, chap=chap)))

    def steps(self, platform: Platform, now: Target | None, wanted: Target | None) -> Iterator[Step]:
        if wanted is None:
            if now is not None:
                yield _change(platform, "no_target", str(now.iqn), backstore=now.backstore)
            return
        wanted = self.plan(None, wanted)
        if now == wanted:
            return
        yield Run(script(_ENABLE, platform.lio_unit, timeout_s=120))
        yield _change(
            platform,
            "target",
            str(wanted.iqn),
            backstore=wanted.backstore,
            device=wanted.device,
            serial=str(wanted.serial),
            address=wanted.portal,
            port=wanted.port,
            attributes=_attributes(wanted.demo_mode, wanted.chap),
            reservations=wanted.reservations,
        )


class AclItem(Item[Acl]):
    exclusive = True
    outlives_machine = True
    spec = Acl
    scope = "machine"
    phase = "iscsi"
    identity = ("machine", "target_iqn", "initiator_iqn")

    def separate(self, id: str) -> list[str]:
        """Both names may have a colon: the second one begins with its kind."""
        found = re.fullmatch(r"([^:]*):(.+):((?:iqn|eui|naa)\..+)", id)
        return list(found.groups()) if found else [id]

    def check(self, wanted: Acl) -> Iterable[tuple[str, str]]:
        yield from chap_problems(wanted.chap_user, wanted.chap_password)

    def requires_replace(self, prior: Acl, wanted: Acl) -> Iterable[str]:
        if prior.node and prior.node != wanted.node:  # none: it was imported
            yield "node"

    def observe(self, host: Host, wanted: Acl) -> Acl | None:
        view = _view(host, wanted.target_iqn)
        if wanted.initiator_iqn not in view.names(tpg_path(wanted.target_iqn) + "/acls"):
            return None
        return acl_seen(view, wanted)

    def adopt(self, host: Host, named: Acl) -> Acl | None:
        password = host.ask(script(_PASSWORD, named.target_iqn, named.initiator_iqn)).stdout.strip()
        return self.observe(host, with_fields(named, chap_password=Secret(password)))

    def steps(self, platform: Platform, now: Acl | None, wanted: Acl | None) -> Iterator[Step]:
        if wanted is None:
            if now is not None:
                yield _change(platform, "no_acl", now.target_iqn, initiator=now.initiator_iqn)
        elif now != wanted:
            yield _change(
                platform,
                "acl",
                wanted.target_iqn,
                initiator=wanted.initiator_iqn,
                user=wanted.chap_user,
                password=wanted.chap_password.reveal(),
            )


def chap_problems(user: str | None, password: Secret | None) -> Iterator[tuple[str, str]]:
    """What LIO, open-iscsi or their files would not take. Never tells the password."""
    if user and not (user.isascii() and user.isprintable() and not set(user) & set(" \"\\'#")):
        yield "chap_user", f"{user!r} has blanks, quotes or characters beyond ASCII: leave them out."
    if password is None or (text := password.reveal()) == "":
        return
    if not (12 <= len(text) <= 255 and text.isascii() and text.isprintable() and not set(text) & set(" \"\\'#")):
        yield "chap_password", "Use 12 to 255 printable ASCII characters without blanks, quotes, \\ and #."


def target_seen(view: View, wanted: Target) -> Target | None:
    iqn = str(wanted.iqn)
    tpg = tpg_path(iqn)
    if tpg + "/enable" not in view.configfs:
        return None
    attributes = {name: view.configfs.get(f"{tpg}/attrib/{name}", "missing") for name in CLOSED}
    closed = _attributes(False, wanted.chap)
    demo_mode = attributes == OPEN if attributes in (OPEN, closed) else wanted.demo_mode
    portals = view.names(tpg + "/np")
    address, _, port = portals[0].rpartition(":") if len(portals) == 1 else (wanted.portal, "", str(wanted.port))
    storage = next(iter(view.links(tpg + "/lun/lun_0")), "")
    core = storage.removeprefix("../" * 6 + "target/")
    return with_fields(
        wanted,
        device=view.configfs.get(core + "/udev_path", wanted.device),
        backstore=core.rsplit("/", 1)[1] if storage else wanted.backstore,
        portal=address,
        port=int(port),
        demo_mode=demo_mode,
        reservations=bool(wanted.reservations) and "dbroot/pr" in view.configfs,
        condition=next(_faults(view, with_fields(wanted, demo_mode=demo_mode), attributes, portals, core), COMPLETE),
    )


def _attributes(demo_mode: bool, chap: bool) -> Mapping[str, str]:
    """What lets in everybody, or those with an ACL."""
    if demo_mode:
        return OPEN
    return CLOSED if chap else {**CLOSED, "authentication": "0"}


def _faults(view: View, wanted: Target, attributes: Mapping[str, str], portals: list[str], core: str) -> Iterator[str]:
    iqn = str(wanted.iqn)
    tpg = tpg_path(iqn)
    for name, value in _attributes(wanted.demo_mode, wanted.chap).items():
        if attributes[name] != value:
            yield f"TPG attribute {name} is {attributes[name]}"
    if view.configfs[tpg + "/enable"] != "1":
        yield "the TPG is disabled"
    if len(portals) != 1:
        yield f"{len(portals)} portals"
    if core + "/udev_path" not in view.configfs:
        yield "LUN 0 has no backstore"
    elif backstore_serial(view, iqn) != wanted.serial:
        yield "the backstore has another serial"
    if view.unit != "enabled":
        yield f"the unit that restores it at boot is {view.unit or 'missing'}"
    saved = saved_tpg(view, iqn)
    if {k: str(v) for k, v in saved.get("attributes", {}).items() if k in attributes} != attributes:
        yield "not saved"


def acl_seen(view: View, wanted: Acl) -> Acl:
    acl = f"{tpg_path(wanted.target_iqn)}/acls/{wanted.initiator_iqn}"
    digest, saved = view.passwords.get(wanted.initiator_iqn, ("", False))
    return with_fields(
        wanted,
        chap_user=view.configfs.get(acl + "/auth/userid", ""),
        chap_password=wanted.chap_password if digest == wanted.chap_password.digest() else Secret(""),
        condition=next(_acl_faults(view, wanted, acl, saved), COMPLETE),
    )


def _acl_faults(view: View, wanted: Acl, acl: str, password_saved: bool) -> Iterator[str]:
    if not view.links(acl + "/lun_0"):
        yield "LUN 0 is not mapped"
    elif view.configfs.get(acl + "/lun_0/write_protect") != "0":
        yield "LUN 0 is write-protected"
    if view.configfs.get(acl + "/attrib/authentication") == "0":  # -1: as the TPG has it
        yield "CHAP is off for this initiator"
    acls = {a["node_wwn"]: a for a in saved_tpg(view, wanted.target_iqn).get("node_acls", ())}
    if not password_saved or not acls.get(wanted.initiator_iqn, {}).get("mapped_luns"):
        yield "not saved"


def _view(host: Host, iqn: str) -> View:
    return parse_view(host.ask(look(host.platform, iqn), cached=True).stdout)


@cache
def _program() -> str:
    return Path(__file__).with_name("lio_guest.py").read_text()


def _change(platform: Platform, change: str, iqn: str, **wanted: Any) -> Run:
    """A run of lio_guest.py; what it is to do reaches it on stdin, after its text, since that may hold a password."""
    values = {"iqn": iqn, "saved": platform.lio_saveconfig, **wanted}
    text = Secret(f"{_program()}\nmain({change!r}, {values!r})\n")
    return Run(cmd("python3", "-", "LIO", change, wanted.get("initiator", iqn), stdin=text, timeout_s=180))
