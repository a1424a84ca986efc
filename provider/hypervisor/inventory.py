"""Which machines there are and whether they run: libvirt decides, for everything that is configured inside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from halab.provider.hypervisor.connection import Connection, doing, is_code
from halab.provider.hypervisor.machine.paused import Pause, pause_of
from halab.provider.hypervisor.machine.presence import Presence
from halab.provider.hypervisor.mark import MARK_URI, Mark, parse_mark
from halab.provisioners.engine.errors import Conflict, Unmarked


@dataclass(frozen=True, slots=True)
class MachineView:
    """A machine of the lab. `domain` is its DNS domain. Of one that is gone nothing but the UUID is known."""

    uuid: str
    name: str
    hostname: str
    domain: str
    address: str
    host_key: str
    cluster: str
    presence: Presence
    pause: Pause | None = None
    """Why it stands still, and how it goes on: where it is PAUSED."""


class Inventory:
    """Looks at each call: libvirt answers in a millisecond. Safe for threads."""

    def __init__(self, connection: Connection, lab: str, made: Callable[[], Iterable[str]] = tuple) -> None:
        """`made`: UUIDs of machines that this lab has made, of some that are gone too."""
        self._connection, self._lab, self._made = connection, lab, made

    def machine(self, uuid: str) -> MachineView:
        """The machine with that UUID.

        Raises Conflict if it is another's, Unmarked if it is nobody's, LibvirtFailed if libvirt does not answer.
        """
        gone = MachineView(uuid, "", "", "", "", "", "", Presence.GONE)
        with doing(f"look up the domain {uuid}"):
            domain = self._connection.domain_by_uuid(uuid)
            view = None if domain is None else self._view(domain)
        if domain is None or (view is None and self._connection.domain_by_uuid(uuid) is None):
            return gone
        if view is None:
            with doing(f"look up the mark of {domain.name()}"):
                whose = read_mark(domain)
            if whose is None or whose.lab == self._lab:
                raise _unmarked(domain.name(), self._lab)
            raise Conflict(
                f"the domain {domain.name()!r} bears no mark of the lab {self._lab!r}",
                f"It is one of the lab {whose.lab!r}: the state file is another lab's. Import it into its own lab.",
            )
        return view

    def unmarked(self) -> list[str]:
        """Names of the lab's machines that have lost its mark: each may be a member of any cluster."""
        with doing("look for machines without a mark"):
            there = filter(None, map(self._connection.domain_by_uuid, self._made()))
            return sorted(domain.name() for domain in there if read_mark(domain) is None)

    def members(self, cluster: str) -> list[MachineView]:
        """The lab's machines that are to be members of a cluster, by name."""
        return [machine for machine in self.machines() if machine.cluster == cluster]

    def machines(self) -> list[MachineView]:
        """All of the lab's machines, by name."""
        with doing("list the domains"):
            views = [self._view(domain) for domain in self._connection.libvirt.listAllDomains()]
        return sorted((view for view in views if view is not None), key=lambda view: view.name)

    def _view(self, domain: Any) -> MachineView | None:
        """A domain as a machine; None if it is not this lab's, or went meanwhile."""
        import libvirt

        try:
            mark = read_mark(domain)
            pause = pause_of(domain)
            presence = presence_of(domain, pause)
        except libvirt.libvirtError as error:
            if is_code(error, "VIR_ERR_NO_DOMAIN"):
                return None
            raise
        if mark is None or mark.lab != self._lab or not mark.hostname:
            return None
        return MachineView(
            uuid=domain.UUIDString(),
            name=domain.name(),
            hostname=mark.hostname,
            domain=mark.domain,
            address=mark.address,
            host_key=mark.host_key,
            cluster=mark.cluster,
            presence=presence,
            pause=pause,
        )


def presence_of(domain: Any, pause: Pause | None) -> Presence:
    """The verdict on a domain that is there. Raises libvirtError."""
    if pause:
        return Presence.PAUSED
    return Presence.RUNNING if domain.isActive() else Presence.OFF


def _unmarked(name: str, lab: str) -> Unmarked:
    return Unmarked(
        f"the domain {name!r} has lost the mark of the lab {lab!r}",
        "Somebody removed its metadata, so it is not known where it answers. Nothing in it was changed. Make the "
        "machine anew around its disk: terraform apply -replace=ADDRESS.",
    )


def read_mark(domain: Any) -> Mark | None:
    """The mark in a domain's metadata, None if it has none. Raises libvirtError."""
    import libvirt

    try:
        return parse_mark(domain.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, MARK_URI, 0))
    except libvirt.libvirtError as error:
        if is_code(error, "VIR_ERR_NO_DOMAIN_METADATA"):
            return None
        raise


def write_mark(domain: Any, mark: Mark) -> None:
    """Put the mark on a domain, running or not."""
    import libvirt

    from halab.provider.hypervisor.mark import MARK_PREFIX

    flags = libvirt.VIR_DOMAIN_AFFECT_CONFIG
    if domain.isActive():
        flags |= libvirt.VIR_DOMAIN_AFFECT_LIVE
    domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, mark.xml(), MARK_PREFIX, MARK_URI, flags)
