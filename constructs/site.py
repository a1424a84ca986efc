"""The active/passive web site: httpd on every node, run by the cluster on one, behind the floating address."""

from __future__ import annotations

from halab.constructs import bindings
from halab.constructs.baseline import Baseline
from halab.constructs.cdk import Construct, IDependable
from halab.constructs.cluster import CorosyncCluster
from halab.constructs.machines import Machines
from halab.constructs.operations import Operations
from halab.constructs.settings import Settings
from halab.constructs.shared_filesystem import MOUNT_POINT, SharedFileSystem

_STATUS_URL = "http://127.0.0.1/server-status"


class Site(Construct):
    """IPaddr2 and apache as one group. `running` is the resource that has them started, `parts` is by node name."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        settings: Settings,
        machines: Machines,
        baseline: Baseline,
        cluster: CorosyncCluster,
        shared: SharedFileSystem | None,
        fencing: list[IDependable],
    ) -> None:
        super().__init__(scope, id)
        self._settings, self._cluster = settings, cluster
        sites = [
            bindings.Site(
                self,
                f"node{number}_site",
                machine=machine.id,
                document_root=MOUNT_POINT,
                served_by=f"node{number}",
                server_name=f"www.{settings.network.domain}",
                # Not earlier: the nodes have more urgent things to do until their cluster runs.
                depends_on=[baseline.hosts[f"node{number}"], *cluster.formed],
            )
            for number, machine in enumerate(machines.nodes, 1)
        ]
        self.parts = {f"node{number}": [site] for number, site in enumerate(sites, 1)}
        if shared is None:
            before: list[IDependable] = self._local_pages(machines, sites)
        else:
            before = [shared.mounted]
            self._shared_page(shared)
        self.running = self._group(shared, [*sites, *before, *fencing, *cluster.ready])

    def _local_pages(self, machines: Machines, sites: list[bindings.Site]) -> list[IDependable]:
        """As the talk first does it: each node's page names the node."""
        return [
            bindings.File(
                self,
                f"node{number}_page",
                machine=machine.id,
                path=f"{MOUNT_POINT}/index.html",
                content=f"node{number}\n",
                depends_on=[sites[number - 1]],
            )
            for number, machine in enumerate(machines.nodes, 1)
        ]

    def _shared_page(self, shared: SharedFileSystem) -> None:
        bindings.ClusterFile(
            self,
            "page",
            cluster=self._cluster.name,
            mount_point=MOUNT_POINT,
            path=f"{MOUNT_POINT}/index.html",
            content=f"{self._settings.gfs2.name}\n",
            depends_on=[shared.mounted],
            lifecycle=shared.inside,
        )

    def _group(self, shared: SharedFileSystem | None, after: list[IDependable]) -> bindings.Group:
        name, settings = self._settings.name, self._settings
        operations = Operations(settings)
        address: bindings.GroupPrimitives = {
            "name": f"{name}-ip",
            "agent": "ocf:heartbeat:IPaddr2",
            "params": {"ip": settings.site_address, "cidr_netmask": str(settings.net.prefixlen)},
            "operations": [operations.monitor(10, 60), *operations.start_and_stop()],
        }
        httpd: bindings.GroupPrimitives = {
            "name": f"{name}-apache",
            "agent": "ocf:heartbeat:apache",
            "params": {"configfile": settings.image.platform.apache_config, "statusurl": _STATUS_URL},
            "operations": [operations.monitor(10, 60), *operations.start_and_stop()],
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
            depends_on=after,
            lifecycle=shared.inside if shared else self._cluster.inside,
        )
