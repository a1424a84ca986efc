"""Which constraints repair an exercise. Sets and ids are as pcs 0.11 writes them.

Whom most of them bind was seen with `crm_simulate` of Pacemaker 2.1, colocations with that of 3.0, too: the file system
banned from a node that the site likes; what a start of the file system's members waits for.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

import pytest

from halab.cli.exercise.catalogue import named
from halab.cli.exercise.declaration import Configured
from tests.unit.cli.exercise.test_exercises import NAMES

SITE, FS, LOCKING = "summit-site", "summit-gfs0-clone", "summit-locking-clone"
CIB = """<cib><configuration><resources><group id="summit-site"><meta_attributes id="summit-site-meta_attributes">
<nvpair id="stickiness" name="resource-stickiness" value="1"/></meta_attributes><primitive id="summit-ip"/>
<primitive id="summit-apache"/></group></resources><constraints>{}</constraints></configuration></cib>"""


def holds(name: str, constraints: str) -> bool:
    (check,) = (one for one in named(name).checks if isinstance(one, Configured))
    return check.holds(ElementTree.fromstring(CIB.format(constraints)), NAMES)


def refs(*names: str, attributes: str = "") -> str:
    members = "".join(f'<resource_ref id="{name}"/>' for name in names)
    return f"<resource_set {attributes}>{members}</resource_set>"


def order(attributes: str = "", first: str = LOCKING, then: str = FS) -> str:
    return f'<rsc_order first="{first}" then="{then}" {attributes}/>'


def order_sets(*sets: str, attributes: str = "") -> str:
    return f'<rsc_order {attributes} id="order_set_sese">{"".join(sets)}</rsc_order>'


def together(attributes: str = 'score="INFINITY"', rsc: str = SITE, other: str = FS) -> str:
    return f'<rsc_colocation rsc="{rsc}" with-rsc="{other}" {attributes}/>'


def together_sets(*sets: str, attributes: str = 'score="INFINITY"') -> str:
    return f'<rsc_colocation id="colocation_set_sese" {attributes}>{"".join(sets)}</rsc_colocation>'


def _orders() -> Iterator[tuple[str, bool]]:
    stop_then = 'first-action="stop" then-action="stop"'
    yield from ((order(), True), (order('first-action="start" then-action="start"'), True), ("", False))
    yield from ((order('kind="Mandatory"'), True), (order('score="INFINITY"'), True), (order('score="1"'), True))
    yield from ((order('kind="Optional"'), False), (order('kind="Serialize"'), False), (order('score="0"'), False))
    yield order(stop_then), False
    yield order('first-action="stop"'), False
    yield order('then-action="stop"'), False
    yield order(stop_then, FS, LOCKING), True  # and the starts the other way round
    yield order(first=FS, then=LOCKING), False
    yield order('require-all="false" first-action="start" then-action="start"'), False  # on another node is enough
    # DLM may stop before what it serves is unmounted
    yield order('first-action="start" then-action="start" symmetrical="false"'), False
    apart = 'symmetrical="false"'
    yield order(apart) + order(f"{apart} {stop_then}", FS, LOCKING), True
    yield order(first="summit-locking", then="summit-gfs0"), False  # what is in a clone is not found


def _order_sets() -> Iterator[tuple[str, bool]]:
    yield order_sets(refs(LOCKING, FS)), True
    yield order_sets(refs(FS, LOCKING)), False
    yield order_sets(refs(LOCKING, FS, SITE, attributes='sequential="true"')), True
    yield order_sets(refs(LOCKING, FS, attributes='require-all="false"')), True  # it is about the next set
    yield order_sets(refs(LOCKING, FS, attributes='sequential="false"')), False
    yield order_sets(refs(LOCKING, FS), attributes='kind="Optional"'), False
    yield order_sets(refs(LOCKING, FS, attributes='kind="Optional"')), False
    yield order_sets(refs(LOCKING, FS), attributes='symmetrical="false"'), False
    yield order_sets(refs(LOCKING, FS, attributes='action="stop"')), False
    yield order_sets(refs(FS, LOCKING, attributes='action="stop"')), True
    yield order_sets(refs(LOCKING), refs(FS, SITE, attributes='sequential="true"')), True
    yield order_sets(refs(LOCKING), refs(SITE, FS)), False  # the site is the nearest
    both = 'sequential="false"'
    yield order_sets(refs("other", LOCKING, attributes=both), refs(SITE, FS, attributes=both)), True
    yield order_sets(refs(LOCKING, attributes=f'{both} require-all="false"'), refs(FS)), False
    yield order_sets(refs(LOCKING), refs(SITE), refs(FS)), False  # and where the site is up already?


@pytest.mark.parametrize(("constraints", "right"), [*_orders(), *_order_sets()])
def test_the_lock_managers_come_first(constraints: str, right: bool) -> None:
    assert holds("missing-order", constraints) == right


def _colocations() -> Iterator[tuple[str, bool]]:
    yield from ((together(), True), ("", False), (together('score="1000000"'), True))
    yield together('score="INFINITY" rsc-role="Started" with-rsc-role="Started"'), True
    yield together('score="INFINITY" node-attribute="#uname"'), True
    yield from ((together('score="1"'), False), (together('score="-INFINITY"'), False), (together(""), False))
    for role in ('rsc-role="Stopped"', 'with-rsc-role="Stopped"', 'with-rsc-role="Unpromoted"', 'rsc-role="Promoted"'):
        yield together(f'score="INFINITY" {role}'), False
    yield together('score="INFINITY" node-attribute="rack"'), False
    yield together(rsc="summit-ip"), True  # the group goes where its first member is
    yield together(rsc="summit-apache"), False
    yield together(other="summit-gfs0"), False
    backwards = together(rsc=FS, other=SITE)
    yield backwards, False
    yield together() + backwards, False
    yield together() + together('score="1"', FS, SITE), False
    yield together() + together('score="0"', FS, SITE), True


def _colocation_sets() -> Iterator[tuple[str, bool]]:
    yield together_sets(refs(FS, SITE)), True
    yield together_sets(refs(SITE, FS)), False
    yield together_sets(refs(LOCKING, FS, SITE, attributes='role="Started"')), True
    yield together_sets(refs(FS, SITE, attributes='role="Stopped"')), False
    yield together_sets(refs(FS, SITE, attributes='sequential="false"')), False
    yield together_sets(refs(FS, SITE), attributes='score="1"'), False
    yield together_sets(refs(FS, SITE), attributes=""), False
    yield together_sets(refs(FS, SITE, attributes='score="1"')), False
    yield together_sets(refs(FS, SITE, attributes='score="INFINITY"'), attributes='score="1"'), True
    yield together_sets(refs(SITE), refs(FS)), True  # sets are colocated the other way than their members
    yield together_sets(refs(FS), refs(SITE)), False
    yield together_sets(refs("other", SITE, attributes='sequential="false"'), refs(FS)), True
    yield together_sets(refs("other", SITE), refs(FS)), False
    yield together() + together_sets(refs(SITE, FS)), False


@pytest.mark.parametrize(("constraints", "right"), [*_colocations(), *_colocation_sets()])
def test_the_site_follows_the_file_system(constraints: str, right: bool) -> None:
    assert holds("reversed-colocation", constraints) == right


def location(score: str, node: str = "node3", rsc: str = SITE, id: str = "location-summit-site-node3") -> str:
    return f'<rsc_location id="{id}" rsc="{rsc}" node="{node}" score="{score}"/>'


def by_rule(score: str, end: str = "") -> str:
    """As `pcs resource ban … lifetime=PT1H` and `pcs constraint location … rule` write it."""
    until = f'<date_expression id="until" operation="lt" end="{end}"/>' if end else ""
    name = '<expression id="name" attribute="#uname" operation="eq" value="node3" type="string"/>'
    rule = f'<rule id="rule" score="{score}" boolean-op="and">{name}{until}</rule>'
    return f'<rsc_location id="cli-ban-summit-site-on-node3" rsc="{SITE}" role="Started">{rule}</rsc_location>'


SOON, LONG_AGO = "2999-12-01 00:08:45Z", "2020-12-01 00:08:45Z"


@pytest.mark.parametrize(
    ("constraints", "stays", "anywhere"),
    [
        ("", True, True),
        (location("INFINITY", id="cli-prefer-summit-site"), False, True),
        (location("-INFINITY", id="cli-ban-summit-site-on-node3"), False, False),
        (location("INFINITY", "node1"), False, True),  # it would go back there
        (location("-INFINITY"), False, False),
        (location("50"), False, True),
        (location("1"), True, True),  # no more than it sticks
        (location("0", id="cli-prefer-summit-site"), True, True),
        (location("-INFINITY", rsc="summit-apache"), False, False),
        (location("-INFINITY", rsc="fence-node3", id="cli-ban-fence-node3-on-node3"), True, True),
        (by_rule("-INFINITY", SOON), False, False),
        (by_rule("-INFINITY", LONG_AGO), True, True),
        (by_rule("-INFINITY"), False, False),
        (by_rule("INFINITY", "whenever"), False, True),
        (f'<rsc_location id="set" node="node3" score="-INFINITY">{refs(SITE)}</rsc_location>', False, False),
    ],
)
def test_the_site_is_free(constraints: str, stays: bool, anywhere: bool) -> None:
    assert (holds("stale-preference", constraints), holds("nowhere-to-go", constraints)) == (stays, anywhere)
