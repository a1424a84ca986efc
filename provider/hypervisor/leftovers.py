"""What bears a lab's mark but is in no state: left by runs that were killed, or whose state was lost.

Nothing that something else uses is given up: not what a machine in the state stands on, nor what somebody else's
machine is attached to.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from halab.provider.hypervisor.connection import Connection, doing
from halab.provider.hypervisor.inventory import read_mark
from halab.provider.hypervisor.machine.checkpoint import PREFIX
from halab.provider.hypervisor.mark import pool_uuids
from halab.provider.hypervisor.network.network_xml import parse_network
from halab.provider.hypervisor.removal import remove_domain, remove_network, remove_pool, remove_volume
from halab.provider.hypervisor.storage.storage_xml import parse_volume, pool_path


@dataclass(frozen=True, slots=True)
class Known:
    """What the lab's state names: UUIDs of domains, networks and pools; paths of volumes.

    `snapshots`: those of its checkpoints; None: they are not looked for.
    """

    uuids: frozenset[str] = frozenset()
    volumes: frozenset[str] = frozenset()
    snapshots: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Leftover:
    """One object that is in no state. `kept`: why it stays all the same."""

    kind: str
    name: str
    detail: str
    remove: Callable[[], None]
    kept: str = ""


@dataclass(frozen=True, slots=True)
class _User:
    """A domain that stays, and what it uses."""

    name: str
    networks: frozenset[str]
    files: frozenset[str]


def leftovers(connection: Connection, lab: str, known: Known) -> list[Leftover]:
    """In the order in which they are to be removed. Raises LibvirtFailed."""
    with doing(f"look for what is left of the lab {lab!r}"):
        domains = sorted(connection.libvirt.listAllDomains(), key=_name)
        mine = [domain for domain in domains if _is_leftover(domain, lab, known)]
        users = [_uses(domain) for domain in domains if domain not in mine]
        return [
            *(_domain(connection, domain) for domain in mine),
            *_snapshots(domains, lab, known),
            *_networks(connection, lab, known, users),
            *_storage(connection, lab, known, users),
        ]


def _name(thing: Any) -> str:
    return str(thing.name())


def _is_leftover(domain: Any, lab: str, known: Known) -> bool:
    mark = read_mark(domain)
    return mark is not None and mark.lab == lab and domain.UUIDString() not in known.uuids


def _uses(domain: Any) -> _User:
    devices = ET.fromstring(domain.XMLDesc())
    networks = {source.get("network", "") for source in devices.iterfind("devices/interface/source")}
    files = {source.get("file", "") for source in devices.iterfind("devices/disk//source")}
    files |= {log.get("file", "") for log in devices.iter("log")}
    files |= {element.text or "" for tag in ("kernel", "initrd") for element in devices.iterfind(f"os/{tag}")}
    return _User(domain.name(), frozenset(networks), frozenset(files))


def _domain(connection: Connection, domain: Any) -> Leftover:
    detail = "running" if domain.isActive() else "off"
    return Leftover("domain", domain.name(), detail, partial(remove_domain, connection, domain))


def _snapshots(domains: list[Any], lab: str, known: Known) -> Iterator[Leftover]:
    """Of machines that stay: the others take theirs along."""
    if known.snapshots is None:
        return
    for domain in domains:
        mark = read_mark(domain)
        if mark is None or mark.lab != lab or domain.UUIDString() not in known.uuids:
            continue
        for snapshot in sorted(domain.listAllSnapshots(), key=lambda one: str(one.getName())):
            if (name := snapshot.getName()).startswith(PREFIX) and name not in known.snapshots:
                yield Leftover("snapshot", f"{domain.name()}/{name}", "of no checkpoint", snapshot.delete)


def _networks(connection: Connection, lab: str, known: Known, users: list[_User]) -> Iterator[Leftover]:
    for network in sorted(connection.libvirt.listAllNetworks(), key=_name):
        spec, mark = parse_network(network.XMLDesc())
        if mark is None or mark.lab != lab or network.UUIDString() in known.uuids:
            continue
        used = sorted(user.name for user in users if spec.name in user.networks)
        yield Leftover(
            "network",
            spec.name,
            spec.cidr,
            partial(remove_network, network),
            f"{', '.join(used)} uses it" if used else "",
        )


def _storage(connection: Connection, lab: str, known: Known, users: list[_User]) -> Iterator[Leftover]:
    for pool in sorted(connection.libvirt.listAllStoragePools(), key=_name):
        if pool.UUIDString() not in pool_uuids(lab, pool.name()):
            continue
        path = pool_path(pool.XMLDesc())
        in_state = pool.UUIDString() in known.uuids
        needed = _needed(connection, pool, known, users)
        inside = sorted(Path(file).name for file in needed if file.startswith(f"{path}/"))
        yield from _volumes(connection, pool, needed)  # each by its name: nothing goes that was not shown
        if not in_state:
            kept = f"{', '.join(inside)} in it is in use" if inside else ""
            yield Leftover("pool", pool.name(), path, partial(remove_pool, pool, lab, lambda _file: False), kept)


def _needed(connection: Connection, pool: Any, known: Known, users: list[_User]) -> frozenset[str]:
    """Files that stay: of the state, of domains that stay, and what those are overlays on."""
    needed = {*known.volumes}.union(*(user.files for user in users)) - {""}
    backing = {}
    if pool.isActive():
        with connection.pool_lock(pool.name()):
            pool.refresh()  # logs that were rotated are no volumes before
            backing = {volume.path(): parse_volume(volume.XMLDesc()).backing for volume in pool.listAllVolumes()}
    below = set(needed)
    while below := {path for path in map(backing.get, below) if path} - needed:
        needed |= below
    return frozenset(needed)


def _volumes(connection: Connection, pool: Any, needed: frozenset[str]) -> Iterator[Leftover]:
    for volume in sorted(pool.listAllVolumes(), key=_name) if pool.isActive() else ():
        path = volume.path()
        rotated = any(path.startswith(f"{log}.") for log in needed if log.endswith(".log"))
        if path not in needed and not rotated:
            mib = volume.info()[2] >> 20
            yield Leftover(
                "volume", f"{pool.name()}/{volume.name()}", f"{mib} MiB", partial(remove_volume, connection, path)
            )
