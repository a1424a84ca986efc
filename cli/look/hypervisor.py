"""What libvirt says of a lab's machines: through the provider's own inventory, since it knows the lab's marks."""

from __future__ import annotations

from collections.abc import Sequence

from halab.cli.look.snapshot import Power
from halab.cli.look.together import together
from halab.provider.hypervisor.machine.presence import Presence
from halab.provisioners.engine.errors import HalabError

_LIMIT_S = 2.0


def powers(uri: str, lab: str, machines: Sequence[str]) -> dict[str, Power]:
    """The power of each machine (a domain's UUID). UNKNOWN with the reason when libvirt does not tell."""
    told = together({"libvirt": lambda: _ask(uri, lab, machines)}, _LIMIT_S).get("libvirt")
    return told or dict.fromkeys(machines, Power(Presence.UNKNOWN, f"libvirt does not answer within {_LIMIT_S:.0f} s"))


def _ask(uri: str, lab: str, machines: Sequence[str]) -> dict[str, Power]:
    from halab.provider.hypervisor.connection import Connection
    from halab.provider.hypervisor.inventory import Inventory

    inventory = Inventory(Connection(uri), lab)
    return {machine: _power(inventory, machine) for machine in machines}


def _power(inventory: object, machine: str) -> Power:
    from halab.provider.hypervisor.inventory import Inventory

    assert isinstance(inventory, Inventory)
    try:
        view = inventory.machine(machine)
    except HalabError as error:
        return Power(Presence.UNKNOWN, error.summary)
    return Power(view.presence, f"{view.pause.why}. {view.pause.remedy}" if view.pause else "")
