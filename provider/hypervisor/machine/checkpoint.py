"""Checkpoints: all machines of a lab frozen together, memory and disks, and brought back together.

A checkpoint is one libvirt snapshot for each machine, inside the machine's own qcow2 disks, all taken while all of the
machines stand still. So nobody in the lab can have seen anything that came after: tokens, sessions and leases go on.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from halab.provider.hypervisor.connection import Connection, LibvirtFailed, doing, is_code
from halab.provider.hypervisor.inventory import read_mark
from halab.provider.hypervisor.machine.standing import (
    Came,
    StandsStill,
    each,
    goes_on,
    let_go,
    standing_still,
    suspend,
)
from halab.provisioners.engine.errors import Conflict, HalabError

PREFIX = "halab-"
"""Snapshots of others have other names, and are never touched."""


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine as a checkpoint has it. `hostname` is its name in the lab; `running`: neither off nor held."""

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
        """Holds all machines, takes a snapshot of that name of each, lets those go on that did before.

        Raises Conflict without a machine, HalabError without room, LibvirtFailed when one fails: then none stays;
        StandsStill.
        """
        domains = self._domains()
        if not domains:
            raise Conflict(f"the lab {self._lab!r} has no machines", "Deploy it first.")
        self._refuse_no_room()
        with doing("look who runs"):
            machines = [Machine(h, d.UUIDString(), goes_on(d)) for h, d in domains.items()]
        with standing_still(domains):
            try:
                each(domains, "save", lambda domain: _take(domain, snapshot), tell=self._telling("saved"))
            except BaseException:
                self._take_back(snapshot)
                raise
        return machines

    def restore(self, snapshot: str, machines: Sequence[Machine]) -> None:
        """Brings all of `machines`, as `save` returned them, back at once. Raises Conflict if they are others now.

        HalabError when one does not come back: if none did, those that ran go on; else all stand still. StandsStill.
        """
        domains = self._domains()
        self._refuse_others(snapshot, machines, domains)
        with doing("look who runs"):
            before = _Before(domains, {h: bool(d.isActive()) for h, d in domains.items()}, _going_on(domains))
        then, came = {m.hostname: domains[m.hostname] for m in machines if m.running}, Came()
        try:
            suspend(domains)
            each(domains, "restore", lambda domain: _revert(domain, snapshot), came, self._telling("restored"))
            let_go(then)
        except StandsStill:
            raise
        except BaseException as error:
            if came.done == domains.keys():
                let_go(then, error)
                raise
            self._not_restored(before, came, error)
            raise

    def _not_restored(self, before: _Before, came: Came, error: BaseException) -> None:
        """Lets them go on if they are all as before; raises what is to be said, or tells it to who has interrupted."""
        if not came.done and before.untouched():
            let_go(before.went_on, error)
            said = HalabError("No machine was restored", f"{before.told()} {_why(came, error)}")
        else:
            left = ", ".join(hostname for hostname in before.domains if hostname not in came.done)
            said = HalabError(
                f"The checkpoint is restored in part: back are {', '.join(sorted(came.done)) or 'none'}, not {left}",
                "All of them stand still. When what is in the way is mended, halab checkpoint restore again goes on. "
                + _why(came, error),
            )
        if isinstance(error, Exception):
            raise said from error
        self._tell(str(said))

    def remove(self, snapshot: str) -> None:
        """Removes the snapshot of that name from all machines that have it, though one's stays. LibvirtFailed."""
        domains = self._domains()
        with doing(f"look for the snapshot {snapshot!r}"):
            found = {hostname: there for hostname, domain in domains.items() if (there := _snapshot(domain, snapshot))}
        each(found, f"remove the snapshot {snapshot!r} of", lambda there: there.delete())

    def _take_back(self, snapshot: str) -> None:
        """Removes it; that it cannot is told only: another error is under way."""
        try:
            self.remove(snapshot)
        except HalabError as error:
            self._tell(f"snapshots {snapshot} stay: {error}")

    def _telling(self, done: str) -> Callable[[str], None]:
        return lambda hostname: self._tell(f"{hostname} {done}")

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


@dataclass(frozen=True)
class _Before:
    """The machines before a restore: all, who was on, who went on."""

    domains: Mapping[str, Any]
    on: Mapping[str, bool]
    went_on: Mapping[str, Any]

    def untouched(self) -> bool:
        """Whether each is on or off as before: a restore that fails may have ended a machine."""
        try:
            with doing("look who is on"):
                return all(bool(domain.isActive()) == self.on[h] for h, domain in self.domains.items())
        except LibvirtFailed:
            return False  # nobody knows; why it failed is told by the restore's own error

    def told(self) -> str:
        """Who goes on, and who does not."""
        held = ", ".join(h for h, on in self.on.items() if on and h not in self.went_on)
        return f"Those that ran go on.{f' As before, {held} stand still.' if held else ''}"


def _going_on(domains: Mapping[str, Any]) -> dict[str, Any]:
    return {hostname: domain for hostname, domain in domains.items() if goes_on(domain)}


def _why(came: Came, error: BaseException) -> str:
    """Each machine's own error, or what came between."""
    if came.failed:
        return " ".join(f"{hostname}: {why}" for hostname, why in sorted(came.failed.items()))
    return str(error) or type(error).__name__


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
