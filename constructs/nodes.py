"""The nodes' part in the cluster, and the order in which a node goes: out of the cluster first, then its parts."""

from __future__ import annotations

from halab.constructs import bindings
from halab.constructs.cdk import Construct
from halab.constructs.cluster import CorosyncCluster
from halab.constructs.machines import Machines
from halab.constructs.phases import Phase, Phases


class Nodes(Construct):
    """One halab_cluster_node for each node, made when the node has all that is its own.

    Terraform destroys what depends on something before that: so a node that is removed is drained and leaves before its
    fencing device, session and configuration go.
    """

    def __init__(self, scope: Construct, id: str, machines: Machines, cluster: CorosyncCluster, phases: Phases) -> None:
        super().__init__(scope, id)
        for name in cluster.members:
            node = bindings.ClusterNode(
                self,
                name,
                machine=machines.by_name[name].id,
                cluster=cluster.name,
                name=name,
                depends_on=phases.own(name),
            )
            phases.add(Phase.NODES, node)
