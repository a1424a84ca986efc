"""The table of phases is an order, and what the constructs make follows it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from halab.constructs import bindings
from halab.constructs.cdk import TerraformStack
from halab.constructs.phases import TABLE, Container, Phase, Phases
from tests.unit.constructs.synthesized import app_of_tests

_CHECKOUT = Path(__file__).resolve().parents[3]


def _secret(name: str) -> bindings.Secret:
    return bindings.Secret(TerraformStack(app_of_tests(), name), name, name=name, length=16)


def test_a_phase_waits_for_earlier_ones_only() -> None:
    order = list(Phase)
    assert list(TABLE) == order
    for phase, line in TABLE.items():
        assert all(order.index(earlier) < order.index(phase) for earlier in line.after), phase


def test_what_is_in_a_phase_waits_for_all_of_the_phases_before_it() -> None:
    phases = Phases()
    members, extra = [_secret("one"), _secret("two")], _secret("three")
    phases.add(Phase.MEMBERS, *members, node="node1")
    phases.contain(Container.CLUSTER, "halab_cluster.c.incarnation")
    order = phases.order(Phase.LOCKING, also=[extra], inside=[extra])
    assert order["depends_on"] == [extra, *members]
    assert order["lifecycle"] is not None
    assert order["lifecycle"].replace_triggered_by == ["halab_cluster.c.incarnation", "halab_secret.three.id"]
    assert phases.order(Phase.NODES) == {"depends_on": [], "lifecycle": None}
    assert (phases.own("node1"), phases.own("node2")) == (tuple(members), ())


@pytest.mark.parametrize("phase", Phase)
def test_the_documented_table_is_the_one_that_is_used(phase: Phase) -> None:
    text = (_CHECKOUT / "docs/extending.md").read_text()
    line, rows = TABLE[phase], dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE))
    after = ", ".join(f"`{earlier.name}`" for earlier in line.after) or "-"
    inside = ", ".join(container.value for container in line.inside) or "-"
    assert rows[phase.name] == f"{line.made} | {after} | {inside}"
