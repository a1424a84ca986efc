"""halab_network: a NAT or isolated network with DHCP reservations and DNS."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from halab.provider.hypervisor.checks import bridge_name, mac_address, network_cidr, object_name
from halab.provider.hypervisor.connection import refuse_foreign
from halab.provider.hypervisor.mark import Mark
from halab.provider.hypervisor.network.network_xml import (
    NetworkHost,
    NetworkSpec,
    gateway,
    network_changes,
    network_xml,
    parse_network,
)
from halab.provider.hypervisor.network.rules import problems
from halab.provider.hypervisor.removal import remove_domains, remove_network
from halab.provider.hypervisor.resource import LibvirtResource, kept
from halab.provider.protocol import BOOL, STR, UNKNOWN, Attr, Block, Ctx, State
from halab.provisioners.engine import limits
from halab.provisioners.engine.errors import Conflict


class NetworkResource(LibvirtResource):
    """One libvirt network. Its import id is its name."""

    type = "halab_network"
    named_by = ("name",)
    phase, noun = "network", "network"
    schema = Block(
        doc="A libvirt network with one IPv4 subnet, DHCP reservations and DNS for the lab's machines.",
        attrs={
            "id": Attr(STR, computed=True, stable=True, doc="UUID."),
            "name": Attr(
                STR, required=True, replace=True, validators=(object_name,), doc="libvirt's name of the network."
            ),
            "cidr": Attr(
                STR,
                required=True,
                replace=True,
                validators=(network_cidr,),
                doc="IPv4 subnet, for example 10.17.0.0/24.",
            ),
            "mode": Attr(
                STR,
                default="nat",
                replace=True,
                validators=(limits.one_of("nat", "isolated"),),
                doc="nat: machines reach the outside through the hypervisor; isolated: they do not.",
            ),
            "domain": Attr(
                STR, optional=True, replace=True, validators=(limits.dns_domain,), doc="DNS domain of the machines."
            ),
            "bridge": Attr(
                STR,
                optional=True,
                computed=True,
                stable=True,
                replace=True,
                validators=(bridge_name,),
                doc="Name of the bridge on the hypervisor; libvirt chooses if not given.",
            ),
            "hosts": Attr(
                optional=True,
                nesting="list",
                doc="DHCP reservations; short and long name resolve. Changed while in use.",
                nested={
                    "name": Attr(STR, required=True, validators=(limits.dns_label,), doc="Short host name."),
                    "mac": Attr(STR, required=True, validators=(mac_address,), doc="MAC address of the machine."),
                    "address": Attr(STR, required=True, validators=(limits.ipv4,), doc="IPv4 address it gets."),
                },
            ),
            "dhcp_start": Attr(
                STR, optional=True, validators=(limits.ipv4,), doc="First address for machines without a reservation."
            ),
            "dhcp_end": Attr(
                STR, optional=True, validators=(limits.ipv4,), doc="Last address for machines without a reservation."
            ),
            "active": Attr(BOOL, default=True, doc="Whether the network is up."),
            "gateway": Attr(STR, computed=True, stable=True, doc="The hypervisor's own address in it."),
        },
    )

    def validate(self, ctx: Ctx, cfg: State) -> None:
        for path, problem in problems(cfg):
            ctx.error("Invalid network", problem, path)

    def plan(self, ctx: Ctx, cfg: State, prior: State | None, planned: State | None) -> None:
        del ctx, cfg, prior
        if planned is not None and isinstance(planned["cidr"], str):
            planned["gateway"] = gateway(planned["cidr"])

    def make(self, ctx: Ctx, planned: State) -> State:
        wanted = _spec(planned)
        network = self.connection.network(wanted.name)
        if network is not None:
            self._compatible(network, wanted)
        self.provider.ledger.begin(self, planned, found=network is not None)
        if network is None:
            network = self.connection.libvirt.networkDefineXML(network_xml(wanted, Mark(lab=self.provider.lab)))
        now = self._compatible(network, wanted)
        planned["id"] = network.UUIDString()
        ctx.save(_state(planned, now, planned["active"]))
        network.setAutostart(True)
        return self._settle(network, planned)

    def look(self, ctx: Ctx, state: State) -> State | None:
        del ctx
        network = self.connection.network_by_uuid(state["id"])
        if network is None:
            return None
        return _state(state, _found(network), bool(network.isActive()))

    def change(self, ctx: Ctx, prior: State, planned: State) -> State:
        del ctx
        network = self.connection.libvirt.networkLookupByUUIDString(prior["id"])
        return self._settle(network, planned, _spec(prior))

    def remove(self, ctx: Ctx, state: State) -> None:
        del ctx
        network = self.connection.network_by_uuid(state["id"])
        if network is not None:
            # Whatever of this lab still hangs on it was left by a killed run: Terraform removes its own machines first.
            remove_domains(self.connection, self.provider.lab, lambda spec: spec.network == network.name())
            remove_network(network)

    def adopt(self, name: str) -> State | None:
        network = self.connection.network(name)
        if network is None:
            return None
        now, mark = parse_network(network.XMLDesc())
        refuse_foreign("network", name, mark, self.provider.lab, "Only this lab's networks can be imported.")
        return _state({"id": network.UUIDString()}, now, bool(network.isActive()))

    def _compatible(self, network: Any, wanted: NetworkSpec) -> NetworkSpec:
        """The network as it is. Raises Conflict if it is not this lab's, or differs in what cannot be changed."""
        now, mark = parse_network(network.XMLDesc())
        remedy = (
            f"Choose another name, or remove it: virsh net-destroy {wanted.name}; virsh net-undefine {wanted.name}."
        )
        refuse_foreign("network", wanted.name, mark, self.provider.lab, remedy)
        for field in ("cidr", "mode", "domain", *(("bridge",) if wanted.bridge else ())):
            is_, should = getattr(now, field), getattr(wanted, field)
            if is_ != should:
                raise Conflict(
                    f"this lab left a network {wanted.name!r} with another {field}",
                    f"It has {is_!r}, wanted is {should!r}. {remedy}",
                    field,
                )
        return now

    def _settle(self, network: Any, planned: State, before: NetworkSpec | None = None) -> State:
        """Bring reservations and activity to what is planned."""
        _update(network, _spec(planned), before)
        active = bool(network.isActive())
        if planned["active"] and not active:
            network.create()
        elif active and not planned["active"]:
            network.destroy()
        return _state(planned, _found(network), bool(network.isActive()))


def _update(network: Any, wanted: NetworkSpec, before: NetworkSpec | None) -> None:
    """Change reservations, names and the dynamic range, in the definition and in the running network."""
    import libvirt

    commands = {"add": libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, "delete": libvirt.VIR_NETWORK_UPDATE_COMMAND_DELETE}
    sections = {
        "host": libvirt.VIR_NETWORK_SECTION_IP_DHCP_HOST,
        "range": libvirt.VIR_NETWORK_SECTION_IP_DHCP_RANGE,
        "dns": libvirt.VIR_NETWORK_SECTION_DNS_HOST,
    }
    places = [(stored_xml, libvirt.VIR_NETWORK_UPDATE_AFFECT_CONFIG)]
    if network.isActive():
        places.append((_current_xml, libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE))
    for xml, affect in places:  # somebody may have changed only one of them
        for change in network_changes(xml(network), wanted, before):
            network.update(commands[change.command], sections[change.section], -1, change.xml, affect)


def _current_xml(network: Any) -> str:
    return str(network.XMLDesc())


def stored_xml(network: Any) -> str:
    """What the network will be when it is started the next time."""
    import libvirt

    return str(network.XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE))


def _found(network: Any) -> NetworkSpec:
    """The network as it is; a reservation or range that its definition or the running network lacks is missing."""
    now, _mark = parse_network(_current_xml(network))
    if not network.isActive():
        return now
    defined, _mark = parse_network(stored_xml(network))
    now = replace(now, hosts=tuple(host for host in now.hosts if host in defined.hosts))
    same = (now.dhcp_start, now.dhcp_end) == (defined.dhcp_start, defined.dhcp_end)
    return now if same else replace(now, dhcp_start="", dhcp_end="")


def _spec(planned: State) -> NetworkSpec:
    bridge = planned["bridge"]
    return NetworkSpec(
        name=planned["name"],
        cidr=planned["cidr"],
        mode=planned["mode"],
        domain=planned["domain"] or "",
        bridge="" if bridge is UNKNOWN else bridge or "",
        hosts=tuple(_host(host) for host in planned["hosts"] or ()),
        dhcp_start=planned["dhcp_start"] or "",
        dhcp_end=planned["dhcp_end"] or "",
    )


def _host(host: State) -> NetworkHost:
    return NetworkHost(host["name"], host["mac"].lower(), host["address"])


def _state(base: State, now: NetworkSpec, active: bool) -> State:
    """`base` with what is observed, in the user's spelling where that means the same; what others added is left out."""
    imported = "hosts" not in base
    declared = tuple(_host(host) for host in base.get("hosts") or ())
    hosts = [host for host in now.hosts if imported or host.concerns(declared)]
    observed = [{"name": host.name, "mac": host.mac, "address": host.address} for host in hosts]
    ranged = imported or base.get("dhcp_start")
    return {
        **base,
        "name": now.name,
        "cidr": now.cidr,
        "mode": now.mode,
        "domain": now.domain or None,
        "bridge": now.bridge,
        "hosts": kept(base.get("hosts"), observed or None, _as_set),
        "dhcp_start": (now.dhcp_start or None) if ranged else None,
        "dhcp_end": (now.dhcp_end or None) if ranged else None,
        "active": active,
        "gateway": gateway(now.cidr) if now.cidr else "",
    }


def _as_set(hosts: list[State] | None) -> set[NetworkHost]:
    return {_host(host) for host in hosts or ()}
