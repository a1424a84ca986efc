"""What is known of a host before anything is judged. Plain values; `gathering` fills them in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from halab.cli.look.report import Fault

GIB = 1 << 30
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the lab's settings ask of the host. `deployed`: it is there already."""

    lab: str
    network: IPv4Network
    gateway: str
    endpoint_ports: Mapping[str, tuple[str, range]]  # setting: tcp or udp, and ports; empty without an endpoint
    memory_bytes: int
    lun_bytes: int
    hypervisor: str
    deployed: bool


@dataclass(frozen=True, slots=True)
class Kvm:
    """`verdict`: whether a kernel came up under KVM, and what was seen; None: not tried since the host's boot."""

    device: bool
    in_processor: bool
    verdict: tuple[bool, str] | None


@dataclass(frozen=True, slots=True)
class Space:
    """Room on the file system of a directory, or of the nearest one above it that is there."""

    path: str
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Libvirt:
    """`fault` is empty when it answers; `away`: its daemon does not run."""

    fault: str = ""
    remedy: str = ""
    away: bool = False


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that takes what comes in: `kind` is tcp or udp, `address` 0.0.0.0 for all."""

    kind: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Route:
    """A line of the routing table; `source` is the host's own address on that network."""

    network: IPv4Network
    device: str
    source: str


@dataclass(frozen=True, slots=True)
class Firewall:
    """`rules`: `nft --json list ruleset`, None where it may not be read (`why`). `zone`: firewalld's zone libvirt."""

    rules: dict[str, Any] | None
    why: str
    ufw: bool
    firewalld: bool
    zone: bool
    bridges_filtered: bool


@dataclass(frozen=True, slots=True)
class Terraform:
    """`binary` is empty without one. `configuration`: path and text of its CLI configuration, None without one."""

    binary: str
    version: str
    named: str
    configuration: tuple[str, str] | None
    launcher: bool


@dataclass(frozen=True, slots=True)
class Node:
    """The one that make prepare installed, else PATH's. Empty texts: there is none. `cdk`: cdktf or cdktn."""

    version: str
    npm: str
    cdk: str = "cdktf"


@dataclass(frozen=True, slots=True)
class User:
    """`ends_at_logout`: the user's own units do, and the fencing endpoint would be one of them."""

    root: bool
    umask: int
    ends_at_logout: bool


@dataclass(frozen=True, slots=True)
class Console:
    """One that was started as a service. `listens`: it has its port; `supervised`: it would be started again."""

    port: int
    listens: bool
    supervised: bool


@dataclass(frozen=True, slots=True)
class Damage:
    """A file of the lab that cannot be read as what it is. `hinders`: commands fail by it."""

    file: str
    why: str
    remedy: str
    hinders: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """All of it. `holders`: who listens on a port, by name. `routes`: None where they could not be read.

    `lab`: the lab's faults; None without one, or where its state is damaged. `console`: None where none was started as
    a service.
    """

    wanted: Wanted
    kvm: Kvm
    memory_available_bytes: int
    pool: Space
    checkout: Space
    libvirt: Libvirt
    listeners: tuple[Listener, ...]
    holders: dict[int, str]
    routes: tuple[Route, ...] | None
    firewall: Firewall
    terraform: Terraform
    node: Node
    user: User
    lab: tuple[Fault, ...] | None
    console: Console | None = None
    damaged: tuple[Damage, ...] = ()
