from __future__ import annotations

import copy
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from halab.provisioners.engine.errors import TimedOut
from halab.provisioners.pacemaker.forget import ForgetFailures, LookAgain
from halab.provisioners.pacemaker.status import parse_status
from tests.unit.provisioners.pacemaker.test_await_state import FAILED, Mon, host

DATA = Path(__file__).parents[3] / "data" / "pacemaker"
COUNTED = (DATA / "crm_mon-2.1-failed.xml").read_text()
AWAY = FAILED.replace('online="true"', 'online="false"')


def acted(mon: Mon) -> list[str]:
    return [command for command in mon.commands if "crm_mon" not in command]


def anew(text: str, *calls: int) -> str:
    """The same, but these operations were carried out once more."""
    for call in calls:
        text = text.replace(f'call="{call}"', f'call="{call + 100}"')
    return text


def test_only_what_failed_is_cleaned_up() -> None:
    mon = Mon([FAILED, FAILED.replace('rc="5"', 'rc="0"')])
    host(mon).do(ForgetFailures("c1-clone", ("c1a", "c1b")))
    assert acted(mon) == []
    host(mon).do(ForgetFailures("nope", ("nope",)))
    assert acted(mon) == []
    mon = Mon([FAILED, anew(FAILED, 105)])
    host(mon).do(ForgetFailures("nope", ("nope",)))
    assert acted(mon) == ["crm_resource --cleanup --resource nope"]


ANSWERS = [
    pytest.param(ForgetFailures("nope", ("nope",)), FAILED, anew(FAILED, 105), id="failure"),
    pytest.param(
        ForgetFailures("apache", ("apache",)),
        COUNTED,
        anew(COUNTED.replace(' fail-count="1" last-failure="Sun Nov 22 15:17:01 2026"', ""), 2),
        id="fail count",
    ),
    pytest.param(LookAgain("d1"), FAILED, anew(FAILED, 81, 82), id="history"),
]


@pytest.mark.parametrize(("step", "known", "forgotten"), ANSWERS)
def test_it_waits_until_nothing_of_it_is_known(step: ForgetFailures | LookAgain, known: str, forgotten: str) -> None:
    mon = Mon([known, known, known, forgotten])
    host(mon).do(step)
    assert len(acted(mon)) == 1
    assert mon.commands.index(acted(mon)[0]) == 1
    assert len(mon.commands) == 5


@pytest.mark.parametrize(("step", "known", "forgotten"), ANSWERS)
def test_what_is_not_forgotten_in_time_is_named(step: ForgetFailures | LookAgain, known: str, forgotten: str) -> None:
    del forgotten
    with pytest.raises(TimedOut, match=getattr(step, "primitive", getattr(step, "name", ""))):
        host(Mon([known])).do(step)


def test_half_of_the_history_is_not_all_of_it() -> None:
    with pytest.raises(TimedOut, match="'82'"):
        host(Mon([FAILED, anew(FAILED, 81)])).do(LookAgain("d1"))


def test_a_node_that_is_away_is_not_waited_for() -> None:
    assert any(operation.resource == "d1" for operation in parse_status(AWAY).history)
    mon = Mon([AWAY])
    host(mon).do(LookAgain("d1"))
    assert acted(mon) == []


def test_each_node_that_knows_of_it_looks_again() -> None:
    """Without a node's name Pacemaker would take one instance of a clone, whichever it finds first."""
    one = ET.fromstring(FAILED)
    nodes, history = one.find("nodes"), one.find("node_history")
    assert nodes is not None
    assert history is not None
    for parent in (nodes, history):
        other = copy.deepcopy(parent[0])
        other.set("name", "node2")
        parent.append(other)
    both = ET.tostring(one, encoding="unicode")
    mon = Mon([both, anew(both, 93)])
    host(mon).do(LookAgain("c1a"))
    assert acted(mon) == [f"crm_resource --refresh --force --resource c1a --node node{n}" for n in (1, 2)]
