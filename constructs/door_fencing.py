"""Fencing through the endpoint's other doors: a WTI power switch, IPMI, virsh, and fence_virtd's protocol."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from halab.constructs import bindings
from halab.constructs.cdk import Construct
from halab.constructs.fenced import Fenced
from halab.constructs.fencing_endpoint import USER
from halab.constructs.phases import Phase
from halab.constructs.places import Place

# What those of fencing.py keep to that talk with a console.
_LIMITS = ("login_timeout", "shell_timeout", "power_timeout")
_TALKS_POWER_WAIT_S = _TALKS_DELAY_S = 5
_PUBLIC = "0644"


class DoorFencing(Construct):
    """One device for all nodes, and what each of them needs to ask."""

    AGENT: ClassVar[str]
    PYTHON: ClassVar[bool] = True  # the agent knows the parameters of fencing.py

    def __init__(self, scope: Construct, id: str, lab: Fenced) -> None:
        super().__init__(scope, id)
        self._lab, self._method = lab, id
        self._access = {node.name: self._give_access(node) for node in lab.nodes}

    @abstractmethod
    def _files(self) -> dict[str, tuple[str, str]]:
        """Path of each file that a node needs -> content and mode."""

    @abstractmethod
    def _params(self) -> dict[str, str]:
        """Parameters of the agent, but for machine and limits."""

    @abstractmethod
    def _plug(self, machine: bindings.Machine) -> str:
        """What the agent calls the machine."""

    def devices(self, phase: Phase) -> Mapping[str, bindings.Stonith]:
        """One, which knows each node's plug."""
        lab = self._lab
        plugs = {node.name: self._plug(lab.machines.by_name[node.name]) for node in lab.nodes}
        device = self._device(
            phase,
            self._method,
            {
                **self._params(),
                "pcmk_host_map": ";".join(f"{name}:{plug}" for name, plug in plugs.items()),
                "pcmk_host_check": "static-list",
            },
            f"node1:{delay}" if (delay := lab.operations.first_node_delay()) else None,
        )
        lab.phases.add(phase, device)
        return dict.fromkeys(plugs, device)

    def _device(
        self, phase: Phase, name: str, params: dict[str, str], delay: str | None, node: str = ""
    ) -> bindings.Stonith:
        """`name`: after the lab's. `node`: the only one that it fences; else it says so itself."""
        lab = self._lab
        others = [other for other in lab.cluster.members if other != node] or [node]
        ready = [part for other in others for part in (lab.cluster.members[other], *self._access[other])]
        return bindings.Stonith(
            self,
            f"fence_{name.replace('-', '_')}",
            cluster=lab.cluster.name,
            name=f"{lab.settings.name}-{name}",
            agent=self.AGENT,
            params={**params, **self._limits()},
            node=node,
            delay=delay,
            meta=lab.device_meta,
            machine=lab.machines.by_name[node].id if node else None,
            operations=lab.operations.of_fencing(),
            locations=[{"node": node, "score": "-INFINITY"}] if node and lab.settings.node_count > 1 else [],
            **lab.phases.order(phase, also=[*ready, lab.endpoint.resource]),
        )

    def _limits(self) -> dict[str, str]:
        operations, several = self._lab.operations, len(self._lab.settings.fencing.methods) > 1
        return {
            **(operations.agent_limits(*_LIMITS) if self.PYTHON else {}),
            **({"pcmk_reboot_timeout": operations.level_timeout()} if several else {}),
        }

    def _give_access(self, node: Place) -> list[bindings.File]:
        files = [
            bindings.File(
                self,
                f"{node.name}_{self._method}_{path.rpartition('/')[2].replace('.', '_').replace('-', '_')}",
                machine=self._lab.machines.by_name[node.name].id,
                path=path,
                content=content if mode == _PUBLIC else None,
                sensitive_content=None if mode == _PUBLIC else content,
                mode=mode,
            )
            for path, (content, mode) in self._files().items()
        ]
        self._lab.phases.add(Phase.ACCESS, *files, node=node.name)
        return files

    @property
    def _gateway(self) -> str:
        return self._lab.machines.network.gateway

    def _power_wait(self, otherwise_s: int = 0) -> dict[str, str]:
        seconds = self._lab.settings.fencing.power_wait_s or otherwise_s
        return {"power_wait": str(seconds)} if seconds else {}


def _script(secret: str) -> str:
    # The agent runs it: so the password stands in no CIB, which pacemaker logs.
    return f"#!/bin/sh\necho '{secret}'\n"


class WtiFencing(DoorFencing):
    """The talk's power switch: a password, a plug for each node, and a node that is away for a moment is not fenced."""

    AGENT = "fence_wti"
    _PASSWORD = "/etc/halab/fencing-wti"

    def _files(self) -> dict[str, tuple[str, str]]:
        return {self._PASSWORD: (_script(self._lab.endpoint.secret("wti")), "0700")}

    def _params(self) -> dict[str, str]:
        port = str(self._lab.settings.fencing.wti_port)
        given = {"ip": self._gateway, "ipport": port, "password_script": self._PASSWORD}
        return {**given, "delay": str(_TALKS_DELAY_S), **self._power_wait(_TALKS_POWER_WAIT_S)}

    def _plug(self, machine: bindings.Machine) -> str:
        return self._lab.endpoint.plug(machine)


class IpmiFencing(DoorFencing):
    """A BMC for each machine, and a device for each node: the agent knows no plugs."""

    AGENT = "fence_ipmilan"
    _PASSWORD = "/etc/halab/fencing-ipmi"

    def _files(self) -> dict[str, tuple[str, str]]:
        return {self._PASSWORD: (_script(self._lab.endpoint.secret("ipmi")), "0700")}

    def _params(self) -> dict[str, str]:
        given = {"ip": self._gateway, "username": USER, "password_script": self._PASSWORD}
        return {**given, "lanplus": "1", "cipher": "17", **self._power_wait()}

    def _plug(self, machine: bindings.Machine) -> str:
        return self._lab.endpoint.plug(machine, plus=self._lab.settings.fencing.ipmi_port)

    def devices(self, phase: Phase) -> Mapping[str, bindings.Stonith]:
        """One for each node."""
        lab, made = self._lab, dict[str, bindings.Stonith]()
        for node in lab.nodes:
            delay = lab.operations.first_node_delay() if node.name == "node1" else None
            params = {**self._params(), "ipport": self._plug(lab.machines.by_name[node.name])}
            device = self._device(phase, f"ipmi-{node.name}", params, delay, node.name)
            made[node.name] = device
            lab.phases.add(phase, device, node=node.name if phase is Phase.FENCING else None)
        return made


class VirshFencing(DoorFencing):
    """SSH with a key of its own, to a server that knows four of virsh's commands."""

    AGENT = "fence_virsh"
    _KEY, _KNOWN = "/etc/halab/fencing-virsh", "/etc/halab/fencing-known-hosts"
    _CONFIG = "/etc/ssh/ssh_config.d/halab-fencing.conf"

    def _files(self) -> dict[str, tuple[str, str]]:
        known = (
            f"[{self._gateway}]:{self._lab.settings.fencing.virsh_port} {self._lab.endpoint.resource.ssh_host_key}\n"
        )
        # The agent says yes to a host key that ssh does not know.
        config = f"Host {self._gateway}\n  GlobalKnownHostsFile /etc/ssh/ssh_known_hosts {self._KNOWN}\n"
        return {
            self._KEY: (self._lab.endpoint.secret("virsh"), "0600"),
            self._KNOWN: (known, _PUBLIC),
            self._CONFIG: (config, _PUBLIC),
        }

    def _params(self) -> dict[str, str]:
        port = str(self._lab.settings.fencing.virsh_port)
        given = {"ip": self._gateway, "ipport": port, "username": USER, "identity_file": self._KEY}
        return {**given, **self._power_wait()}

    def _plug(self, machine: bindings.Machine) -> str:
        return machine.id


class XvmFencing(DoorFencing):
    """fence_xvm asks by multicast, and is called back: the nodes' firewall lets that in."""

    AGENT = "fence_xvm"
    PYTHON = False
    _KEY = "/etc/halab/fence_xvm.key"

    def _files(self) -> dict[str, tuple[str, str]]:
        return {self._KEY: (self._lab.endpoint.secret("xvm"), "0600")}

    def _params(self) -> dict[str, str]:
        return {"ipport": str(self._lab.settings.fencing.xvm_port), "key_file": self._KEY, "timeout": "60"}

    def _plug(self, machine: bindings.Machine) -> str:
        return machine.id
