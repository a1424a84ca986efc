"""The BMC: RMCP+ sessions with its own client's packets, and what it says to everything else."""

from __future__ import annotations

import random
import struct

import pytest

from halab.provider.fencing.doors import ipmi_packets as packets
from halab.provider.fencing.doors.ipmi import USERNAME, Bmc
from halab.provider.fencing.doors.ipmi_packets import SUITES, Keys, Suite
from halab.provider.fencing.doors.ipmi_sessions import MAX_SESSIONS
from halab.provider.fencing.doors.power import Action, PowerFailed

PASSWORD = b"twenty-bytes-of-it-0"
MACHINE, ANOTHER = "machine-1", "machine-2"
NO_ANSWER = -1


class Chassis:
    """A BMC and what is behind it."""

    def __init__(self) -> None:
        self.machine: str | None = MACHINE
        self.on, self.known, self.room = True, True, True
        self.commands = list[tuple[str, Action]]()
        self.bmc = Bmc(PASSWORD, lambda: self.machine, self._is_on, self._control)

    def _is_on(self, machine: str) -> bool:
        if not self.known:
            raise PowerFailed("libvirt does not answer")
        return self.on

    def _control(self, machine: str, action: Action) -> bool:
        self.commands.append((machine, action))
        return self.room


class Session:
    """A client's session; each step may be spoilt by a caller."""

    def __init__(
        self, chassis: Chassis, suite: Suite, password: bytes = PASSWORD, user: str = USERNAME, peer: str = ""
    ) -> None:
        self._bmc, self._suite, self._password, self._peer = chassis.bmc, suite, password, peer
        self.who = bytes([0x14, len(user)]) + user.encode()
        self.sequence = 0
        opened = self._said(packets.OPEN, bytes(4) + b"CONS" + algorithms(suite))
        assert opened is not None
        self.sid = opened[8:12]

    def rakp(self) -> int:
        """Log in; RAKP4's status code."""
        ours = bytes(range(16))
        first = bytes(4) + self.sid + ours + bytes([self.who[0], 0, 0, self.who[1]]) + self.who[2:]
        second = self._said(packets.RAKP1, first)
        if second is None:
            return NO_ANSWER
        theirs = second[8:24]
        proof = self._suite.digest(self._password, theirs + b"CONS" + self.who)
        fourth = self._said(packets.RAKP3, bytes(4) + self.sid + proof)
        assert fourth is not None
        self.keys = Keys.of(self._suite, self._suite.digest(self._password, ours + theirs + self.who))
        return fourth[1]

    def sealed(self, function: int, command: int, data: bytes = b"") -> bytes:
        """The packet of a command."""
        self.sequence += 1
        return self.keys.seal(self.sid, self.sequence, packets.request(function, command, data, self.sequence))

    def __call__(self, function: int, command: int, data: bytes = b"") -> bytes | None:
        """The body of the answer to a command, from its completion code on."""
        return self.opened(self._bmc.datagram(self.sealed(function, command, data)))

    def opened(self, answer: bytes | None) -> bytes | None:
        """The body of an answer."""
        if answer is None:
            return None
        message = self.keys.unseal(answer)
        assert message is not None
        return message[1][6:-1]

    def _said(self, kind: int, payload: bytes) -> bytes | None:
        answer = self._bmc.datagram(packets.plain(kind, payload), self._peer)
        return None if answer is None else packets.payload_of(answer)[2]


def algorithms(suite: Suite, confidentiality: int = packets.AES_CBC_128) -> bytes:
    chosen = (suite.authentication, suite.integrity, confidentiality)
    return b"".join(bytes([kind, 0, 0, 8, number, 0, 0, 0]) for kind, number in enumerate(chosen))


@pytest.fixture
def chassis() -> Chassis:
    return Chassis()


@pytest.fixture(params=SUITES.values(), ids=lambda suite: f"suite {suite.number}")
def suite(request: pytest.FixtureRequest) -> Suite:
    made: Suite = request.param
    return made


@pytest.fixture
def session(chassis: Chassis, suite: Suite) -> Session:
    made = Session(chassis, suite)
    assert made.rakp() == 0
    return made


def test_status_and_control(chassis: Chassis, session: Session) -> None:
    assert session(0, 0x01) == bytes([0, 1, 0, 0])
    assert session(0, 0x02, bytes([0])) == b"\0"
    assert session(0, 0x02, bytes([1])) == b"\0"
    assert session(0, 0x02, bytes([2])) == b"\0"
    assert chassis.commands == [(MACHINE, "off"), (MACHINE, "on"), (MACHINE, "cycle")]
    chassis.on = False
    assert session(0, 0x01) == bytes([0, 0, 0, 0])
    assert session(6, 0x3B, bytes([4])) == bytes([0, 4])
    assert session(0, 0x02, bytes([9])) == b"\xcc"
    assert session(0x2C, 0x3E) == b"\xc1"
    assert session(6, 0x3C) == b"\0"


def test_a_state_that_is_not_known_is_an_error(chassis: Chassis, session: Session) -> None:
    chassis.known = False
    assert session(0, 0x01) == b"\xff"
    chassis.room = False
    assert session(0, 0x02, bytes([0])) == b"\xff"


def test_a_repeated_request_is_carried_out_once(chassis: Chassis, session: Session) -> None:
    message = packets.request(0, 0x02, bytes([0]), 5)
    for sequence in (1, 2, 3):
        assert session.opened(chassis.bmc.datagram(session.keys.seal(session.sid, sequence, message))) == b"\0"
    assert chassis.commands == [(MACHINE, "off")]


def test_a_packet_counts_once(chassis: Chassis, session: Session) -> None:
    """Whoever listens has no key, and could send a packet once more."""
    off, on = session.sealed(0, 0x02, bytes([0])), session.sealed(0, 0x02, bytes([1]))
    assert chassis.bmc.datagram(on) is not None
    assert chassis.bmc.datagram(off) is not None, "they may overtake each other"
    for again in (off, on, off):
        assert chassis.bmc.datagram(again, "somebody else") is None
    assert chassis.commands == [(MACHINE, "on"), (MACHINE, "off")]


def test_a_replayed_packet_switches_nothing(chassis: Chassis, session: Session) -> None:
    off = session.sealed(0, 0x02, bytes([0]))
    assert chassis.bmc.datagram(off) is not None
    for _ in range(20):
        session(0, 0x01)
    assert chassis.bmc.datagram(off) is None
    assert len(chassis.commands) == 1


@pytest.mark.parametrize(("password", "user"), [(b"another-password-000", USERNAME), (PASSWORD, "admin"), (b"", "")])
def test_a_wrong_password_or_user_opens_no_session(chassis: Chassis, suite: Suite, password: bytes, user: str) -> None:
    stranger = Session(chassis, suite, password, user)
    assert stranger.rakp() == 0x0F
    assert stranger(0, 0x02, bytes([0])) is None
    assert chassis.commands == []


@pytest.mark.parametrize(
    ("authentication", "integrity", "confidentiality"),
    [(0, 0, 0), (1, 0, 0), (1, 1, 0), (3, 0, 0), (3, 4, 0), (2, 2, 1), (1, 4, 1), (3, 4, 2)],
)
def test_other_suites_are_refused(chassis: Chassis, authentication: int, integrity: int, confidentiality: int) -> None:
    asked = algorithms(Suite(0, authentication, integrity, bytes, 0), confidentiality)
    answer = chassis.bmc.datagram(packets.plain(packets.OPEN, bytes(4) + b"CONS" + asked))
    assert answer is not None
    assert packets.payload_of(answer)[2][1] == 0x11


def test_ipmi_15_and_what_is_not_sealed_switch_nothing(chassis: Chassis, session: Session) -> None:
    off = packets.request(0, 0x02, bytes([0]), 1)
    older = packets.RMCP + bytes(9) + bytes([len(off)]) + off
    assert chassis.bmc.datagram(older) is None
    for kind in (0x00, 0x40, 0x80):
        packet = bytes([6, kind]) + session.sid + struct.pack("<IH", 99, len(off)) + off + bytes(18)
        assert chassis.bmc.datagram(packets.RMCP + packet) is None
    assert chassis.commands == []


def test_a_plug_that_has_another_machine_now_ends_the_session(chassis: Chassis, session: Session) -> None:
    chassis.machine = ANOTHER
    assert session(0, 0x02, bytes([0])) is None
    chassis.machine = MACHINE
    assert session(0, 0x02, bytes([0])) is None
    assert chassis.commands == []


def test_an_empty_plug_says_nothing(chassis: Chassis, session: Session) -> None:
    chassis.machine = None
    assert session(0, 0x01) is None


def test_beginnings_push_out_beginnings_only(chassis: Chassis, session: Session, suite: Suite) -> None:
    for _ in range(3 * MAX_SESSIONS):
        last = Session(chassis, suite)
    assert last.rakp() == 0
    assert session(0, 0x01) == bytes([0, 1, 0, 0])


def fuzzed(bmc: Bmc, chassis: Chassis, seed: int, datagrams: int) -> int:
    """Throw random and mutated datagrams at a BMC, before, in and beside sessions; how many answers came."""
    chance, answers, thrown = random.Random(seed), 0, 0
    session, used = Session(chassis, SUITES[3, 4]), 0
    assert session.rakp() == 0
    while thrown < datagrams:
        kind = chance.choice((0x00, packets.OPEN, packets.RAKP1, packets.RAKP3, packets.SEALED, chance.randrange(256)))
        sample = (
            chance.randbytes(chance.randrange(80)),
            packets.plain(kind, chance.randbytes(chance.randrange(60))),
            packets.plain(packets.OPEN, bytes(4) + b"CONS" + algorithms(chance.choice(list(SUITES.values())))),
            packets.plain(packets.RAKP1, bytes(4) + session.sid + chance.randbytes(chance.randrange(50))),
            session.keys.seal(session.sid, chance.randrange(1 << 32), chance.randbytes(chance.randrange(1, 40))),
            session.sealed(chance.choice((0, 6, 0x2C)), chance.choice((1, 0x3B, 0x3C, 0x38)), chance.randbytes(2)),
        )
        data = bytearray(chance.choice(sample))
        for _ in range(chance.randrange(4)):
            if data:
                data[chance.randrange(len(data))] = chance.randrange(256)
        answers += bmc.datagram(bytes(data), "peer") is not None
        thrown, used = thrown + 1, used + 1
        if used == 200:
            session, used = Session(chassis, SUITES[3, 4]), 0
            assert session.rakp() == 0
    return answers


def test_nothing_that_is_thrown_at_it_raises_or_switches(chassis: Chassis) -> None:
    assert fuzzed(chassis.bmc, chassis, 20161116, 3000) > 100
    assert chassis.commands == []
    assert len(chassis.bmc._sessions) <= MAX_SESSIONS
