"""Looks at a cluster through the provider itself: what is written is what an import would read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from halab.provider.export import hosts
from halab.provider.export.cib import in_cib
from halab.provider.export.configuration import Configuration
from halab.provider.export.found import Found, LeftAlone
from halab.provider.guests.hosts import Gone, Off
from halab.provider.protocol import Ctx, Failure, Resource, State
from halab.provisioners.corosync.conf import parse_corosync_conf
from halab.provisioners.corosync.founded import definition
from halab.provisioners.engine.errors import ClusterNotRunning, Conflict, NotSupported
from halab.provisioners.pacemaker.cib import query
from halab.provisioners.storage.partition import parent_disk

if TYPE_CHECKING:
    from halab.provider.hypervisor.inventory import MachineView
    from halab.provisioners.engine.host import Host

Tell = Callable[[str], None]


class Look:
    """One cluster of a lab. `provider` is configured."""

    def __init__(self, provider: Any, cluster: str, tell: Tell = lambda _: None) -> None:
        self._provider, self._cluster, self._tell = provider, cluster, tell
        self._built: dict[str, Resource] = {}
        views = [view for view in provider.inventory.machines() if view.presence.on]
        self._members: list[MachineView] = [view for view in views if view.cluster == cluster]
        self._others: list[MachineView] = [view for view in views if not view.cluster]
        self.configuration = Configuration(self.resource, {v.hostname: v.uuid for v in (*self._members, *self._others)})
        self.left_alone: list[LeftAlone] = []

    def resource(self, kind: str) -> Resource:
        if kind not in self._built:
            self._built[kind] = self._provider.resources[kind](self._provider)
        return self._built[kind]

    def run(self) -> Configuration:
        """Raises what keeps it from seeing all: a part that cannot be reached is not left out."""
        if not self._members:
            raise Failure(
                f"There is no machine of a cluster {self._cluster} that runs",
                "Set `cluster` of its halab_machines, which only marks them, and switch them on.",
            )
        for found in self._all():
            if isinstance(found, LeftAlone):
                self.left_alone.append(found)
            else:
                self._add(found)
        return self.configuration

    def _add(self, found: Found) -> State | None:
        self._tell(f"{found.type} {found.name}")
        try:
            values = self._read(found)
        except NotSupported as error:
            self.left_alone.append(LeftAlone(f"{found.type} {found.name}", error.detail))
            return None
        except (Failure, Conflict):
            if not found.optional:
                raise
            return None
        if values is None:
            return None
        if (condition := values.get("condition", "complete")) != "complete":
            self.left_alone.append(LeftAlone(f"{found.type} {found.name}", f"an apply would mend it: {condition}"))
        self.configuration.add(found.type, found.name, found.id, values)
        return values

    def _read(self, found: Found) -> State | None:
        """As Terraform does an import: what the id names, then as it is read ever after."""
        resource = self.resource(found.type)
        return resource.read(Ctx(), resource.import_(Ctx(), found.id))

    def _host(self, view: MachineView) -> Host:
        host: Host = self._provider.hosts.machine(view.uuid, threading.Event())
        return host

    # --- what there is to look for, from below ---

    def _all(self) -> Iterator[Found | LeftAlone]:
        for view in (*self._others, *self._members):
            yield from hosts.targets(self._host(view), view.uuid)
        for view in self._members:
            yield from hosts.sessions(self._host(view), view.uuid)
        yield from self._corosync()
        yield from self._pacemaker()
        yield from self._storage()
        for view in (*self._others, *self._members):  # what only a lab of halab's has
            for kind in ("host", "ssh_trust", "site"):
                yield Found(f"halab_{kind}", f"{view.hostname}_{kind}", view.uuid, optional=True)

    def _corosync(self) -> Iterator[Found | LeftAlone]:
        yield Found("halab_cluster", self._cluster, self._cluster)
        for view in self._members:
            try:
                conf = parse_corosync_conf(definition(self._host(view), self._cluster).corosync_conf)
            except Conflict as error:
                yield LeftAlone(view.hostname, f"{error.summary}: {error.detail}")
                continue
            node = next((m.name for m in conf.members if m.address == view.address), view.hostname)
            yield Found("halab_cluster_member", node, f"{view.uuid}:{self._cluster}:{node}")
            yield Found("halab_cluster_node", node, f"{view.uuid}:{self._cluster}:{node}", optional=True)
            yield LeftAlone(f"pcsd on {view.hostname}", "the password of hacluster cannot be read")

    def _pacemaker(self) -> Iterator[Found | LeftAlone]:
        try:
            cib = query(self._provider.hosts.cluster(self._cluster, threading.Event()))
        except (Gone, Off, ClusterNotRunning) as error:
            yield LeftAlone("Pacemaker's resources", error.summary)
            return
        yield from in_cib(cib, self._cluster)

    def _storage(self) -> Iterator[Found | LeftAlone]:
        try:
            host = self._provider.hosts.cluster(self._cluster, threading.Event())
        except (Gone, Off, ClusterNotRunning):
            return
        for view in self._members:
            yield Found("halab_lvm_host", view.hostname, view.uuid, optional=True)
        for found in hosts.storage(host, self._cluster):
            if isinstance(found, Found) and found.type == "halab_shared_vg":
                yield from self._below(found)
            yield found
            if isinstance(found, Found) and found.type == "halab_shared_vg":
                yield from self._users(found)

    def _below(self, group: Found) -> Iterator[Found]:
        """The partition that a volume group stands on."""
        values = self._read(group)
        if values and (disk := parent_disk(values["device"])):
            yield Found("halab_shared_partition", group.name, f"{self._cluster}:{disk}", optional=True)

    def _users(self, group: Found) -> Iterator[Found]:
        """The nodes that have joined its lockspace."""
        values = self._read(group)
        for view in self._members if values else ():
            id = f"{view.uuid}:{group.name}:{values['device']}" if values else ""
            yield Found("halab_lvm_device", f"{view.hostname}_{group.name}", id, optional=True)
