"""What one initiator may do at the target: an ACL with CHAP, and LUN 0 mapped for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from halab.provisioners.engine import limits
from halab.provisioners.engine.command import Secret, script
from halab.provisioners.engine.host import Host
from halab.provisioners.engine.item import Item, attr, with_fields
from halab.provisioners.engine.platform import Platform
from halab.provisioners.engine.steps import Step
from halab.provisioners.iscsi.lio import COMPLETE, change, view_of
from halab.provisioners.iscsi.lio_view import View, saved_tpg, tpg_path

# For import. $1: target, $2: initiator.
_PASSWORD = """# read the CHAP password of an ACL
f="/sys/kernel/config/target/iscsi/$1/tpgt_1/acls/$2/auth/password"; [ ! -e "$f" ] || cat "$f"
"""


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
        view = view_of(host, wanted.target_iqn)
        if wanted.initiator_iqn not in view.names(tpg_path(wanted.target_iqn) + "/acls"):
            return None
        return acl_seen(view, wanted)

    def adopt(self, host: Host, named: Acl) -> Acl | None:
        password = host.ask(script(_PASSWORD, named.target_iqn, named.initiator_iqn)).stdout.strip()
        return self.observe(host, with_fields(named, chap_password=Secret(password)))

    def steps(self, platform: Platform, now: Acl | None, wanted: Acl | None) -> Iterator[Step]:
        if wanted is None:
            if now is not None:
                yield change(platform, "no_acl", now.target_iqn, initiator=now.initiator_iqn)
        elif now != wanted:
            yield change(
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
