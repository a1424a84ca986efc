"""What a change of a target or of an ACL keeps, and what makes another one of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from halab.provisioners.engine.command import Secret
from halab.provisioners.iscsi.lio import Target, TargetItem, target_seen
from halab.provisioners.iscsi.lio_acl import AclItem, chap_problems
from halab.provisioners.iscsi.lio_view import parse_view
from tests.unit.provisioners.iscsi.test_lio import ACL, TARGET, captured, with_portals


def test_a_machine_that_is_made_anew_serves_the_same_disk_by_the_same_name() -> None:
    """Its initiators have both in their records; another name would be another LUN."""
    anew = TargetItem().plan(TARGET, Target(machine="another", device="/dev/vdb1", portal="10.77.0.14"))
    assert anew == replace(TARGET, machine="another")


def test_a_target_that_is_closed_though_it_is_to_be_open_shows() -> None:
    assert target_seen(parse_view(captured("complete")), replace(TARGET, demo_mode=True)) == TARGET


def test_a_port_at_another_address_is_none_of_the_targets() -> None:
    seen = target_seen(parse_view(with_portals("10.77.0.9:3261")), TARGET)
    assert seen == replace(TARGET, condition="it listens on 2 addresses")
    moved = replace(TARGET, portal="10.77.0.9", port=3261)
    assert target_seen(parse_view(with_portals("10.77.0.9:3261")), moved) == replace(
        seen, portal="10.77.0.9", port=3261
    )


@pytest.mark.parametrize(
    ("before", "after", "anew"),
    [("u1", "u1", []), ("u1", "u2", ["node"]), ("u1", None, ["node"]), (None, "u1", []), (None, None, [])],
)
def test_an_acl_goes_with_its_initiators_machine(before: str | None, after: str | None, anew: list[str]) -> None:
    """None before: it was imported."""
    assert [*AclItem().requires_replace(replace(ACL, node=before), replace(ACL, node=after))] == anew


@pytest.mark.parametrize(("length", "good"), [(1, False), (11, False), (12, True), (255, True), (256, False)])
def test_how_long_a_password_may_be(length: int, good: bool) -> None:
    assert [field for field, _ in chap_problems("node1", Secret("x" * length))] == ([] if good else ["chap_password"])
    wrong = [field for field, _ in AclItem().check(replace(ACL, chap_password=Secret("x" * length)))]
    assert wrong == ([] if good else ["chap_password"])
