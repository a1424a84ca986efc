"""Waiting for a machine: every way in which it ends."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import libvirt
import pytest

from halab.provider.hypervisor.machine import boot
from halab.provider.hypervisor.machine.console import Console
from halab.provider.hypervisor.waiting import Wait
from halab.provisioners.engine.errors import HostKeyError, Interrupted, Paused, TimedOut

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGDB38Ev1e0yl30/A1BXqhSUpZBNFSndmFd2i+UG6mW9"
UP = f"HALAB-HOST-KEY {KEY}\r\nHALAB-READY\r\n"


class Domain:
    """A machine that is on until it is asked for the `off_after`-th time."""

    def __init__(self, off_after: int = 1000, error: int | None = None) -> None:
        self.asked, self.off_after, self.error = 0, off_after, error
        self.states = [[libvirt.VIR_DOMAIN_RUNNING, 1]]
        self.resets = 0

    def isActive(self) -> bool:
        self.asked += 1
        if self.error is not None:
            error = libvirt.libvirtError("gone")
            error.err = (self.error, 10, "gone", 2, None, None, None, -1, -1)
            raise error
        return self.asked <= self.off_after

    def state(self) -> list[int]:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def XMLDesc(self) -> str:
        return "<domain><devices><disk><source file='/pool/node1.qcow2'/></disk></devices></domain>"

    def shutdown(self) -> None:
        self.off_after = self.asked + 1

    def reset(self) -> None:
        self.resets += 1

    def name(self) -> str:
        return "summit-node1"


class Said:
    """A console that shows one more of these texts at each look, and the next one once it is skipped."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.skipped = False

    def text(self) -> str:
        return self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]

    def skip(self) -> None:
        self.skipped = True


def wait(seconds: float = 100.0) -> Wait:
    """No pause between looks; the clock is at the deadline after `seconds` looks."""
    ticks = iter(range(10000))
    stop = threading.Event()
    stop.wait = lambda timeout=None: stop.is_set()  # type: ignore[method-assign]
    return Wait(seconds / boot.BOOT_DEADLINE_S, stop, clock=lambda: float(next(ticks)))


def up(domain: Domain, console: Said, pinned: str = "", how: Wait | None = None) -> str:
    return boot.await_boot(domain, cast(Console, console), how or wait(), "node1", pinned)


def test_it_comes_up() -> None:
    assert up(Domain(), Said("", f"HALAB-HOST-KEY {KEY}\r\n", UP)) == KEY


def test_what_it_printed_before_it_went_off_counts() -> None:
    with pytest.raises(boot.BootFailed, match=r"switched itself off[\s\S]*halfway"):
        up(Domain(off_after=2), Said("halfway"))


def test_a_panic_fails_at_once() -> None:
    with pytest.raises(boot.BootFailed, match="Kernel panic - not syncing: no init"):
        up(Domain(), Said("x\nKernel panic - not syncing: no init\n"))


STALE_CODE = """[    1.218955] Oops: int3: 0000 [#1] PREEMPT SMP NOPTI
[    1.219365] RIP: 0010:enqueue_timer+0xa5/0x100
[    1.221002] Kernel panic - not syncing: Fatal exception in interrupt
"""


def test_a_kernel_whose_changed_code_the_emulator_missed_boots_once_more() -> None:
    domain, console = Domain(), Said(STALE_CODE, f"HALAB-HOST-KEY {KEY}\r\n{UP}")
    assert up(domain, console) == KEY
    assert (domain.resets, console.skipped) == (1, True), "what the first boot printed must not fail the second"


def test_it_boots_once_more_only_once() -> None:
    domain = Domain()
    with pytest.raises(boot.BootFailed, match="Fatal exception in interrupt"):
        up(domain, Said(STALE_CODE))
    assert domain.resets == 1


def test_a_machine_that_is_off_after_such_a_panic_failed() -> None:
    domain = Domain(off_after=0)
    with pytest.raises(boot.BootFailed, match="Fatal exception in interrupt"):
        up(domain, Said(STALE_CODE))
    assert domain.resets == 0


def test_a_domain_that_was_removed_failed() -> None:
    with pytest.raises(boot.BootFailed):
        up(Domain(error=libvirt.VIR_ERR_NO_DOMAIN), Said(""))


def test_a_libvirt_that_does_not_answer_is_an_error() -> None:
    with pytest.raises(libvirt.libvirtError):
        up(Domain(error=libvirt.VIR_ERR_RPC), Said(""))


def full_disk() -> Domain:
    """A machine that has just filled its host's disk."""
    domain = Domain()
    domain.states.append([libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_IOERROR])
    return domain


def test_a_machine_that_is_paused_is_not_waited_for() -> None:
    with pytest.raises(Paused, match=r"node1 is paused because of an I/O error.*/pool.*virsh resume summit-node1"):
        up(full_disk(), Said("halfway"))
    domain = full_disk()
    domain.shutdown = lambda: None  # type: ignore[method-assign]
    with pytest.raises(Paused, match="node1 is paused"):
        boot.shut_down(domain, wait(), "node1")


def test_a_machine_that_is_paused_before_ssh_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boot, "ssh_problem", lambda _address: "timed out")
    with pytest.raises(Paused, match="node1 is paused"):
        boot.await_ssh(full_disk(), "192.0.2.1", wait(), "node1", cast(Console, Said("")))


def test_another_host_key_is_refused() -> None:
    with pytest.raises(HostKeyError):
        up(Domain(), Said(UP), pinned="ssh-ed25519 AAAA")
    assert up(Domain(), Said(UP), pinned=KEY) == KEY


def test_the_deadline_shows_what_was_seen() -> None:
    with pytest.raises(TimedOut, match=r"within 5 s[\s\S]*Starting Slow Thing[\s\S]*time_scale"):
        up(Domain(), Said("Starting Slow Thing..."), how=wait(5))


def test_a_stop_ends_it() -> None:
    how = wait()
    how.stop.set()
    with pytest.raises(Interrupted):
        up(Domain(), Said(""), how=how)


def test_shutdown() -> None:
    domain = Domain()
    boot.shut_down(domain, wait(), "node1")
    assert not domain.isActive()
    boot.shut_down(Domain(off_after=0), wait(), "node1")


def test_a_machine_that_ignores_its_power_button() -> None:
    domain = Domain()
    domain.shutdown = lambda: None  # type: ignore[method-assign]
    with pytest.raises(TimedOut, match="virsh destroy summit-node1"):
        boot.shut_down(domain, wait(5), "node1")


@pytest.fixture
def serving() -> Iterator[Callable[[bytes], int]]:
    """Start a server that says `greeting` to whoever comes; its port."""
    listening: list[socket.socket] = []

    def serve(greeting: bytes) -> int:
        server = socket.create_server(("127.0.0.1", 0))
        listening.append(server)

        def answer() -> None:
            client, _address = server.accept()
            with client:
                client.sendall(greeting)

        threading.Thread(target=answer, daemon=True).start()
        return int(server.getsockname()[1])

    yield serve
    for server in listening:
        server.close()


def test_ssh_answers(serving: Callable[[bytes], int]) -> None:
    assert boot.ssh_problem("127.0.0.1", serving(b"SSH-2.0-OpenSSH_10.0\r\n")) == ""
    assert "something else" in boot.ssh_problem("127.0.0.1", serving(b"HTTP/1.1 400\r\n"))
    assert "something else" in boot.ssh_problem("127.0.0.1", serving(b""))


def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: Any = server.getsockname()[1]
    assert "refused" in boot.ssh_problem("127.0.0.1", port)
