"""Which element of the CIB is the constraint that is meant, where several have the same ends."""

from __future__ import annotations

from halab.provisioners.pacemaker.constraints import colocation, drop, location, observed
from tests.unit.provisioners.pacemaker.samples import cib

FIRST = '<rsc_location id="mine" rsc="web" node="node1" score="1"/>'
WANTED = '<rsc_location id="yours" rsc="web" node="node1" score="100"/>'
OURS = '<rsc_location id="location-web-node1-7" rsc="web" node="node1" score="7"/>'


def test_the_one_with_the_right_value_is_meant() -> None:
    assert observed(cib(constraints=FIRST + OURS + WANTED), location("web", "node1", "100")) == "100"


def test_else_the_one_with_an_id_as_ours() -> None:
    assert observed(cib(constraints=FIRST + OURS), location("web", "node1", "100")) == "7"


def test_only_that_one_goes() -> None:
    there = cib(constraints=FIRST + WANTED)
    drop(there, location("web", "node1", "100"))
    assert [element.get("id") for element in there.constraints()] == ["mine"]


def test_a_colocation_without_a_score_asks_for_nothing() -> None:
    """As crm_simulate of Pacemaker 2.1.5 and 3.0 has it."""
    there = cib(constraints='<rsc_colocation id="mine" rsc="web" with-rsc="ip"/>')
    assert observed(there, colocation("web", "ip", "INFINITY")) == "0"
