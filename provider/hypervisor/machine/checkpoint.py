"""Checkpoints: all machines of a lab frozen together, memory and disks, and brought back together.

A checkpoint is one libvirt snapshot for each machine, inside the machine's own qcow2 disks, all taken while all of the
machines stand still. So nobody in the lab can have seen anything that came after: tokens, sessions and leases go on.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from halab.provider.hypervisor.connection import Connection, doing, is_code
from halab.provider.hypervisor.inventory import read_mark
from halab.provisioners.engine.errors import Conflict, HalabError

PREFIX = "halab-"
"""Snapshots of others have other names, and are never touched."""


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine as a checkpoint has it. `hostname` is its name in the lab."""

    hostname: str
    uuid: str
    running: bool


class Checkpoints:
    """The checkpoints of one lab on one libvirt. `tell` hears what is being done, a line each."""

    def __init__(self, connection: Connection, lab: str, tell: Callable[[str], None] = lambda _: None) -> None:
        self._connection, self._lab, self._tell = connection, lab, tell

    def snapshots(self) -> dict[str, frozenset[str]]:
        """Snapshot of ours -> host names of the machines that have it."""
        found: dict[str, set[str]] = {}
        with doing("list the snapshots"):
            for hostname, domain in self._domains().items():
                for snapshot in domain.listAllSnapshots():
                    if snapshot.getName().startswith(PREFIX):
                        found.setdefault(snapshot.getName(), set()).add(hostname)
        return {name: frozenset(machines) for name, machines in sorted(found.items())}

    def needed_bytes(self) -> dict[str, int]:
        """Directory of disks -> what a checkpoint needs there at most: the memory that machines have touched."""
        needed: dict[str, int] = {}
        with doing("ask how much memory the machines use"):
            for domain in self._domains().values():
                if domain.isActive():
                    directory = _first_disk(domain).rpartition("/")[0]
                    needed[directory] = needed.get(directory, 0) + domain.memoryStats().get("rss", 0) * 1024
        return needed

    def free_bytes(self, directory: str) -> int | None:
        """What the pool with that directory has left; None if no active pool is there."""
        with doing(f"look at the pool of {directory}"):
            for pool in self._connection.libvirt.listAllStoragePools():
                if pool.isActive() and f"<path>{directory}</path>" in pool.XMLDesc():
                    pool.refresh()
                    return int(pool.info()[3])
        return None

    def save(self, snapshot: str) -> list[Machine]:
        """Freezes all machines, takes a snapshot of that name of each, lets them go on.

        Raises Conflict without a machine, HalabError without room, LibvirtFailed when one fails: then none stays.
        """
        domains = self._domains()
        if not domains:
            raise Conflict(f"the lab {self._lab!r} has no machines", "Deploy it first.")
        self._refuse_no_room()
        machines = [Machine(h, d.UUIDString(), bool(d.isActive())) for h, d in domains.items()]
        with _standing_still(domains.values()):
            try:
                self._each(domains, "saved", lambda domain: _take(domain, snapshot))
            except BaseException:
                self.remove(snapshot)
                raise
        return machines

    def restore(self, snapshot: str, machines: Sequence[Machine]) -> None:
        """Brings all of `machines`, as `save` returned them, back at once. Raises Conflict if they are others now."""
        domains = self._domains()
        self._refuse_others(snapshot, machines, domains)
        paused = {machine.hostname for machine in machines if machine.running}
        with doing("hold the machines"):
            _suspend(domains.values())
        self._each(domains, "restored", lambda domain: _revert(domain, snapshot))
        with doing("let the machines go on"):
            _resume(domain for hostname, domain in domains.items() if hostname in paused)

    def remove(self, snapshot: str) -> None:
        """Removes the snapshot of that name from all machines that have it."""
        with doing(f"remove the snapshot {snapshot!r}"):
            for domain in self._domains().values():
                found = _snapshot(domain, snapshot)
                if found is not None:
                    found.delete()

    def _domains(self) -> dict[str, Any]:
        """Host name -> domain, of all of the lab's machines."""
        found = {}
        with doing("list the domains"):
            for domain in self._connection.libvirt.listAllDomains():
                mark = read_mark(domain)
                if mark is not None and mark.lab == self._lab and mark.hostname:
                    found[mark.hostname] = domain
        return dict(sorted(found.items()))

    def _refuse_no_room(self) -> None:
        for directory, needed in self.needed_bytes().items():
            free = self.free_bytes(directory)
            if free is not None and free < needed:
                raise HalabError(
                    f"A checkpoint may need {needed >> 20} MiB in {directory}, and {free >> 20} MiB are free",
                    "Make room there, or remove a checkpoint: halab checkpoint list, halab checkpoint remove NAME.",
                )

    def _refuse_others(self, snapshot: str, machines: Sequence[Machine], domains: dict[str, Any]) -> None:
        then = {machine.hostname: machine.uuid for machine in machines}
        now = {hostname: domain.UUIDString() for hostname, domain in domains.items()}
        if then != now:
            different = sorted(host for host in then.keys() | now.keys() if then.get(host) != now.get(host))
            raise Conflict(
                "the machines of the lab are not those of the checkpoint",
                f"Made, made anew or removed since: {', '.join(different)}. Save another checkpoint.",
            )
        missing = [host for host, domain in domains.items() if _snapshot(domain, snapshot) is None]
        if missing:
            raise Conflict("the checkpoint is not whole", f"It has no snapshot of {', '.join(missing)}. Remove it.")

    def _each(self, domains: dict[str, Any], done: str, action: Callable[[Any], None]) -> None:
        """The action for all machines at once; the first error after all have ended."""

        def one(hostname: str, domain: Any) -> None:
            with doing(f"do this with the machine {hostname!r}"):
                action(domain)
            if done:
                self._tell(f"{hostname} {done}")

        with ThreadPoolExecutor(len(domains)) as pool:
            for future in [pool.submit(one, *item) for item in domains.items()]:
                future.result()


@contextmanager
def _standing_still(domains: Iterable[Any]) -> Iterator[None]:
    """Those that run stand still while the block runs, all of them."""
    running = [domain for domain in domains if domain.isActive()]
    try:
        with doing("hold the machines"):
            _suspend(running)
        yield
    finally:
        with doing("let the machines go on"):
            _resume(running)


def _suspend(domains: Iterable[Any]) -> None:
    import libvirt

    for domain in domains:
        if domain.isActive() and domain.state()[0] != libvirt.VIR_DOMAIN_PAUSED:
            domain.suspend()


def _resume(domains: Iterable[Any]) -> None:
    import libvirt

    for domain in domains:
        if domain.isActive() and domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED:
            domain.resume()


def _take(domain: Any, snapshot: str) -> None:
    root = ET.Element("domainsnapshot")
    ET.SubElement(root, "name").text = snapshot
    domain.snapshotCreateXML(ET.tostring(root, encoding="unicode"), 0)


def _revert(domain: Any, snapshot: str) -> None:
    """To the state then: switched off, or standing still until all of the others are there."""
    import libvirt

    found = domain.snapshotLookupByName(snapshot)
    was_off = ET.fromstring(found.getXMLDesc()).findtext("state") == "shutoff"
    domain.revertToSnapshot(found, 0 if was_off else libvirt.VIR_DOMAIN_SNAPSHOT_REVERT_PAUSED)


def _snapshot(domain: Any, name: str) -> Any | None:
    import libvirt

    try:
        return domain.snapshotLookupByName(name)
    except libvirt.libvirtError as error:
        if is_code(error, "VIR_ERR_NO_DOMAIN_SNAPSHOT"):
            return None
        raise


def _first_disk(domain: Any) -> str:
    disk = ET.fromstring(domain.XMLDesc()).find("devices/disk/source")
    return "" if disk is None else disk.get("file", "")
