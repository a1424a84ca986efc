"""What a lab's state says was deployed: its machines, its site, its fencing endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from halab.cli.lab.state import StateUnusable, instances, outputs
from halab.provisioners.engine.command import Secret


class NothingDeployed(Exception):
    """There is no lab to look at; the text says where it was looked for."""


@dataclass(frozen=True, slots=True)
class KnownMachine:
    """A machine as the state has it. `host_key`: "type base64"; `cluster` is empty for the target."""

    uuid: str
    name: str
    address: str
    host_key: str
    cluster: str
    domain: str
    console_log: str
    emulated: bool


@dataclass(frozen=True, slots=True)
class KnownEndpoint:
    """The fencing endpoint as the state has it."""

    id: str
    address: str
    port: int
    username: str
    password: Secret

    @property
    def url(self) -> str:
        return f"https://{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class Deployed:
    """A deployed lab. `site_url` is empty when no deploy has come to its end yet."""

    machines: tuple[KnownMachine, ...]
    endpoint: KnownEndpoint | None
    site_url: str

    @property
    def names(self) -> list[str]:
        return [machine.name for machine in self.machines]

    @property
    def nodes(self) -> list[KnownMachine]:
        """The cluster's: without the target."""
        return [machine for machine in self.machines if machine.cluster]

    @property
    def emulated(self) -> bool:
        return any(machine.emulated for machine in self.machines)

    def machine(self, name: str) -> KnownMachine | None:
        return next((machine for machine in self.machines if machine.name == name), None)


def deployed(state: Path) -> Deployed:
    """What the state file holds. Raises NothingDeployed, StateUnusable."""
    found = instances(state)
    try:
        named = [_machine(one.attributes) for one in found if one.type == "halab_machine"]
        endpoints = [_endpoint(one.attributes) for one in found if one.type == "halab_fencing_endpoint"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StateUnusable(
            f"{state} does not tell what a machine has ({error!r}): restore it from its backup"
        ) from error
    machines = sorted(named, key=lambda m: (not m.cluster, m.name))
    if not machines:
        raise NothingDeployed(f"No lab is deployed: {state} names no machine. `halab deploy` builds one.")
    return Deployed(tuple(machines), next(iter(endpoints), None), str(outputs(state).get("site_url", "")))


def _machine(values: Mapping[str, Any]) -> KnownMachine:
    address, host_key, cluster, domain, console_log = (
        values.get(key) or "" for key in ("address", "host_key", "cluster", "name", "console_log")
    )
    emulated = values.get("hypervisor_used") == "qemu"
    return KnownMachine(values["id"], values["hostname"], address, host_key, cluster, domain, console_log, emulated)


def _endpoint(values: Mapping[str, Any]) -> KnownEndpoint:
    return KnownEndpoint(
        values["id"], values["address"], int(values["port"]), values["username"], Secret(values["password"])
    )
