"""The Corosync cluster, its members, its properties, and pcsd for the people who type `pcs`."""

from __future__ import annotations

from halab.constructs import bindings
from halab.constructs.cdk import Construct, Token
from halab.constructs.machines import Machines
from halab.constructs.operations import Operations
from halab.constructs.phases import Container, Phase, Phases
from halab.constructs.settings import Settings

# What halab_cluster takes when it is left out: Corosync's own, and that under emulation.
_TOKEN_MS, _EMULATED_TOKEN_MS = 3000, 10_000


class CorosyncCluster(Construct):
    """A running, empty cluster."""

    def __init__(self, scope: Construct, id: str, settings: Settings, machines: Machines, phases: Phases) -> None:
        super().__init__(scope, id)
        self._machines, self._phases = machines, phases
        self.name = settings.name
        nodes = [place for place in machines.places if place.cluster]
        cluster = bindings.Cluster(
            self,
            "cluster",
            name=settings.name,
            token_ms=self._token_ms(settings),
            hypervisor=machines.nodes[0].hypervisor_used,
            members=[{"name": n.name, "address": n.address, "node_id": i} for i, n in enumerate(nodes, 1)],
            options=_quorum_device(settings, Operations(settings, machines.nodes[0])),
            keeps_quorum=True if "watchdog" in settings.fencing.methods else None,
            machines=[machines.by_name[node.name].id for node in nodes],
        )
        # What is in the CIB goes with the last of the machines, and no attribute of its own tells.
        phases.contain(Container.CLUSTER, f"{cluster.terraform_address}.incarnation")
        self.members = {
            node.name: bindings.ClusterMember(
                self,
                f"{node.name}_member",
                machine=machines.by_name[node.name].id,
                cluster=cluster.name,
                name=node.name,
                corosync_conf=cluster.corosync_conf,
                corosync_authkey=cluster.corosync_authkey,
                pacemaker_authkey=cluster.pacemaker_authkey,
            )
            for node in nodes
        }
        shared = settings.site.storage == "gfs2"
        operations = Operations(settings, machines.nodes[0])
        properties = {
            "stonith-enabled": "true" if settings.fencing.methods else "false",
            # With a lock manager, a partition without quorum must stand still: stopping would need the locks.
            "no-quorum-policy": "freeze" if shared else "stop",
            # Pacemaker does one thing at a time on a node whose load exceeds this; an emulated machine with one virtual
            # CPU that has just booted exceeds the default of 80% for minutes.
            "load-threshold": operations.chosen("80%", "800%"),
            "stonith-timeout": operations.stonith_timeout(),
            # Of two nodes that have lost sight of each other the one that serves should win; the site has a priority.
            **({"priority-fencing-delay": delay} if (delay := operations.priority_delay()) else {}),
            # A node that was reset twice may be up before the others know how the second one ended. Told that it was
            # fenced, it would end its Pacemaker for good.
            "fence-reaction": "panic",
        }
        for name, member in self.members.items():
            phases.add(Phase.MEMBERS, member, node=name)
        phases.add(Phase.FORMED, *[*self.members.values()][: len(nodes) // 2 + 1])
        for name, value in properties.items():
            order = phases.order(Phase.PROPERTIES)
            made = bindings.ClusterProperty(
                self, name.replace("-", "_"), cluster=self.name, name=name, value=value, **order
            )
            phases.add(Phase.PROPERTIES, made)

    def _token_ms(self, settings: Settings) -> float | None:
        """None: halab_cluster chooses it, by the hypervisor."""
        if settings.token_ms is not None or settings.time_scale <= 1:
            return settings.token_ms
        operations = Operations(settings, self._machines.nodes[0])
        return Token.as_number(operations.stretched_number(_TOKEN_MS, _EMULATED_TOKEN_MS))

    def add_pcsd(self) -> str:
        """pcsd on every node, all of them authorized; made last, since its start keeps a slow machine busy.

        Gives a reference to the password of hacluster.
        """
        password = bindings.Secret(self, "hacluster_password", name="hacluster-password", length=20)
        token = bindings.Secret(self, "pcsd_token", name="pcsd-token", length=64)
        nodes = [place for place in self._machines.places if place.cluster]
        for node in nodes:
            bindings.Pcsd(
                self,
                f"{node.name}_pcsd",
                machine=self._machines.by_name[node.name].id,
                cluster=self.name,
                hacluster_password=password.value,
                token=token.value,
                nodes=[{"name": n.name, "address": n.address} for n in nodes],
                **self._phases.order(Phase.LAST, also=[self.members[node.name]]),
            )
        return password.value


def _quorum_device(settings: Settings, operations: Operations) -> dict[str, str] | None:
    """Entries of corosync.conf. ffsplit: of two halves exactly one gets the vote, whichever of them is asked first."""
    if not settings.has_quorum_device:
        return None
    net = {"host": settings.target_address, "algorithm": "ffsplit", "tls": "off"}
    return {
        "quorum.device.model": "net",
        "quorum.device.votes": "1",
        # sbd without a disk distrusts a device that may take longer to vote than its watchdog's time, 15 s there, and
        # Corosync's own 30 s. Whether such an sbd is there or not: to leave it must not come before sbd goes.
        "quorum.device.sync_timeout": operations.chosen("15000", ""),
        **{f"quorum.device.net.{name}": value for name, value in net.items()},
    }
