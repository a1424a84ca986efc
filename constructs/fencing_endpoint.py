"""The lab's power switch on the hypervisor: one for all methods that ask it, with a door for each."""

from __future__ import annotations

from halab.constructs import bindings
from halab.constructs.cdk import Construct
from halab.constructs.machines import Machines
from halab.constructs.settings import Settings

USER = "fence"
METHODS = frozenset({"redfish", "wti", "ipmi", "virsh", "xvm"})
"""The methods that ask it."""


class FencingEndpoint(Construct):
    """`resource` carries out what its clients ask; Redfish's `password` is the lab's, the doors' it makes itself."""

    def __init__(self, scope: Construct, id: str, settings: Settings, machines: Machines) -> None:
        super().__init__(scope, id)
        fencing = settings.fencing
        ports = {
            "wti": fencing.wti_port,
            "ipmi": fencing.ipmi_port,
            "virsh": fencing.virsh_port,
            "xvm": fencing.xvm_port,
        }
        self.password = bindings.Secret(self, "fencing_password", name="fencing-password", length=32)
        self.resource = bindings.FencingEndpoint(
            self,
            "fencing_endpoint",
            name=settings.name,
            address=machines.network.gateway,
            port=fencing.port,
            username=USER,
            password=self.password.value,
            machines=[machine.id for machine in machines.nodes],
            doors={method: port for method, port in ports.items() if method in fencing.methods} or None,
        )

    def secret(self, name: str) -> str:
        """What opens the doors of that name."""
        return f"${{{self.resource.terraform_address}.secrets.{name}}}"

    def plug(self, machine: bindings.Machine, plus: int = 0) -> str:
        """The number of a machine's plug, `plus` a number."""
        plug = f"{self.resource.terraform_address}.plugs[{machine.terraform_address}.id]"
        return f"${{{plug} + {plus}}}" if plus else f"${{{plug}}}"
