"""The iSCSI target: LIO with a block backstore and one TPG; its ACLs are lio_acl.py's.

State is read from configfs, in one call and without starting Python. Changes go through rtslib-fb (see lio_guest.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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

# Starting the unit restores what is saved and drops everything else: only when nothing is configured.
_ENABLE = f"""# have LIO restored at boot
{units.enable('"$1"')}
ls -d /sys/kernel/config/target/iscsi/*.*/ >/dev/null 2>&1 || systemctl start "$1"
"""


def _ports(values: tuple[int, ...]) -> str | None:
    if len(set(values)) != len(values):
        return "Name each port once."
    return next(filter(None, map(limits.between(1, 65535), values)), None)


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
    further_ports: tuple[int, ...] = attr(
        "Other TCP ports that it listens on, each a path of its own to the LUN.", default=(), check=_ports
    )
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
        return target_seen(view_of(host, str(wanted.iqn)), wanted)

    def adopt(self, host: Host, named: Target) -> Target | None:
        """A target that somebody else has made has another serial, and may ask for no password."""
        view = view_of(host, str(named.iqn))
        serial = backstore_serial(view, str(named.iqn))
        chap = view.configfs.get(f"{tpg_path(str(named.iqn))}/attrib/authentication") != "0"
        return target_seen(view, self.plan(None, with_fields(named, serial=serial, chap=chap)))

    def steps(self, platform: Platform, now: Target | None, wanted: Target | None) -> Iterator[Step]:
        if wanted is None:
            if now is not None:
                yield change(platform, "no_target", str(now.iqn), backstore=now.backstore)
            return
        wanted = self.plan(None, wanted)
        if now == wanted:
            return
        yield Run(script(_ENABLE, platform.lio_unit, timeout_s=120))
        yield change(
            platform,
            "target",
            str(wanted.iqn),
            backstore=wanted.backstore,
            device=wanted.device,
            serial=str(wanted.serial),
            address=wanted.portal,
            ports=[wanted.port, *wanted.further_ports],
            attributes=_attributes(wanted.demo_mode, wanted.chap),
            reservations=wanted.reservations,
        )


def target_seen(view: View, wanted: Target) -> Target | None:
    iqn = str(wanted.iqn)
    tpg = tpg_path(iqn)
    if tpg + "/enable" not in view.configfs:
        return None
    attributes = {name: view.configfs.get(f"{tpg}/attrib/{name}", "missing") for name in CLOSED}
    closed = _attributes(False, wanted.chap)
    demo_mode = attributes == OPEN if attributes in (OPEN, closed) else wanted.demo_mode
    address, ports = _portals(view.names(tpg + "/np"), wanted)
    storage = next(iter(view.links(tpg + "/lun/lun_0")), "")
    core = storage.removeprefix("../" * 6 + "target/")
    return with_fields(
        wanted,
        device=view.configfs.get(core + "/udev_path", wanted.device),
        backstore=core.rsplit("/", 1)[1] if storage else wanted.backstore,
        portal=address,
        port=ports[0],
        further_ports=ports[1:],
        demo_mode=demo_mode,
        reservations=bool(wanted.reservations) and "dbroot/pr" in view.configfs,
        condition=next(_faults(view, with_fields(wanted, demo_mode=demo_mode), attributes, core), COMPLETE),
    )


def _portals(portals: Sequence[str], wanted: Target) -> tuple[str, tuple[int, ...]]:
    """The target's address and its ports, the wanted ones first, in their order."""
    found = [(address, int(port)) for address, _, port in (portal.rpartition(":") for portal in portals)]
    address = next((one for one, _ in found if one == wanted.portal), found[0][0] if found else wanted.portal)
    there = {port for one, port in found if one == address}
    ports = [port for port in (wanted.port, *wanted.further_ports) if port in there]
    return address, (*ports, *sorted(there.difference(ports))) or (wanted.port,)


def _attributes(demo_mode: bool, chap: bool) -> Mapping[str, str]:
    """What lets in everybody, or those with an ACL."""
    if demo_mode:
        return OPEN
    return CLOSED if chap else {**CLOSED, "authentication": "0"}


def _faults(view: View, wanted: Target, attributes: Mapping[str, str], core: str) -> Iterator[str]:
    iqn = str(wanted.iqn)
    tpg = tpg_path(iqn)
    for name, value in _attributes(wanted.demo_mode, wanted.chap).items():
        if attributes[name] != value:
            yield f"TPG attribute {name} is {attributes[name]}"
    if view.configfs[tpg + "/enable"] != "1":
        yield "the TPG is disabled"
    addresses = {portal.rpartition(":")[0] for portal in view.names(tpg + "/np")}
    if len(addresses) != 1:
        yield f"it listens on {len(addresses)} addresses"
    if core + "/udev_path" not in view.configfs:
        yield "LUN 0 has no backstore"
    elif backstore_serial(view, iqn) != wanted.serial:
        yield "the backstore has another serial"
    if view.unit != "enabled":
        yield f"the unit that restores it at boot is {view.unit or 'missing'}"
    saved = saved_tpg(view, iqn)
    if {k: str(v) for k, v in saved.get("attributes", {}).items() if k in attributes} != attributes:
        yield "not saved"


def view_of(host: Host, iqn: str) -> View:
    return parse_view(host.ask(look(host.platform, iqn), cached=True).stdout)


@cache
def _program() -> str:
    return Path(__file__).with_name("lio_guest.py").read_text()


def change(platform: Platform, change: str, iqn: str, **wanted: Any) -> Run:
    """A run of lio_guest.py; what it is to do reaches it on stdin, after its text, since that may hold a password."""
    values = {"iqn": iqn, "saved": platform.lio_saveconfig, **wanted}
    text = Secret(f"{_program()}\nmain({change!r}, {values!r})\n")
    return Run(cmd("python3", "-", "LIO", change, wanted.get("initiator", iqn), stdin=text, timeout_s=180))
