"""What libvirt tells of machines: with libvirt's own test driver, whose events are real."""

from __future__ import annotations

import queue
import threading

import libvirt
import pytest

from halab.provider.hypervisor.connection import LibvirtFailed
from halab.provider.hypervisor.machine.happenings import Happenings

URI = "test:///default"
DEADLINE_S = 10.0

Heard = queue.Queue[tuple[str, str, str]]


def reset_by_hand(connection: libvirt.virConnect) -> str:
    """Switch the driver's machine off and on; its UUID."""
    domain = connection.lookupByName("test")
    domain.destroy()
    domain.create()
    return str(domain.UUIDString())


def told(heard: Heard) -> None:
    assert [heard.get(timeout=DEADLINE_S)[1:] for _ in range(2)] == [("stopped", "destroyed"), ("started", "")]


def test_it_tells_each_block_what_happens_in_it() -> None:
    connection = libvirt.open(URI)
    for _ in range(2):
        heard: Heard = queue.Queue()
        with Happenings(lambda *event, heard=heard: heard.put(event), URI):
            reset_by_hand(connection)
            told(heard)
        reset_by_hand(connection)
        with Happenings(lambda *_: None, URI):
            assert heard.empty(), "what happens after a block is not told"
    connection.close()


def test_two_blocks_hear_the_same() -> None:
    connection = libvirt.open(URI)
    one: Heard = queue.Queue()
    two: Heard = queue.Queue()
    with Happenings(lambda *event: one.put(event), URI), Happenings(lambda *event: two.put(event), URI):
        reset_by_hand(connection)
        told(one)
        told(two)
    connection.close()


def test_libvirts_events_are_served_after_the_block() -> None:
    """Else each later connection of the process is closed by its daemon as soon as it has stood idle."""
    with Happenings(lambda *_: None, URI):
        pass
    served = threading.Event()
    timer = libvirt.virEventAddTimeout(0, lambda *_: served.set(), None)
    try:
        assert served.wait(DEADLINE_S)
    finally:
        libvirt.virEventRemoveTimeout(timer)


def test_a_libvirt_that_does_not_answer_is_an_error() -> None:
    with pytest.raises(LibvirtFailed, match="tell what happens to machines"), Happenings(lambda *_: None, "test:///no"):
        pass
