"""What every host gets: names, time, firewall, and passwordless root SSH from each to each."""

from __future__ import annotations

from collections.abc import Sequence

from halab.constructs import bindings
from halab.constructs.cdk import Construct
from halab.constructs.machines import Machines
from halab.constructs.phases import Phase, Phases
from halab.constructs.places import Place
from halab.constructs.settings import Settings
from halab.provisioners.engine import limits


class Baseline(Construct):
    """One halab_host for each machine, and the ssh_config of the lab. `hosts` is by name.

    Nothing that a cluster is made of waits for names, time or firewall. A node gets them when the cluster has formed,
    or, if it is added, while it joins: what is in the way of the first service is done first.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        settings: Settings,
        machines: Machines,
        phases: Phases,
        node_ports: Sequence[str] = (),
    ) -> None:
        super().__init__(scope, id)
        self._settings, self._machines, self._phases = settings, machines, phases
        self._node_ports = (*limits.NODE_PORTS, *node_ports)
        self._target_ports = (
            *limits.TARGET_PORTS,
            *([f"tcp/{limits.SECOND_PORTAL}"] if settings.fencing.has_paths else []),
            *([limits.QNETD_PORT] if settings.has_quorum_device else []),
        )
        self.hosts = {place.name: self._host(place) for place in machines.places}
        for place in machines.places:
            if place.cluster:
                phases.add(Phase.HOSTS, self.hosts[place.name], node=place.name)
        self.ssh_config = bindings.SshConfig(
            self,
            "ssh_config",
            private_key_path=machines.key.private_key_path,
            hosts=[
                {
                    "name": place.name,
                    "fqdn": place.fqdn(settings),
                    "address": place.address,
                    "host_key": machines.by_name[place.name].host_key,
                }
                for place in machines.places
            ],
        )

    def _host(self, place: Place) -> bindings.Host:
        settings = self._settings
        return bindings.Host(
            self,
            f"{place.name}_host",
            machine=self._machines.by_name[place.name].id,
            hostname=place.name,
            domain=settings.network.domain,
            hosts=[{"name": p.name, "address": p.address} for p in self._machines.places],
            time_source=settings.target_address if place.cluster else None,
            time_clients=None if place.cluster else settings.network.cidr,
            firewall=settings.firewall,
            firewall_open=self._node_ports if place.cluster else self._target_ports,
            firewall_sources=[settings.network.cidr],
            depends_on=self._phases.order(Phase.HOSTS)["depends_on"] if place.cluster else [],
        )

    def add_ssh_trust(self) -> None:
        """Root logs in from each host to each; made last, since no service needs it."""
        for place in self._machines.places:
            self._trust(place)

    def _trust(self, place: Place) -> None:
        bindings.SshTrust(
            self,
            f"{place.name}_ssh_trust",
            **self._phases.order(Phase.LAST),
            machine=self._machines.by_name[place.name].id,
            domain=self._settings.network.domain,
            peers=[
                {
                    "name": p.name,
                    "address": p.address,
                    "host_key": self._machines.by_name[p.name].host_key,
                    "user_key": self.hosts[p.name].ssh_public_key,
                }
                for p in self._machines.places
            ],
        )
