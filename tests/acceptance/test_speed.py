"""What a plan without changes costs: exchanges with each guest, however many guests there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.acceptance.doubles import DoubledProvider, stack, write_stack

if TYPE_CHECKING:
    from tests.acceptance.conftest import Terraform

# What runs here, and what of it lies on the LUN; for a cluster, for which one member is asked, what is under DLM, too.
MOST_FOR_A_NODE, MOST_FOR_A_CLUSTER, MOST_FOR_THE_TARGET = 2, 3, 1


@pytest.fixture
def provider(lab: DoubledProvider) -> DoubledProvider:
    return lab


@pytest.mark.parametrize("nodes", [3, pytest.param(8, marks=pytest.mark.long)])
def test_a_refresh_asks_each_guest_all_at_once(terraform: Terraform, provider: DoubledProvider, nodes: int) -> None:
    write_stack(terraform, stack(nodes, terraform.folder))
    terraform.apply()
    first = exchanges(terraform, provider)
    again = exchanges(terraform, provider)
    names = {*(f"node{number}" for number in range(1, nodes + 1)), "target"}
    assert set(first) == set(again) == names
    # The first refresh after a deploy learns what to ask; from then on it is known.
    assert max(first.values()) > 3
    # In the middle of the cluster: node1 has the DC and the site, as a rule.
    asked = f"node{nodes // 2 + 1}"
    assert again[asked] <= MOST_FOR_A_NODE + MOST_FOR_A_CLUSTER
    others = {name: count for name, count in again.items() if name != asked}
    assert others == dict.fromkeys(names - {asked}, MOST_FOR_A_NODE) | {"target": MOST_FOR_THE_TARGET}
    print(f"{nodes} nodes: {sum(first.values())} exchanges in the first refresh, then {sum(again.values())}")


def exchanges(terraform: Terraform, provider: DoubledProvider) -> dict[str, int]:
    provider.guests.exchanges.clear()
    assert terraform.plan().actions == {}
    return dict(provider.guests.exchanges)
