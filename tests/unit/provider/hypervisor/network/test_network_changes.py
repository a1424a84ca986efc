"""A network that is there, on libvirt's test driver: what a change does to it, and what of others is left out."""

from __future__ import annotations

from typing import Any

import libvirt
import pytest

from halab.provider.hypervisor.network import network
from halab.provider.hypervisor.network.network import NetworkResource
from halab.provider.protocol import Ctx, State
from tests.unit.provider.hypervisor.conftest import Configured
from tests.unit.provider.hypervisor.test_resources import HOSTS, NETWORK, create, networks, planned

__all__ = ["networks"]
NODE2 = {"name": "node2", "mac": "52:54:00:aa:00:02", "address": "10.17.0.12"}
RANGE = {"dhcp_start": "10.17.0.100", "dhcp_end": "10.17.0.120"}
ADD, LIVE = libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE


def update(networks: NetworkResource, prior: State, config: State) -> State:
    return networks.update(Ctx(), prior, planned(networks, config, prior), config)


def test_a_change_takes_effect_and_is_what_a_plan_sees_after_it(networks: NetworkResource) -> None:
    state = create(networks, NETWORK)
    for config in (
        {**NETWORK, "hosts": [*HOSTS, NODE2], "active": True},
        {**NETWORK, "hosts": [NODE2], **RANGE, "active": True},
        {**NETWORK, "hosts": [NODE2], **RANGE, "active": False},
        {**NETWORK, "hosts": [NODE2], **RANGE, "active": True},
    ):
        state = update(networks, state, config)
        assert {name: state[name] for name in config} == config
        assert networks.read(Ctx(), state) == state


def test_a_network_that_is_to_be_down_is_not_left_up(networks: NetworkResource, provider: Configured) -> None:
    create(networks, {**NETWORK, "active": False})
    assert not provider.connection.libvirt.networkLookupByName("summit").isActive()


def test_what_was_begun_is_known_before_it_is_up(networks: NetworkResource, monkeypatch: pytest.MonkeyPatch) -> None:
    """A create that fails then has made something, which Terraform is not to forget."""
    monkeypatch.setattr(network, "_update", lambda *_: (_ for _ in ()).throw(RuntimeError("it broke")))
    ctx = Ctx()
    with pytest.raises(RuntimeError, match="it broke"):
        networks.create(ctx, planned(networks, NETWORK), NETWORK)
    assert ctx.saved is not None
    assert (ctx.saved["name"], bool(ctx.saved["id"])) == ("summit", True)


def test_what_somebody_else_added_is_no_difference(networks: NetworkResource, provider: Configured) -> None:
    state = create(networks, NETWORK)
    found: Any = provider.connection.libvirt.networkLookupByName("summit")
    theirs = "<host mac='52:54:00:00:00:77' name='printer' ip='10.17.0.77'/>"
    dynamic = "<range start='10.17.0.200' end='10.17.0.210'/>"
    names = "<host ip='10.17.0.77'><hostname>printer</hostname></host>"
    for section, xml in (
        (libvirt.VIR_NETWORK_SECTION_IP_DHCP_HOST, theirs),
        (libvirt.VIR_NETWORK_SECTION_IP_DHCP_RANGE, dynamic),
        (libvirt.VIR_NETWORK_SECTION_DNS_HOST, names),
    ):
        found.update(ADD, section, -1, xml, LIVE)
    assert "printer" in found.XMLDesc()
    assert networks.read(Ctx(), state) == state


def test_a_range_that_will_not_be_there_after_a_restart_shows(
    networks: NetworkResource, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = create(networks, {**NETWORK, **RANGE})
    assert networks.read(Ctx(), state) == state
    current = network._current_xml
    monkeypatch.setattr(network, "stored_xml", lambda found: current(found).replace("10.17.0.120", "10.17.0.110"))
    assert networks.read(Ctx(), state) == {**state, "dhcp_start": None, "dhcp_end": None}
