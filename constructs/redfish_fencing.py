"""Fencing through Redfish: endpoint on the hypervisor, its CA and password in the guests, a device for each node."""

from __future__ import annotations

from collections.abc import Mapping

from halab.constructs import bindings
from halab.constructs.cdk import Construct
from halab.constructs.fenced import Fenced
from halab.constructs.fencing_endpoint import USER
from halab.constructs.phases import Phase
from halab.constructs.places import Place
from halab.constructs.resource import HalabResource

_PASSWORD_SCRIPT = "/etc/halab/fencing-password"


class RedfishFencing(Construct):
    """One STONITH device for each node."""

    def __init__(self, scope: Construct, id: str, lab: Fenced) -> None:
        super().__init__(scope, id)
        self._lab, self._phases = lab, lab.phases
        self._settings, self._machines, self._cluster = lab.settings, lab.machines, lab.cluster
        self._endpoint = lab.endpoint
        self._access = {node.name: self._give_access(node) for node in lab.nodes}

    def devices(self, phase: Phase) -> Mapping[str, bindings.Stonith]:
        """One for each node."""
        made = {node.name: self._device(node, phase) for node in self._lab.nodes}
        for name, device in made.items():
            self._phases.add(phase, device, node=name if phase is Phase.FENCING else None)
        return made

    def _give_access(self, node: Place) -> list[HalabResource]:
        machine = self._machines.by_name[node.name]
        trust = bindings.CaCertificate(
            self,
            f"{node.name}_fencing_ca",
            machine=machine.id,
            name="halab-fencing",
            pem=self._endpoint.resource.ca_certificate,
        )
        # fence_redfish runs it: so the password stands in no CIB, which pacemaker logs, and in no argument list.
        script = bindings.File(
            self,
            f"{node.name}_fencing_password",
            machine=machine.id,
            path=_PASSWORD_SCRIPT,
            sensitive_content=f"#!/bin/sh\necho '{self._endpoint.password.value}'\n",
            mode="0700",
        )
        self._phases.add(Phase.ACCESS, trust, script, node=node.name)
        return [trust, script]

    def _device(self, node: Place, phase: Phase) -> bindings.Stonith:
        fencing, machine = self._settings.fencing, self._machines.by_name[node.name]
        # Those that can fence it. A node that is added gets its device while it still joins.
        others = [name for name in self._cluster.members if name != node.name] or [node.name]
        ready = [part for name in others for part in (self._cluster.members[name], *self._access[name])]
        params = {
            "ip": self._machines.network.gateway,
            "ipport": str(fencing.port),
            "username": USER,
            "password_script": _PASSWORD_SCRIPT,
            "systems_uri": f"/redfish/v1/Systems/{machine.id}",
            **({"power_wait": str(fencing.power_wait_s)} if fencing.power_wait_s else {}),
            # Its requests know no other limit than the fencing's own.
            **self._lab.operations.agent_limits("power_timeout"),
            **({"pcmk_reboot_timeout": self._lab.operations.level_timeout()} if len(fencing.methods) > 1 else {}),
        }
        return bindings.Stonith(
            self,
            f"fence_{node.name}",
            cluster=self._cluster.name,
            name=f"fence-{node.name}",
            agent="fence_redfish",
            params=params,
            node=node.name,
            delay=self._lab.operations.first_node_delay() if node.name == "node1" else None,
            meta=self._lab.device_meta,
            machine=machine.id,
            operations=self._lab.operations.of_fencing(),
            # A node does not watch the device that fences it.
            locations=[{"node": node.name, "score": "-INFINITY"}] if self._settings.node_count > 1 else [],
            **self._phases.order(phase, also=[*ready, self._endpoint.resource]),
        )
