"""A cluster that a person built with pcs: exported, imported, and the plan is empty."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from halab.cli.export import head, write
from halab.provider.export.look import Look
from tests.acceptance import handmade
from tests.acceptance.doubles import DoubledProvider, one_machine

if TYPE_CHECKING:
    from halab.provisioners.engine.command import Command, Result
    from tests.acceptance.conftest import Terraform
    from tests.acceptance.guests import Guest


@pytest.fixture
def provider(lab: DoubledProvider) -> DoubledProvider:
    made = DoubledProvider(*handmade.REAL)
    made.guests.answer = handmade.answer
    return made


def machines(terraform: Terraform) -> None:
    """The machine that the person installed the cluster on."""
    terraform.write(
        one_machine(terraform.folder)
        .replace('hostname       = "one"', 'hostname = "node1"\n  cluster = "hand"')
        .replace('lab        = "small"', 'lab = "small"')
    )
    terraform.apply()


def exported(provider: DoubledProvider, folder: Path) -> Look:
    look = Look(provider, "hand")
    configuration = look.run()
    write(configuration, folder, head("small", provider.folder.path, None, look.left_alone), provider.folder.path)
    return look


def planned(plan: Any) -> dict[str, list[str]]:
    return {entry["address"]: entry["change"]["actions"] for entry in plan.document["resource_changes"]}


def test_the_plan_after_an_export_is_empty(terraform: Terraform, provider: DoubledProvider, tmp_path: Path) -> None:
    from tests.acceptance.conftest import Terraform as Runner

    machines(terraform)
    target = tmp_path / "exported"
    look = exported(provider, target)
    assert {note.what for note in look.left_alone} == {
        "pcsd on node1",
        "rsc_defaults in the CIB",
        "attributes of the node node1",
    }
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in target.iterdir())

    runner = Runner(target, provider.address, terraform.environment)
    (target / "versions.tf.json").unlink()
    assert runner.start("fmt", "-check", "-diff").wait().text == ""
    plan = runner.plan()
    imported = {e["address"] for e in plan.document["resource_changes"] if "importing" in e["change"]}
    assert len(imported) == len(look.configuration.entries) == 12
    assert set(map(tuple, planned(plan).values())) == {("no-op",)}
    runner.apply()
    assert runner.run("plan", "-detailed-exitcode").status == 0
    state = runner.state()
    assert state["halab_cluster_member.node1"]["values"]["enabled"] is False
    assert state["halab_cluster_member.node1"]["values"]["late_start"] is False  # nobody is given it unasked
    assert state["halab_cluster_member.node1"]["values"]["corosync_conf"] == handmade.corosync_conf()
    assert [op["name"] for op in state["halab_primitive.dummy"]["values"]["operations"]][:3] == [
        "migrate_from",
        "migrate_to",
        "monitor",
    ]
    assert state["halab_primitive.dummy"]["values"]["bans"] == ["cli-ban-dummy-on-node1"]
    assert json.dumps(state["halab_clone.prom_clone"]["values"]["meta"]) == '{"promotable": "true"}'


_ADDED = {"pcmk_reboot_action": "off", "pcmk_host_check": "static-list", "pcmk_host_argument": "none", "plug": "7"}


def _with_ways_of_its_own(guest: Guest, command: Command) -> Result | None:
    """The device fences by parameters that show in a plan when nobody declares them."""
    said = handmade.answer(guest, command)
    pairs = "".join(f'<nvpair id="own-{name}" name="{name}" value="{value}"/>' for name, value in _ADDED.items())
    home = '<instance_attributes id="fence-a-instance_attributes">'
    return said and replace(said, stdout=said.stdout.replace(home, home + pairs))


def test_a_device_that_fences_in_its_own_way_is_exported_as_it_is(
    terraform: Terraform, provider: DoubledProvider, tmp_path: Path
) -> None:
    from tests.acceptance.conftest import Terraform as Runner

    provider.guests.answer = _with_ways_of_its_own
    machines(terraform)
    target = tmp_path / "exported"
    exported(provider, target)
    runner = Runner(target, provider.address, terraform.environment)
    (target / "versions.tf.json").unlink()
    plan = runner.plan()
    assert set(map(tuple, planned(plan).values())) == {("no-op",)}
    (device,) = (e for e in plan.document["resource_changes"] if e["type"] == "halab_stonith")
    assert _ADDED.items() <= device["change"]["after"]["params"].items()
