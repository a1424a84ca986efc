"""What the doctor says of real clusters that were broken on purpose: each finding has its own remedy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from halab.cli.doctor.examination import examine
from halab.cli.doctor.finding import Finding, Level
from halab.cli.look.judgement import judge
from tests.unit.cli.look.broken import VERSIONS, broken, snapshot
from tests.unit.cli.look.captured import captured

from .test_checks import DEPLOYED

REMEDIES = {
    "standby": ("node3", "`halab ssh node3 crm_standby --node node3 --delete`"),
    "node in maintenance": ("node3", "crm_attribute --node node3 --name maintenance --delete`"),
    "maintenance": ("cluster", "crm_attribute --type crm_config --name maintenance-mode --delete`"),
    "all stopped": ("cluster", "crm_attribute --type crm_config --name stop-all-resources --delete`"),
    "no fencing": ("cluster", "crm_attribute --type crm_config --name stonith-enabled --delete`"),
    "disabled": ("site", "`halab deploy` takes it back"),
    "unmanaged": ("site", "`halab deploy` takes it back"),
    "start failed": ("picky", "crm_resource --cleanup --resource picky`"),
    "blocked": ("stubborn", "crm_resource --cleanup --resource stubborn`"),
    "fencing devices fail": ("fence-node1", "crm_resource --cleanup --resource fence-node1`"),
    "no quorum": ("cluster", "After quorum was lost"),
    "fencing failed": ("node3", "`halab fence --test` tries each device"),
    "being fenced": ("node3", "`halab status --watch`"),
}
"""Whom it names among others, and what it says to do."""


def _of_lab(pacemaker: str, name: str, off: tuple[str, ...] = ()) -> list[Finding]:
    faults = judge(snapshot(captured(pacemaker, name, off), off)).faults
    return [one for one in examine(replace(DEPLOYED, lab=faults)) if one.level is not Level.GOOD]


@pytest.mark.parametrize("pacemaker", VERSIONS)
@pytest.mark.parametrize("name", REMEDIES)
def test_what_is_broken_is_found_with_its_remedy(pacemaker: str, name: str) -> None:
    wanted = broken(pacemaker)[name]
    found = _of_lab(pacemaker, name, wanted.off)
    assert {(one.subject, one.text, one.level is Level.WARNING) for one in found} == wanted.faults
    assert all(one.remedy for one in found)
    subject, remedy = REMEDIES[name]
    assert [one for one in found if one.subject == subject and remedy in one.remedy]


@pytest.mark.parametrize("pacemaker", VERSIONS)
def test_nothing_is_found_in_a_whole_one(pacemaker: str) -> None:
    assert _of_lab(pacemaker, "whole") == []
    assert broken(pacemaker).keys() == REMEDIES.keys()
