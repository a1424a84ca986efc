"""libvirt decides what exists: machines that are off, gone, or running but mute, and what was configured in them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from halab.provider.guests import mute
from halab.provider.registry import ITEMS
from halab.provisioners.engine.command import Command, Result
from halab.provisioners.engine.errors import ConnectError, HostKeyError
from tests.acceptance.doubles import EMPTY_HYPERVISOR, DoubledProvider, one_machine
from tests.acceptance.guests import Guest

if TYPE_CHECKING:
    from tests.acceptance.conftest import Terraform

Deployed = tuple["Terraform", DoubledProvider]


@pytest.fixture
def provider(lab: DoubledProvider) -> DoubledProvider:
    return lab


@pytest.fixture
def small(terraform: Terraform, provider: DoubledProvider) -> Iterator[Deployed]:
    """A machine with a file on it."""
    file = 'resource "halab_file" "motd" {\n machine = halab_machine.one.id\n path = "/etc/motd"\n content = "hi"\n}'
    terraform.write(one_machine(terraform.folder) + file)
    terraform.apply()
    yield terraform, provider
    provider.guests.mute.clear()


def test_off(deployed: Deployed) -> None:
    terraform, provider = deployed
    before = terraform.state()
    for name in ("node1", "target"):
        provider.domain(name).destroy()
    plan = terraform.plan()
    assert plan.actions == {key: ["update"] for key in ("halab_machine.node1", "halab_machine.target")}
    change = plan.changes["halab_machine.node1"]
    assert {n for n, v in change["after"].items() if v != change["before"][n]} == {"running"}
    terraform.apply()
    assert terraform.plan().actions == {}
    assert {a: e["values"] for a, e in terraform.state().items()} == {a: e["values"] for a, e in before.items()}


def test_machines_come_up_with_the_host_unless_they_are_to_be_off(small: Deployed) -> None:
    terraform, provider = small
    domain = provider.domain("one")
    assert domain.autostart()
    domain.setAutostart(False)
    plan = terraform.plan()
    change = plan.changes["halab_machine.one"]
    assert {n for n, v in change["after"].items() if v != change["before"][n]} == {"autostart"}
    terraform.apply()
    assert domain.autostart()
    assert domain.isActive(), "it was not switched off for that"
    off = one_machine(terraform.folder).replace('hostname       = "one"', 'hostname = "one"\n running = false', 1)
    assert "running = false" in off
    terraform.write(off)
    terraform.apply()
    assert not domain.autostart()
    assert terraform.plan().actions == {}


def test_off_while_its_files_go(small: Deployed) -> None:
    terraform, provider = small
    provider.domain("one").destroy()
    outcome = terraform.destroy()
    assert [report.severity for report in outcome.reported] == ["warning"]
    assert "halab_file" in outcome.reported[0].summary
    assert "powered off" in outcome.reported[0].detail
    assert provider.hypervisor_holds() == EMPTY_HYPERVISOR


def test_gone(deployed: Deployed) -> None:
    terraform, provider = deployed
    domain = provider.domain("node1")
    domain.destroy()
    domain.undefine()
    plan = terraform.plan()
    state = terraform.state()
    lost = {
        address
        for address, entry in state.items()
        if entry["type"] in ITEMS and entry["values"].get("machine") in (None, "", domain_id(state))
    } - {"halab_sbd_disk.sbd_header"}  # it is on a LUN, and changed in place once another machine is there
    made = {address for address, actions in plan.actions.items() if actions == ["create"]}
    # The only node of the cluster: all that was in the cluster is gone with it.
    assert made == {"halab_machine.node1", *lost}
    assert {a for a in plan.actions if a.startswith("halab_volume")} == set()
    terraform.apply()
    assert terraform.plan().actions == {}


def domain_id(state: dict[str, dict[str, object]]) -> str:
    values = state["halab_machine.node1"]["values"]
    assert isinstance(values, dict)
    return str(values["id"])


def test_a_mute_machine_is_named_and_waited_for(small: Deployed) -> None:
    """Its cluster may be fencing it, or it boots."""
    terraform, provider = small
    provider.guests.mute = {"one"}
    plan = terraform.plan()
    assert plan.actions == {"halab_file.motd": ["update"]}
    assert plan.changes["halab_file.motd"]["after_unknown"] == {"id": True}
    (told,) = plan.outcome.reported
    assert (told.severity, told.summary) == ("warning", "one runs but does not answer")
    assert "reset it" in told.detail
    drifts = threading.Timer(1, lambda: _answers_again(provider))
    drifts.start()
    terraform.apply()
    assert terraform.plan().actions == {}
    (text,) = [text for thing, text in provider.guests.things().items() if thing[0] == "halab_file"]
    assert json.loads(text)["content"] == "hi", "what differed by then was put right"


def _answers_again(provider: DoubledProvider) -> None:
    (motd,) = [thing for thing in provider.guests.things() if thing[0] == "halab_file"]
    provider.guests.drift(motd, content="by hand")
    provider.guests.mute = set()


def test_a_machine_that_stays_mute_fails_the_apply_after_what_could_be_reached(
    small: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    terraform, provider = small
    monkeypatch.setattr(mute, "_BOOT_S", 1.0)
    provider.connection.libvirt.networkLookupByName("small").destroy()
    provider.guests.mute = {"one"}
    error = terraform.fails("apply", "-auto-approve").error
    assert (error.summary, error.address) == ("one runs but does not answer", "halab_file.motd")
    assert "It was waited for" in error.detail
    assert provider.connection.libvirt.networkLookupByName("small").isActive()


def test_a_paused_machine_is_called_so(small: Deployed) -> None:
    terraform, provider = small
    provider.domain("one").suspend()
    error = terraform.fails("plan").error
    assert (error.summary, error.address) == ("one is paused by hand", "halab_file.motd")
    assert "virsh resume" in error.detail
    assert provider.guests.mute == set()  # it was not asked
    provider.domain("one").resume()
    assert terraform.plan().actions == {}


def test_a_machine_that_is_paused_meanwhile_is_called_so(small: Deployed) -> None:
    terraform, provider = small

    def answer(_guest: Guest, _command: Command) -> Result | None:
        provider.domain("one").suspend()
        raise ConnectError("one: the connection broke")

    provider.guests.answer = answer
    assert terraform.fails("plan").error.summary == "one is paused by hand"
    provider.guests.answer = lambda *_: None
    provider.domain("one").resume()
    assert terraform.plan().actions == {}


def test_a_changed_host_key_fails_the_plan_with_the_remedy(small: Deployed) -> None:
    terraform, provider = small

    def answer(guest: Guest, _command: Command) -> Result | None:
        raise HostKeyError(f"{guest.name} shows another host key than the pinned one", "Replace its machine resource.")

    provider.guests.answer = answer
    error = terraform.fails("plan").error
    assert error.summary == "one shows another host key than the pinned one"
    assert "Replace its machine resource" in error.detail
    # The remedy: the old one need not be asked.
    assert terraform.plan("-replace=halab_machine.one").actions["halab_machine.one"] == ["delete", "create"]
    provider.guests.answer = lambda *_: None
    assert terraform.plan().actions == {}


def test_a_mute_machine_is_told_once_and_not_by_each_of_its_resources(
    terraform: Terraform, provider: DoubledProvider
) -> None:
    file = 'resource "halab_file" "f{0}" {{\n machine = halab_machine.one.id\n path = "/{0}"\n content = "hi"\n}}\n'
    terraform.write(one_machine(terraform.folder) + "".join(file.format(number) for number in range(5)))
    terraform.apply()
    provider.guests.mute = {"one"}
    for _ in range(2):
        assert [report.summary for report in terraform.plan().outcome.reported] == ["one runs but does not answer"]


def test_mute_is_cured_by_a_new_machine(small: Deployed) -> None:
    terraform, provider = small
    provider.guests.mute = {"one"}
    replaced = {"halab_machine.one": ["delete", "create"], "halab_file.motd": ["delete", "create"]}
    assert terraform.plan("-replace=halab_machine.one").actions == replaced


def test_mute_does_not_keep_a_destroy(small: Deployed) -> None:
    terraform, provider = small
    provider.guests.mute, provider.destroying = {"one"}, True
    outcome = terraform.destroy()
    assert {report.severity for report in outcome.reported} == {"warning"}
    uuid = provider.guests.left()[0][1]
    assert outcome.reported[-1].summary == f"halab_file {uuid} was left as it is"
    assert provider.hypervisor_holds() == EMPTY_HYPERVISOR
    assert terraform.state() == {}


def test_what_was_removed_below_a_machine_is_made_anew(small: Deployed) -> None:
    terraform, provider = small
    virt = provider.connection.libvirt
    network = virt.networkLookupByName("small")
    network.destroy()
    network.undefine()
    provider.folder.private_key.unlink()
    virt.storageVolLookupByPath(terraform.resource("halab_image.image")["kernel"]).delete()
    virt.storageVolLookupByPath(terraform.resource("halab_volume.disk")["path"]).delete()
    actions = terraform.plan().actions
    for address in ("halab_network.net", "halab_ssh_key.key", "halab_image.image", "halab_volume.disk"):
        assert actions[address] == ["create"]
    assert actions["halab_machine.one"] == ["delete", "create"]  # its disk is another one
    terraform.apply()
    assert terraform.plan().actions == {}
