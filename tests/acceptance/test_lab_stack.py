"""The lab as cdktf synthesizes it, applied by real terraform: doubles of guests, libvirt's test driver."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from halab.provider.registry import ITEMS, RESOURCES
from tests.acceptance.doubles import EMPTY_HYPERVISOR, DoubledProvider, stack, uncovered, write_stack

if TYPE_CHECKING:
    from tests.acceptance.conftest import Outcome, Terraform

NODE1 = "${halab_machine.node1.id}"


@pytest.fixture
def provider(lab: DoubledProvider) -> DoubledProvider:
    return lab


def write(terraform: Terraform, nodes: int) -> None:
    write_stack(terraform, stack(nodes, terraform.folder), uncovered("summit", NODE1))


def ended(outcome: Outcome) -> list[str]:
    """Addresses of the resources that were done with, in this order."""
    lines = [json.loads(line) for line in outcome.text.splitlines() if line.startswith("{")]
    return [line["hook"]["resource"]["addr"] for line in lines if line["type"] == "apply_complete"]


def secrets_in(state: dict[str, dict[str, Any]]) -> set[str]:
    """Values of everything that the state marks as sensitive."""
    return {
        text
        for entry in state.values()
        for name, sensitive in entry["sensitive_values"].items()
        if sensitive is True and isinstance(entry["values"][name], str)
        for text in entry["values"][name].splitlines()
        if len(text) >= 12
    }


def test_the_lab_grows_shrinks_and_goes(terraform: Terraform, provider: DoubledProvider) -> None:
    write(terraform, 3)
    log = terraform.folder / "trace.log"
    terraform.environment |= {"TF_LOG": "TRACE", "TF_LOG_PATH": str(log)}
    made = terraform.apply()
    state = terraform.state()
    assert {entry["type"] for entry in state.values()} == {*RESOURCES, *ITEMS}  # no type is left out
    assert set(provider.guests.count("set").values()) == {1}
    assert len(provider.guests.things()) == sum(entry["type"] in ITEMS for entry in state.values())
    nothing = terraform.plan()
    assert nothing.actions == {}

    secrets = secrets_in(state) | private_key_lines(terraform.folder / "lab/.halab/id_ed25519")
    assert len(secrets) > 8
    for text in (log.read_text(errors="replace"), made.text, nothing.text, nothing.outcome.text):
        assert not [secret for secret in secrets if secret in text]
    for name in ("TF_LOG", "TF_LOG_PATH"):
        del terraform.environment[name]

    _grow(terraform)
    _shrink(terraform, provider)

    terraform.destroy()
    assert terraform.state() == {}
    assert provider.hypervisor_holds() == EMPTY_HYPERVISOR
    assert [kind for kind, _ in provider.guests.left()] == []


def private_key_lines(path: Path) -> set[str]:
    return {line for line in path.read_text().splitlines() if not line.startswith("-----")}


def changed(plan_changes: dict[str, dict[str, Any]], action: str) -> set[str]:
    return {address for address, change in plan_changes.items() if change["actions"] == [action]}


def _grow(terraform: Terraform) -> None:
    write(terraform, 4)
    plan = terraform.plan()
    print(json.dumps({a: c["actions"] for a, c in plan.changes.items()}, indent=1))
    terraform.apply()
    assert terraform.plan().actions == {}


def _shrink(terraform: Terraform, provider: DoubledProvider) -> None:
    write(terraform, 3)
    plan = terraform.plan()
    print(json.dumps({a: c["actions"] for a, c in plan.changes.items()}, indent=1))
    order = ended(terraform.apply())
    print(order)
    assert terraform.plan().actions == {}
