"""The active/passive web site: httpd on every node, run by the cluster on one, behind the floating address."""

from __future__ import annotations

from halab.constructs import bindings
from halab.constructs.baseline import Baseline
from halab.constructs.cdk import Construct
from halab.constructs.cluster import CorosyncCluster
from halab.constructs.machines import Machines
from halab.constructs.operations import Operation, Operations
from halab.constructs.phases import Phase, Phases
from halab.constructs.settings import Settings
from halab.constructs.shared_filesystem import MOUNT_POINT, SharedFileSystem

_STATUS_URL = "http://127.0.0.1/server-status"


class WebServers(Construct):
    """httpd on each node, which the cluster starts; without a shared file system each node has a page of its own."""

    def __init__(
        self, scope: Construct, id: str, settings: Settings, machines: Machines, baseline: Baseline, phases: Phases
    ) -> None:
        super().__init__(scope, id)
        for number, machine in enumerate(machines.nodes, 1):
            node = f"node{number}"
            order = phases.order(Phase.WEB, also=[baseline.hosts[node]])
            server = bindings.Site(
                self,
                f"{node}_site",
                machine=machine.id,
                document_root=MOUNT_POINT,
                served_by=node,
                server_name=f"www.{settings.network.domain}",
                **order,
            )
            phases.add(Phase.WEB, server, node=node)
            if settings.site.storage == "local":
                page = bindings.File(
                    self,
                    f"{node}_page",
                    machine=machine.id,
                    path=f"{MOUNT_POINT}/index.html",
                    content=f"{node}\n",  # as the talk first does it
                    overwrite=True,  # the server's package has put one there
                    depends_on=[server],
                )
                phases.add(Phase.WEB, page)


class Site(Construct):
    """IPaddr2 and apache as one group, and the page on the shared file system."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        settings: Settings,
        machines: Machines,
        cluster: CorosyncCluster,
        shared: SharedFileSystem | None,
        phases: Phases,
    ) -> None:
        super().__init__(scope, id)
        self._settings, self._cluster, self._phases = settings, cluster, phases
        self._operations = Operations(settings, machines.nodes[0])
        if shared:
            self._shared_page(shared)
        phases.add(Phase.SERVICES, self._group(shared))

    def _shared_page(self, shared: SharedFileSystem) -> None:
        page = bindings.ClusterFile(
            self,
            "page",
            cluster=self._cluster.name,
            mount_point=MOUNT_POINT,
            path=f"{MOUNT_POINT}/index.html",
            content=f"{self._settings.gfs2.name}\n",
            **self._phases.order(Phase.CONTENT, inside=[shared.gfs2]),
        )
        self._phases.add(Phase.CONTENT, page)

    def _group(self, shared: SharedFileSystem | None) -> bindings.Group:
        name, settings = self._settings.name, self._settings
        address_agent, httpd_agent = "ocf:heartbeat:IPaddr2", "ocf:heartbeat:apache"
        address: bindings.GroupPrimitives = {
            "name": f"{name}-ip",
            "agent": address_agent,
            "params": {"ip": settings.site_address, "cidr_netmask": str(settings.net.prefixlen)},
            "operations": self._actions(address_agent),
        }
        httpd: bindings.GroupPrimitives = {
            "name": f"{name}-apache",
            "agent": httpd_agent,
            "params": {"configfile": settings.image.platform.apache_config, "statusurl": _STATUS_URL},
            "operations": self._actions(httpd_agent),
        }
        return bindings.Group(
            self,
            "site",
            cluster=self._cluster.name,
            name=f"{name}-site",
            # As `pcs cluster setup` has it: the site does not move because a node came back. Preferences outweigh it.
            # Its recovery comes before that of the fencing devices, which take an emulated node half a minute.
            meta={"resource-stickiness": "1", "priority": "10"},
            primitives=[address, httpd],
            after=[{"resource": shared.clone}] if shared else [],
            colocations=[{"with_resource": shared.clone, "score": "INFINITY"}] if shared else [],
            **self._phases.order(Phase.SERVICES, inside=[shared.gfs2] if shared else []),
        )

    def _actions(self, agent: str) -> list[Operation]:
        return [self._operations.monitor(agent, 10, 20), *self._operations.start_and_stop(agent)]
