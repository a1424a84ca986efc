"""What the others say of a machine that does not answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from halab.provider.guests.mute import given_up, is_mute, lost
from halab.provisioners.engine.errors import AuthError, ConnectError, HalabError, HostKeyError, Paused, TimedOut
from halab.provisioners.pacemaker.status import ClusterStatus, FencingEvent, NodeStatus
from tests.unit.provisioners.pacemaker.test_await_state import node, status

AWAY = replace(node("n1"), online=False)
UNCLEAN = replace(AWAY, unclean=True)


def seen(n1: NodeStatus, fencing: str = "") -> ClusterStatus:
    events = (FencingEvent("n1", "reboot", fencing, "n2", ""),) if fencing else ()
    return replace(status(nodes=(n1, node("n2"))), fencing=events)


@pytest.mark.parametrize(
    ("by_others", "says", "failed"),
    [
        (seen(node("n1")), "", False),
        (seen(UNCLEAN), "it is lost, and was not fenced yet", False),
        (seen(UNCLEAN, "pending"), "it is being fenced", False),
        (seen(UNCLEAN, "failed"), "it is lost, and was not fenced yet", True),
        (replace(seen(UNCLEAN, "failed"), with_quorum=False), "it is lost, and was not fenced yet", False),
        (seen(AWAY, "success"), "it is not back yet", False),
        (seen(node("n1", pending=True), "failed"), "it is joining", False),
        (status(nodes=(node("n2"),)), "", False),
    ],
)
def test_fate(by_others: ClusterStatus, says: str, failed: bool) -> None:
    assert (lost(by_others, "n1"), given_up(by_others, "n1")) == (says, failed)


@pytest.mark.parametrize(
    ("kind", "mute"),
    [(ConnectError, True), (TimedOut, True), (AuthError, False), (HostKeyError, False), (Paused, False)],
)
def test_only_what_may_end_by_itself_is_waited_for(kind: type[HalabError], mute: bool) -> None:
    assert is_mute(kind("no answer")) is mute
