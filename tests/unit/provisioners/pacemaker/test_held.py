"""What was set by hand on the whole cluster is told, with the remedy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from halab.provisioners.pacemaker.held import held, held_by_default
from halab.provisioners.pacemaker.status import parse_status
from tests.unit.provisioners.pacemaker.samples import cib
from tests.unit.provisioners.pacemaker.test_await_state import RUNNING, status

DEFAULT = (
    "<rsc_defaults><meta_attributes id='d'><nvpair id='d1' name='{}' value='{}'/></meta_attributes></rsc_defaults>"
)


def test_a_cluster_that_is_left_to_work_says_nothing() -> None:
    assert list(held("c", parse_status(RUNNING))) == []
    assert list(held_by_default("c", cib())) == []
    assert list(held_by_default("c", cib(rest=DEFAULT.format("resource-stickiness", "1")))) == []


@pytest.mark.parametrize(
    ("option", "what", "remedy"),
    [
        ("maintenance-mode", "is in maintenance mode", "pcs property set maintenance-mode=false"),
        ("stop-all-resources", "keeps all its resources stopped", "pcs property set stop-all-resources=false"),
    ],
)
def test_an_option_of_the_cluster(option: str, what: str, remedy: str) -> None:
    told = list(held("c", parse_status(RUNNING.replace(f'{option}="false"', f'{option}="true"'))))
    assert [(what in summary, remedy in detail) for summary, detail in told] == [(True, True)]


def test_both() -> None:
    assert len(list(held("c", replace(status(), maintenance_mode=True, stop_all_resources=True)))) == 2


@pytest.mark.parametrize(("name", "value"), [("is-managed", "No"), ("target-role", "stopped"), ("maintenance", "1")])
def test_a_default_of_all_resources(name: str, value: str) -> None:
    ((summary, detail),) = held_by_default("c", cib(rest=DEFAULT.format(name, value)))
    assert f"{name}={value}" in summary
    assert f"pcs resource defaults update {name}=" in detail
