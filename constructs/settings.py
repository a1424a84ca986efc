"""The lab's settings: `context` in cdktf.json, overridden by HALAB_* variables, checked once, all errors at once."""

from __future__ import annotations

import dataclasses
import difflib
import ipaddress
import math
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from halab.constructs import fencing_settings, gfs2_settings, image_settings
from halab.constructs.conversion import converted
from halab.constructs.fencing_settings import Fencing
from halab.constructs.gfs2_settings import Gfs2
from halab.constructs.image_settings import Image
from halab.constructs.setting import setting
from halab.provisioners.engine import limits

# HALAB_ variables that are not settings of a lab, but of the tools around it.
TOOL_VARIABLES = frozenset(
    {
        "HALAB_ARTIFACTS",
        "HALAB_CACHE",
        "HALAB_CDK",
        "HALAB_PACKAGES",
        "HALAB_PROGRESS",
        "HALAB_SANDBOX_DIR",
        "HALAB_SANDBOX_PREPARED",
        "HALAB_SANDBOX_SIZE",
        "HALAB_SANDBOX_UPLINK",
        "HALAB_TERRAFORM",
        "HALAB_TEST_TREE",
    }
)
_PREFIX = "HALAB_"
# Places in the network: an installer, the target, the nodes, and installers of single machines.
_INSTALLER, _FIRST_HOST = 9, 10
_FIRST_INSTALLER = _FIRST_HOST + limits.MAX_NODES + 1


class SettingsError(Exception):
    """Every setting that is wrong, one a line."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("The lab's settings are not right:\n" + "\n".join(f"  - {problem}" for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Network:
    cidr: str = setting("192.168.77.0/24", "the lab's network (IPv4, private)", limits.ipv4_network)
    mode: str = setting("nat", "nat, or isolated (no way out)", limits.one_of("nat", "isolated"))
    domain: str = setting("summit.test", "DNS domain of all hosts", limits.dns_domain)


@dataclass(frozen=True, slots=True)
class Iscsi:
    lun_gib: int = setting(4, "size of the shared LUN, GiB", limits.between(1, 2048, "GiB"))
    iqn: str | None = setting(None, "the target's iSCSI name; generated when left out", limits.iqn)
    demo_mode: bool = setting(False, "true: the talk's open target, no ACLs and no CHAP")


@dataclass(frozen=True, slots=True)
class Site:
    storage: str = setting(
        "gfs2", "gfs2: served from the shared file system; local: a page on each node", limits.one_of("gfs2", "local")
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """One lab. Nested settings are joined by a dot in messages and by _ in variables: HALAB_IMAGE_SUITE."""

    name: str = setting("summit", "name of the lab and of its cluster", limits.lab_name)
    node_count: int = setting(3, "cluster nodes", limits.node_count)
    floating_ip: str | None = setting(None, "the site's address; .50 of the network when left out", limits.ipv4)
    memory_mib: int = setting(
        1536, "memory of each machine, MiB", limits.between(limits.MIN_GUEST_MEMORY_MIB, 1 << 20, "MiB")
    )
    vcpus: int = setting(1, "virtual CPUs of each machine", limits.between(1, 64))
    autostart: bool = setting(True, "whether the machines are switched on when the host starts")
    firewall: str = setting(
        "managed",
        "managed: opens what each role needs; disabled: none, as in the talk",
        limits.one_of("managed", "disabled"),
    )
    token_ms: int | None = setting(
        None,
        "Corosync's token, ms; its own on KVM and 10000 under emulation when left out, times time_scale",
        limits.between(limits.MIN_TOKEN_MS, 600_000, "ms"),
    )
    quorum_device: str = setting(
        "auto",
        "auto: the target has a vote where four nodes or more are an even number; yes: with two nodes too; no",
        limits.one_of("auto", "yes", "no"),
    )
    hypervisor: str = setting(
        "auto", "auto: KVM where it really works; kvm; qemu: emulation", limits.one_of("auto", "kvm", "qemu")
    )
    uri: str = setting("qemu:///system", "the libvirt to build on", limits.one_of("qemu:///system"))
    time_scale: float = setting(
        1.0, "multiplies every deadline, timeout and monitor's interval, for slow machines", limits.between(0.1, 100)
    )
    network: Network = field(default_factory=Network)
    image: Image = field(default_factory=Image)
    iscsi: Iscsi = field(default_factory=Iscsi)
    gfs2: Gfs2 = field(default_factory=Gfs2)
    site: Site = field(default_factory=Site)
    fencing: Fencing = field(default_factory=Fencing)

    @property
    def net(self) -> ipaddress.IPv4Network:
        return ipaddress.IPv4Network(self.network.cidr)

    @property
    def target_address(self) -> str:
        return str(self.net[_FIRST_HOST])

    def node_address(self, number: int) -> str:
        """Address of node `number`, counted from 1."""
        return str(self.net[_FIRST_HOST + number])

    def installer_address(self, number: int | None) -> str:
        """Address of the installer of all machines, or of that of machine `number` (0: the target, 1: node1, …)."""
        return str(self.net[_INSTALLER if number is None else _FIRST_INSTALLER + number])

    @property
    def last_host(self) -> int:
        """The last place in the network that the lab's machines take."""
        return _FIRST_INSTALLER + self.node_count if self.image.install_each_node else _FIRST_HOST + self.node_count

    @property
    def gateway(self) -> str:
        return str(self.net[1])

    @property
    def site_address(self) -> str:
        return self.floating_ip or str(self.net[50])

    @property
    def journals(self) -> int:
        """The least number of them."""
        return self.gfs2.journals or self.node_count

    @property
    def spare_journals(self) -> int:
        """How many more are made, so that a node can be added without adding a journal."""
        return 0 if self.gfs2.journals else 1

    @property
    def has_quorum_device(self) -> bool:
        """Whether the target's vote decides which half of a split goes on."""
        return self.quorum_device == "yes" or (
            self.quorum_device == "auto" and self.node_count >= 4 and self.node_count % 2 == 0
        )

    @property
    def has_quorum_after_a_split(self) -> bool:
        """Whether some nodes have quorum when the cluster falls apart in two, or one node is lost."""
        return self.has_quorum_device or (self.node_count >= 3 and self.node_count % 2 == 1)

    @property
    def is_tied_by_a_split(self) -> bool:
        """Whether both halves of a split go on, and fencing decides: so it is with two nodes."""
        return self.node_count == 2 and not self.has_quorum_device and bool(self.fencing.methods)

    def stretched(self, seconds: int) -> str:
        """A timeout or interval of Pacemaker's: never less than usual, since nodes are fenced for what takes longer."""
        return f"{math.ceil(seconds * max(1.0, self.time_scale))}s"


def load(context: Mapping[str, Any], environment: Mapping[str, str]) -> Settings:
    """The settings from cdktf.json's context and the environment. Raises SettingsError with all that is wrong."""
    problems: list[str] = []
    given = _flatten(context, problems)
    given.update(_from_environment(environment, problems))
    settings: Settings = _build(Settings, "", given, problems)
    problems += [f"{name}: unknown setting{_nearest(name)}" for name in given if name not in names()]
    if not problems:
        problems += _together(settings)
    if problems:
        raise SettingsError(problems)
    return _with_packages(settings)


def _with_packages(settings: Settings) -> Settings:
    """Packages that other settings need are added to the image."""
    wanted = (*settings.image.extra_packages, *settings.fencing.packages(settings.image.platform.family))
    image = dataclasses.replace(settings.image, extra_packages=tuple(dict.fromkeys(wanted)))
    return dataclasses.replace(settings, image=image)


def names(cls: type = Settings, prefix: str = "") -> dict[str, dataclasses.Field[Any]]:
    """Dotted name -> field, for every setting."""
    found: dict[str, dataclasses.Field[Any]] = {}
    for item in dataclasses.fields(cls):
        hint = typing.get_type_hints(cls)[item.name]
        if dataclasses.is_dataclass(hint):
            found |= names(typing.cast(type, hint), f"{prefix}{item.name}.")
        else:
            found[prefix + item.name] = item
    return found


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return _PREFIX + name.replace(".", "_").upper()


def _flatten(context: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    groups = {f.name for f in dataclasses.fields(Settings) if f.default is dataclasses.MISSING}
    flat: dict[str, Any] = {}
    for name, value in context.items():
        if name in groups and isinstance(value, Mapping):
            flat |= {f"{name}.{inner}": v for inner, v in value.items()}
        elif name in groups:
            problems.append(f"{name}: is a group of settings, write it as an object: {{...}}")
        else:
            flat[name] = value
    return flat


def _from_environment(environment: Mapping[str, str], problems: list[str]) -> dict[str, Any]:
    by_variable = {variable(name): name for name in names()}
    given = {}
    for key, value in environment.items():
        if not key.startswith(_PREFIX) or key in TOOL_VARIABLES:
            continue
        if key not in by_variable:
            close = difflib.get_close_matches(key, by_variable, n=1, cutoff=0.6)
            problems.append(f"{key}: unknown setting" + (f"; did you mean {close[0]}?" if close else ""))
        elif value != "":
            given[by_variable[key]] = value
    return given


def _nearest(name: str) -> str:
    close = difflib.get_close_matches(name, names(), n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""


def _build(cls: type, prefix: str, given: Mapping[str, Any], problems: list[str]) -> Any:
    values = {}
    for item in dataclasses.fields(cls):
        name, hint = prefix + item.name, typing.get_type_hints(cls)[item.name]
        if dataclasses.is_dataclass(hint):
            values[item.name] = _build(typing.cast(type, hint), f"{name}.", given, problems)
        elif given.get(name) is not None:
            try:
                values[item.name] = value = converted(hint, given[name], item.metadata["together"])
            except ValueError as error:
                problems.append(f"{name}: {error}")
                continue
            if (rule := item.metadata["rule"]) and (problem := rule(value)):
                problems.append(f"{name}: {problem}")
    return cls(**values)


def _together(s: Settings) -> Iterator[str]:
    """What single settings cannot tell."""
    yield from image_settings.check(s.image, s.network.mode)
    last_host = s.net.num_addresses - 2
    if last_host < s.last_host:
        yield (
            f"network.cidr: {s.network.cidr} is too small for {s.node_count} nodes: "
            f"the target is host {_FIRST_HOST} and the nodes follow it; use a /24"
        )
        return
    yield from _site_address(s, last_host)
    if s.quorum_device == "yes" and s.node_count % 2:
        yield f"quorum_device: {s.node_count} nodes cannot be split in half; leave it at auto, or change node_count"
    yield from fencing_settings.check(
        s.fencing, s.site.storage, s.image.suite, s.is_tied_by_a_split, s.has_quorum_after_a_split
    )
    if s.site.storage == "gfs2":
        yield from gfs2_settings.check(s.gfs2, s.node_count, s.journals + s.spare_journals, s.iscsi.lun_gib)


def _site_address(s: Settings, last_host: int) -> Iterator[str]:
    if s.floating_ip is None and last_host < 50:
        yield f"floating_ip: {s.network.cidr} has no host .50; choose a free address in it"
        return
    address = ipaddress.IPv4Address(s.site_address)
    if address not in s.net or address in (s.net.network_address, s.net.broadcast_address):
        yield f"floating_ip: {address} is not a host address of network.cidr {s.network.cidr}"
        return
    last = s.net[min(last_host, max(s.last_host, _FIRST_HOST + limits.MAX_NODES))]
    if address == s.net[1] or s.net[_INSTALLER] <= address <= last:
        yield (
            f"floating_ip: {address} is inside the DHCP range; {s.net[1]} is the gateway, {s.net[_INSTALLER]} to "
            f"{last} belong to the installer, the target and the nodes"
        )
