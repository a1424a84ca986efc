"""Every attribute of every type against the real terraform: unknown, null, decimals and texts of every kind.

Many resources in one run. What the answers have to be, in detail: tests/unit/provider/test_every_attribute.py.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from halab.provider.registry import ITEMS, RESOURCES
from tests.acceptance.doubles import DoubledProvider
from tests.acceptance.hypervisor import write_image
from tests.attributes import FULL, TEXTS, Slot, put, slots

if TYPE_CHECKING:
    from tests.acceptance.conftest import Terraform

READS_A_TREE = "halab_installed_image"
KINDS = sorted({*ITEMS, *RESOURCES} - {READS_A_TREE})
# Terraform takes minutes to show errors in a large file: the unit test tries texts of 10,000 characters.
SHORT = [text for text in TEXTS.values() if len(text) < 1000]
Cases = dict[tuple[str, str], dict[str, Any]]  # by type and name


@pytest.fixture
def provider(lab: DoubledProvider) -> DoubledProvider:
    return lab


def all_slots(provider: DoubledProvider) -> Iterator[Slot]:
    for kind in KINDS:
        yield from slots(kind, provider.resources[kind](provider).schema)


def write(terraform: Terraform, cases: Cases) -> None:
    resources: dict[str, Any] = {}
    for (kind, name), config in cases.items():
        resources.setdefault(kind, {})[name] = config
    configuration = {
        "resource": resources,
        "provider": {"halab": {"lab": "x", "directory": f"{terraform.folder}/.halab"}},
    }
    # Indented: terraform shows the line of each error, which would be the whole file.
    (terraform.folder / "main.tf.json").write_text(json.dumps(configuration, indent=1))


def refused(terraform: Terraform, cases: Cases) -> set[str]:
    """Addresses of the cases that are refused, each by errors that a person can act on."""
    write(terraform, cases)
    errors = terraform.fails("validate").errors
    assert [error for error in errors if "Bug" in error.summary or not error.address or not error.detail] == []
    return {error.address for error in errors}


@pytest.mark.parametrize("text", SHORT)
def test_texts(terraform: Terraform, provider: DoubledProvider, text: str) -> None:
    cases: Cases = {(kind, "text"): copy.deepcopy(FULL[kind]) for kind in KINDS}
    for slot in all_slots(provider):
        if slot.wire == "string" and slot.way[0] in FULL[slot.kind]:
            put(cases[slot.kind, "text"], slot.way, text)
    told = refused(terraform, cases)
    assert "\0" not in text or told == {f"{kind}.text" for kind in KINDS}


def test_decimals_and_null(terraform: Terraform, provider: DoubledProvider) -> None:
    cases: Cases = {}
    for number, slot in enumerate(all_slots(provider)):
        if slot.whole:
            cases[slot.kind, f"half{number}"] = slot.filled(slot.right + 0.5)
        elif slot.element or slot.attr.required:
            cases[slot.kind, f"null{number}"] = slot.filled(None)
    assert refused(terraform, cases) == {f"{kind}.{name}" for kind, name in cases}


def test_unknown(terraform: Terraform, provider: DoubledProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FULL["halab_image"], "source", str(write_image(terraform.folder / "base")))
    cases: Cases = {}
    for number, slot in enumerate(all_slots(provider)):
        cases["terraform_data", f"at{number}"] = {"input": slot.right}
        cases[slot.kind, f"at{number}"] = slot.filled(f"${{terraform_data.at{number}.output}}")
        if len(slot.way) == 1 and slot.way[0] in FULL[slot.kind]:
            cases.setdefault((slot.kind, "all"), {})[str(slot.way[0])] = f"${{terraform_data.at{number}.output}}"
    write(terraform, cases)
    planned = terraform.plan().actions
    assert {f"{kind}.{name}" for kind, name in cases} <= planned.keys()
    assert {*map(tuple, planned.values())} == {("create",)}
