"""The nodes' part in the cluster, and the order in which a node goes: out of the cluster first, then its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from halab.constructs import bindings
from halab.constructs.cdk import Construct, IDependable
from halab.constructs.cluster import CorosyncCluster
from halab.constructs.machines import Machines


class Nodes(Construct):
    """One halab_cluster_node for each node.

    `parts` is by node name: what a node has for the cluster's work. Terraform destroys what depends on something before
    that: so a node that is removed is drained and leaves before its fencing device, session and configuration go.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        machines: Machines,
        cluster: CorosyncCluster,
        parts: Sequence[Mapping[str, Sequence[IDependable]]],
    ) -> None:
        super().__init__(scope, id)
        self.members = [
            bindings.ClusterNode(
                self,
                name,
                machine=machines.by_name[name].id,
                cluster=cluster.name,
                name=name,
                depends_on=[member, *(part for found in parts for part in found.get(name, ()))],
            )
            for name, member in cluster.members.items()
        ]
