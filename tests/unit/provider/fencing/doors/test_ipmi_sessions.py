"""How long a BMC's sessions live, and what one peer can do to another's."""

from __future__ import annotations

import pytest

from halab.provider.fencing.doors import ipmi_packets as packets
from halab.provider.fencing.doors import ipmi_sessions
from halab.provider.fencing.doors.ipmi_packets import Suite
from halab.provider.fencing.doors.ipmi_sessions import MAX_SESSIONS
from tests.unit.provider.fencing.doors.test_ipmi import NO_ANSWER, Chassis, Session, chassis, session, suite

__all__ = ["chassis", "session", "suite"]


class Clock:
    """Stands still but for what it is told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(ipmi_sessions, "time", made)
    return made


def test_a_session_that_was_closed_is_over(clock: Clock, chassis: Chassis, suite: Suite) -> None:
    session = Session(chassis, suite)
    assert session.rakp() == 0
    late = session.sealed(0, 0x02, bytes([0]))
    close = packets.request(6, 0x3C, b"", 9)
    for number in (7, 8):
        packet = session.keys.seal(session.sid, number, close)
        assert session.opened(chassis.bmc.datagram(packet)) == b"\0", "the answer to the first may have got lost"
    assert chassis.bmc.datagram(late) is None
    clock.now += 1.5
    assert chassis.bmc.datagram(session.keys.seal(session.sid, 9, close)) is None
    assert chassis.commands == []


@pytest.mark.parametrize(("idle_s", "answers"), [(59, True), (61, False)])
def test_a_session_that_nobody_uses_is_over(
    clock: Clock, chassis: Chassis, suite: Suite, idle_s: float, answers: bool
) -> None:
    session = Session(chassis, suite)
    assert session.rakp() == 0
    for _ in range(2):
        clock.now += 40
        assert session(0, 0x01) is not None
    clock.now += idle_s
    assert (session(0, 0x02, bytes([0])) is not None) is answers
    assert len(chassis.commands) == answers


def test_a_log_in_has_its_time(clock: Clock, chassis: Chassis, suite: Suite) -> None:
    slow = Session(chassis, suite)
    clock.now += 31
    assert slow.rakp() == NO_ANSWER


def test_who_failed_waits_a_second(clock: Clock, chassis: Chassis, suite: Suite) -> None:
    assert Session(chassis, suite, b"another-password-000", peer="guesser").rakp() == 0x0F
    clock.now += 0.9
    assert Session(chassis, suite, peer="guesser").rakp() == NO_ANSWER
    assert Session(chassis, suite, peer="node1").rakp() == 0
    clock.now += 0.2
    assert Session(chassis, suite, peer="guesser").rakp() == 0


def test_one_peer_pushes_out_nobody_elses_log_in(chassis: Chassis, suite: Suite) -> None:
    begun = Session(chassis, suite, peer="node1")
    for _ in range(3 * MAX_SESSIONS):
        last = Session(chassis, suite, peer="evil")
    assert begun.rakp() == last.rakp() == 0


def test_many_peers_have_no_more_than_there_is_room_for(chassis: Chassis, session: Session, suite: Suite) -> None:
    for number in range(3 * MAX_SESSIONS):
        last = Session(chassis, suite, peer=f"peer {number}")
    assert last.rakp() == 0
    assert session(0, 0x01) == bytes([0, 1, 0, 0])
    assert len(chassis.bmc._sessions) <= MAX_SESSIONS
