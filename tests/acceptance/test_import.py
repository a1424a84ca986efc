"""Import: what is there comes back into an empty state, by the ids that the state had shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from halab.provider.registry import ITEMS, RESOURCES
from tests.acceptance.doubles import DoubledProvider

if TYPE_CHECKING:
    from tests.acceptance.conftest import Terraform

# Their values are in the state and nowhere else, or (ssh_config) a new one replaces it.
NOT_IMPORTABLE = {"halab_secret", "halab_cluster", "halab_ssh_config"}
# These name an object by what libvirt shows, not by what the state has as `id`.
BY_NAME = {"halab_network": "name", "halab_pool": "name", "halab_machine": "name", "halab_ssh_key": "name"}
# What cannot be read back is set by the next apply.
SET_AGAIN = {
    "halab_fencing_endpoint": {"password"},
    "halab_image": {"source"},
    "halab_stonith": {"machine"},
    "halab_iscsi_acl": {"node"},
}


def id_of(entry: dict[str, Any]) -> str:
    values = entry["values"]
    if entry["type"] == "halab_volume":
        return f"{values['pool']}/{values['name']}"
    return str(values[BY_NAME.get(entry["type"], "id")])


def forget(state_file: Path) -> None:
    """Take everything out of a state that can be imported."""
    state = json.loads(state_file.read_text())
    state["resources"] = [entry for entry in state["resources"] if entry["type"] in NOT_IMPORTABLE]
    state_file.write_text(json.dumps(state))


def test_import_of_every_type(deployed: tuple[Terraform, DoubledProvider]) -> None:
    terraform, provider = deployed
    before = terraform.state()
    entries = {a: e for a, e in before.items() if e["type"] not in NOT_IMPORTABLE}
    assert {entry["type"] for entry in entries.values()} | NOT_IMPORTABLE == {*ITEMS, *RESOURCES}
    blocks = [f'import {{\n  to = {address}\n  id = "{id_of(entry)}"\n}}\n' for address, entry in entries.items()]
    (terraform.folder / "imports.tf").write_text("".join(blocks))
    forget(terraform.folder / "terraform.tfstate")

    plan = terraform.plan()
    planned = {entry["address"]: entry["change"] for entry in plan.document["resource_changes"]}
    assert {address for address, change in planned.items() if "importing" in change} == {*entries}
    differing = {
        address: {name for name, value in change["after"].items() if value != change["before"][name]}
        for address, change in plan.changes.items()
    }
    assert differing == {a: SET_AGAIN[e["type"]] for a, e in entries.items() if e["type"] in SET_AGAIN}
    assert {address for address, actions in plan.actions.items() if actions != ["update"]} == set()
    done = len(provider.guests.done)
    terraform.apply()
    assert provider.guests.done[done:] == []
    (terraform.folder / "imports.tf").unlink()
    assert terraform.plan().actions == {}
    assert {a: e["values"] for a, e in terraform.state().items()} == {a: e["values"] for a, e in before.items()}


@pytest.mark.parametrize(
    ("address", "id", "words"),
    [
        ("halab_service.cron", "11111111-2222-4333-8444-555555555555", "The id is machine:name"),
        ("halab_order.ping_then", "summit:a:b", 'There is no halab_order "summit:a:b"'.replace('"', "'")),
        ("halab_network.network", "nothing", "there is no network 'nothing'"),
        ("halab_network.network", "theirs", "was not made by halab"),
        ("halab_ssh_key.ssh_key", "nothing", "There is no private key at"),
        ("halab_secret.pcsd_token", "pcsd-token", "cannot be imported"),
    ],
)
def test_import_that_fails(deployed: tuple[Terraform, DoubledProvider], address: str, id: str, words: str) -> None:
    terraform, _ = deployed
    state = terraform.folder / "terraform.tfstate"
    kept = state.read_text()
    terraform.run("state", "rm", address)
    outcome = terraform.fails("import", "-input=false", "-no-color", address, id)
    state.write_text(kept)
    assert words in " ".join(outcome.text.replace("│", " ").split())
