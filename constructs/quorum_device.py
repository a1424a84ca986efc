"""The quorum device of an even cluster: when it is split in half, the target decides which half goes on."""

from __future__ import annotations

from halab.constructs import bindings
from halab.constructs.baseline import Baseline
from halab.constructs.cdk import Construct
from halab.constructs.cluster import CorosyncCluster
from halab.constructs.machines import Machines
from halab.constructs.phases import Phase, Phases
from halab.constructs.settings import Settings


class QuorumDevices(Construct):
    """What answers on the target, and what asks on each node; nothing where no vote is needed."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        settings: Settings,
        machines: Machines,
        cluster: CorosyncCluster,
        baseline: Baseline,
        phases: Phases,
    ) -> None:
        super().__init__(scope, id)
        if not settings.has_quorum_device:
            return
        target = machines.by_name["target"].id
        # Without TLS: the image has no certificates, and the port is open to the lab's own network only.
        options = bindings.File(
            self,
            "qnetd_options",
            machine=target,
            path=settings.image.platform.qnetd_options,
            content='COROSYNC_QNETD_OPTIONS="-s off"\n',
            overwrite=True,  # the server's package has put one there
        )
        server = bindings.Service(
            self, "qnetd", machine=target, name="corosync-qnetd", depends_on=[options, baseline.hosts["target"]]
        )
        for name in cluster.members:
            asks = bindings.QuorumDevice(
                self,
                f"{name}_quorum_device",
                machine=machines.by_name[name].id,
                cluster=cluster.name,
                **phases.order(Phase.QUORUM, also=[server]),
            )
            phases.add(Phase.QUORUM, asks, node=name)
