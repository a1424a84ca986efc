"""Import: what is there comes back into an empty state, by the ids that the state had shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from halab.provider.local.secret import imported_secret
from halab.provider.registry import ITEMS, RESOURCES
from halab.provider.run.files import write_private
from halab.provisioners.engine.command import Command, Result
from tests.acceptance.doubles import DoubledProvider
from tests.acceptance.guests import MEMBER, Guest

if TYPE_CHECKING:
    from tests.acceptance.conftest import Terraform

# These name an object by what libvirt shows, not by what the state has as `id`.
BY_NAME = {"halab_network": "name", "halab_pool": "name", "halab_machine": "name", "halab_ssh_key": "name"}
ELSEWHERE = {"halab_installed_image"}  # the lab has none; its own tests are test_installed_image.py's
# What cannot be read back is set by the next apply.
SET_AGAIN = {
    "halab_fencing_endpoint": {"password"},
    "halab_image": {"source"},
    "halab_stonith": {"machine"},
    "halab_iscsi_acl": {"node"},
    "halab_cluster": {"hypervisor", "token_ms"},  # the token that followed from the one is read as the other
}


def id_of(entry: dict[str, Any]) -> str:
    values = entry["values"]
    if entry["type"] == "halab_volume":
        return f"{values['pool']}/{values['name']}"
    return str(values[BY_NAME.get(entry["type"], "id")])


def forget(state_file: Path) -> None:
    """Take everything out of a state."""
    state_file.write_text(json.dumps({**json.loads(state_file.read_text()), "resources": []}))


def answer(guest: Guest, command: Command) -> Result | None:
    """A member's answers to an import of its cluster."""
    if command.argv == ("true",):
        return Result(command, 0, "", "")
    if "/etc/corosync/corosync.conf" not in command.argv:
        return None
    texts = [json.loads(t) for (kind, _), t in guest.guests.machines[guest.key].items() if kind == MEMBER]
    files = [texts[0][name] for name in ("corosync_conf", "corosync_authkey", "pacemaker_authkey")]
    return Result(command, 0, "".join(f"+{text}\0" for text in files), "")


def test_import_of_every_type(deployed: tuple[Terraform, DoubledProvider], monkeypatch: pytest.MonkeyPatch) -> None:
    terraform, provider = deployed
    monkeypatch.setattr(provider.guests, "answer", answer)
    before = terraform.state()
    entries = dict(before)
    assert {entry["type"] for entry in entries.values()} == {*ITEMS, *RESOURCES} - ELSEWHERE
    blocks = [f'import {{\n  to = {address}\n  id = "{id_of(entry)}"\n}}\n' for address, entry in entries.items()]
    (terraform.folder / "imports.tf").write_text("".join(blocks))
    for entry in entries.values():
        if entry["type"] == "halab_secret":
            file = imported_secret(provider.folder, entry["values"]["name"])
            write_private(file, entry["values"]["value"] + "\n")
    forget(terraform.folder / "terraform.tfstate")

    plan = terraform.plan()
    planned = {entry["address"]: entry["change"] for entry in plan.document["resource_changes"]}
    assert {address for address, change in planned.items() if "importing" in change} == {*entries}
    differing = {
        address: {name for name, value in change["after"].items() if value != change["before"][name]}
        for address, change in plan.changes.items()
    }
    one_for_all = {"halab_stonith.fence_sbd"}  # it belongs to no machine
    assert differing == {
        a: SET_AGAIN[e["type"]] for a, e in entries.items() if e["type"] in SET_AGAIN and a not in one_for_all
    }
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
        ("halab_secret.pcsd_token", "not-there", "Write the value of not-there into"),
        ("halab_secret.pcsd_token", "../id_ed25519", "is no name of a secret"),
        ("halab_cluster.cluster", "other", "No machine that runs bears the name of the cluster 'other'"),
        ("halab_ssh_config.ssh_config", "/etc/passwd", "The id is"),
        ("halab_fencing_level.node1_level1", "summit:node1:x", "'x' is no level"),
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
