"""The cluster's properties out of Pacemaker's own metadata, and what a value may be."""

from __future__ import annotations

from pathlib import Path

import pytest

from halab.cli.console import properties
from halab.cli.console.metadata import parameters, refuse_misfit
from halab.cli.console.refusing import Refused
from halab.provisioners.engine.errors import UnexpectedOutput
from halab.provisioners.pacemaker.cib import parse, render

DATA = Path(__file__).parents[3] / "data/pacemaker"
METADATA = (DATA / "metadata-3.0-schedulerd.xml").read_text()
KNOWN = {one.name: one for one in parameters(METADATA)}


def test_metadata_tells_kind_default_choices_and_help() -> None:
    policy = KNOWN["no-quorum-policy"]
    assert (policy.kind, policy.default, policy.required) == ("select", "stop", False)
    assert policy.choices == ("stop", "freeze", "ignore", "demote", "fence", "suicide")
    assert policy.brief == "What to do when the cluster does not have quorum"
    lock = KNOWN["shutdown-lock"]
    assert (lock.kind, lock.default, lock.choices) == ("boolean", "false", ())
    assert lock.help.startswith("When true, resources active on a node")
    assert KNOWN["symmetric-cluster"].help == ""  # it says the same twice


@pytest.mark.parametrize(
    ("name", "good", "bad", "why"),
    [
        ("no-quorum-policy", "freeze", "wait", "takes stop, freeze, ignore"),
        ("maintenance-mode", "TRUE", "maybe", "true or false"),
        ("batch-limit", "-1", "many", "whole number"),
        ("shutdown-lock-limit", "5min", "soon", "a time, for example 10s"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(name: str, good: str, bad: str, why: str) -> None:
    refuse_misfit(KNOWN[name], good)
    with pytest.raises(Refused, match=why):
        refuse_misfit(KNOWN[name], bad)


def test_what_is_no_metadata_is_told() -> None:
    with pytest.raises(UnexpectedOutput):
        list(parameters("Segmentation fault"))


def test_one_property_comes_and_goes_and_the_others_stay() -> None:
    cib = parse((DATA / "cib-3.0.xml").read_text())
    before, was = render(cib), properties.set_now(cib)
    properties.change(cib, "batch-limit", "7")
    assert properties.set_now(cib) == {**was, "batch-limit": "7"}
    properties.change(cib, "batch-limit", "8")
    assert properties.set_now(cib) == {**was, "batch-limit": "8"}
    properties.change(cib, "batch-limit", None)
    assert render(cib) == before
