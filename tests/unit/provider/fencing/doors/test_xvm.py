"""fence_virtd's protocol: who is answered, what is switched, what is carried out once."""

from __future__ import annotations

import random
import struct

import pytest

from halab.provider.fencing.doors.power import Power
from halab.provider.fencing.doors.xvm import (
    CHALLENGE_BYTES,
    DENIED,
    DEVSTATUS,
    DONE,
    FAILED,
    HOSTLIST,
    IS_OFF,
    LIST,
    OFF,
    ON,
    REBOOT,
    REQUEST_BYTES,
    STATUS,
    Request,
    Xvm,
    answered,
)
from tests.unit.provider.fencing.doors.conftest import FOREIGN, GONE, OURS, Domains

KEY, PEER = b"k" * 128, "192.168.77.11"


@pytest.fixture
def xvm(power: Power) -> Xvm:
    return Xvm(power, KEY)


def asked(xvm: Xvm, kind: int, domain: str, key: bytes = KEY) -> bytes | None:
    """The answer to a request of who has `key`; None when the other side hangs up."""
    exchange = xvm.exchange(Request(kind, domain, 1229, 7).signed(KEY), PEER)
    next(exchange)
    try:
        said, wanted = exchange.send(bytes(CHALLENGE_BYTES))
        assert said[:CHALLENGE_BYTES] == answered(KEY, bytes(CHALLENGE_BYTES))
        assert wanted == CHALLENGE_BYTES
        return exchange.send(answered(key, said[CHALLENGE_BYTES:]))[0]
    except StopIteration:
        return None


@pytest.mark.parametrize(
    ("kind", "domain", "answer", "running"),
    [
        (STATUS, "node1", DONE, True),
        (STATUS, OURS, DONE, True),
        (STATUS, GONE, IS_OFF, True),
        (STATUS, "foreign", DENIED, True),
        (STATUS, FOREIGN, DENIED, True),
        (OFF, "foreign", DENIED, True),
        (OFF, OURS, DONE, False),
        (ON, OURS, DONE, True),
        (ON, GONE, FAILED, True),
        (REBOOT, OURS, DONE, True),
        (REBOOT, GONE, DONE, True),
        (OFF, "", DENIED, True),
        (DEVSTATUS, "", DONE, True),
        (77, OURS, FAILED, True),
    ],
)
def test_requests(xvm: Xvm, domains: Domains, kind: int, domain: str, answer: int, running: bool) -> None:
    assert asked(xvm, kind, domain) == bytes([answer])
    assert bool(domains(OURS).isActive()) is running
    assert domains(FOREIGN).isActive()


@pytest.mark.usefixtures("domains")
def test_the_list_has_the_labs_machines_only(xvm: Xvm) -> None:
    said = asked(xvm, HOSTLIST, "")
    assert said is not None
    assert said[0] == LIST
    rows = [struct.unpack_from("64s64sBB", said, 1 + 130 * number) for number in range(3)]
    names = [(name.rstrip(b"\0").decode(), uuid.rstrip(b"\0").decode(), on) for name, uuid, on, _ in rows]
    assert names == [("node1", OURS, 1), (GONE, GONE, 0), ("", "", 0)]


def test_who_does_not_have_the_key_switches_nothing(xvm: Xvm, domains: Domains) -> None:
    assert asked(xvm, OFF, OURS, key=b"another") is None
    assert domains(OURS).isActive()


def test_our_own_challenge_is_not_answered(xvm: Xvm, domains: Domains) -> None:
    """Who replays a request and has us answer our own challenge in a second connection would need no key."""
    packet = Request(OFF, OURS, 1229, 7).signed(KEY)
    first, second = xvm.exchange(packet, PEER), xvm.exchange(packet, PEER)
    next(first)
    next(second)
    ours = first.send(bytes(CHALLENGE_BYTES))[0][CHALLENGE_BYTES:]
    with pytest.raises(StopIteration):
        second.send(ours)
    assert domains(OURS).isActive()


@pytest.mark.parametrize("change", [0, 1, 5, 70, 110, 175])
def test_a_packet_that_was_changed_is_not_genuine(xvm: Xvm, change: int) -> None:
    packet = bytearray(Request(OFF, OURS, 1229, 7).signed(KEY))
    assert xvm.genuine(bytes(packet))
    packet[change] ^= 1
    assert not xvm.genuine(bytes(packet))
    assert not xvm.genuine(bytes(packet[:-1]))


def test_it_is_called_back_where_it_says_that_it_waits() -> None:
    request = Request(OFF, OURS, 1229, 7, "192.168.77.11")
    packet = request.signed(KEY)
    assert Request.parse(packet) == request
    assert packet[68:72] == bytes([192, 168, 77, 11])


@pytest.mark.parametrize("hash_type", [0, 1, 3])
def test_no_other_hash_is_taken(xvm: Xvm, hash_type: int) -> None:
    packet = bytearray(Request(OFF, OURS, 1229, 7).signed(KEY))
    packet[1] = hash_type
    packet[-64:] = bytes(64)
    assert not xvm.genuine(bytes(packet))


def test_a_request_that_comes_again_is_known(xvm: Xvm) -> None:
    first, other = (Request(OFF, OURS, 1229, number, "192.168.77.11") for number in (7, 8))
    again = Request.parse(first.signed(KEY))
    assert [xvm.repeated(request, PEER) for request in (first, again, other)] == [False, True, False]
    assert not xvm.repeated(first, "192.168.77.12")


def fuzzed(xvm: Xvm, seed: int, packets: int) -> None:
    """Throw random and mutated packets at it, and random answers into exchanges: nothing raises or is carried out."""
    chance = random.Random(seed)
    genuine = [Request(kind, OURS, 1229, kind).signed(KEY) for kind in (OFF, REBOOT, ON)]
    for _ in range(packets):
        packet = bytearray(chance.choice((chance.randbytes(chance.randrange(200)), *genuine)))
        if packet:
            packet[chance.randrange(len(packet))] ^= 1 << chance.randrange(8)
        assert not xvm.genuine(bytes(packet))
        exchange = xvm.exchange(genuine[0], PEER)
        next(exchange)
        exchange.send(chance.randbytes(CHALLENGE_BYTES))
        with pytest.raises(StopIteration):
            exchange.send(chance.randbytes(CHALLENGE_BYTES))
    assert xvm._open == set()


def test_nothing_that_is_thrown_at_it_raises_or_switches(xvm: Xvm, domains: Domains) -> None:
    assert len(Request(OFF, OURS, 1229, 7).signed(KEY)) == REQUEST_BYTES
    fuzzed(xvm, 20161116, 1000)
    assert domains(OURS).isActive()
