"""A restart of libvirt's daemon in the middle: what goes on, and what does not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import libvirt
import pytest

from halab.provider.hypervisor.connection import Connection, LibvirtAway, LibvirtFailed, is_away
from halab.provider.hypervisor.machine import boot, console
from halab.provider.hypervisor.machine.console import Console
from halab.provider.hypervisor.steady import AWAY_S, SteadyDomain, steadily
from halab.provider.hypervisor.waiting import Wait
from halab.provisioners.engine.errors import Interrupted

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGDB38Ev1e0yl30/A1BXqhSUpZBNFSndmFd2i+UG6mW9"
XML = "<domain type='test'><name>one</name><memory>65536</memory><os><type>hvm</type></os></domain>"


def error(domain: int, code: int = libvirt.VIR_ERR_SYSTEM_ERROR) -> Any:
    made = libvirt.libvirtError("")
    made.args = ("Cannot recv data: Connection reset by peer",)
    made.err = (code, domain, "Connection reset by peer", 2, "", "", "", 104, -1)
    return made


LOST = error(libvirt.VIR_FROM_RPC)
DOWN = LibvirtAway("libvirt does not answer")


@pytest.mark.parametrize(
    ("raised", "away"),
    [
        (LOST, True),
        (error(libvirt.VIR_FROM_RPC, libvirt.VIR_ERR_INTERNAL_ERROR), True),  # client socket is closed
        (DOWN, True),
        (LibvirtFailed("no rights"), False),
        (error(libvirt.VIR_FROM_QEMU), False),
        (error(libvirt.VIR_FROM_QEMU, libvirt.VIR_ERR_NO_DOMAIN), False),
        (KeyError("x"), False),
    ],
)
def test_is_away(raised: Exception, away: bool) -> None:
    assert is_away(raised) == away


def wait() -> Wait:
    """No pause between looks; each look at the clock is a second later."""
    ticks = iter(range(10000))
    stop = threading.Event()
    stop.wait = lambda timeout=None: stop.is_set()  # type: ignore[method-assign]
    return Wait(1.0, stop, clock=lambda: float(next(ticks)))


class Answers:
    """Gives, or raises, one after the other."""

    def __init__(self, *answers: Any) -> None:
        self._left: Iterator[Any] = iter(answers)

    def __call__(self, *_args: Any) -> Any:
        if isinstance(answer := next(self._left), Exception):
            raise answer
        return answer


def test_a_look_is_repeated_until_the_daemon_is_back() -> None:
    assert steadily(wait(), Answers(LOST, DOWN, DOWN, "seen")) == "seen"


def test_another_error_is_raised_at_once() -> None:
    with pytest.raises(KeyError):
        steadily(wait(), Answers(LOST, KeyError("x"), "never asked"))


def test_a_daemon_that_stays_away_is_an_error() -> None:
    asked = Answers(LOST, *[DOWN] * int(2 * AWAY_S))
    with pytest.raises(LibvirtAway):
        steadily(wait(), asked)


def test_a_stop_ends_it() -> None:
    how = wait()
    how.stop.set()
    with pytest.raises(Interrupted):
        steadily(how, Answers(DOWN, "never asked"))


class Breaking:
    """A domain whose connection breaks at some calls; `calls` are all that were made."""

    def __init__(self, domain: Any, *breaks: str) -> None:
        self._domain, self._breaks, self.calls = domain, [*breaks], list[str]()

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any) -> Any:
            self.calls.append(name)
            if name in self._breaks:
                raise LOST
            return getattr(self._domain, name)(*args)

        return call


def test_a_domain_is_looked_up_anew(connection: Connection) -> None:
    domain = connection.libvirt.defineXML(XML)
    broken = Breaking(domain, "isActive", "create")
    steady: Any = SteadyDomain(connection, broken, wait())
    assert steady.name() == "one"
    boot.start(steady)
    assert steady.isActive()
    assert broken.calls == ["UUIDString", "name", "create"]  # from then on its heir is asked
    domain.destroy()
    domain.undefine()
    with pytest.raises(libvirt.libvirtError, match="Domain not found"):
        SteadyDomain(connection, Breaking(domain, "isActive"), wait()).isActive()


def test_a_boot_goes_on_when_the_daemon_is_restarted(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    domain = connection.libvirt.defineXML(XML)
    domain.create()
    printed = f"HALAB-HOST-KEY {KEY}\r\nHALAB-READY\r\n".encode()
    monkeypatch.setattr(console, "download", Answers(b"", LOST, b"boo", LOST, LOST, printed))
    monkeypatch.setattr(Connection, "volume", lambda *_: "log")
    how = wait()
    steady = SteadyDomain(connection, Breaking(domain, "isActive", "state"), how)
    assert boot.await_boot(steady, Console(connection, "/log", how), how, "one") == KEY


def test_without_a_wait_a_console_breaks_with_its_connection(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Machines that end with the connection need not be waited for."""
    monkeypatch.setattr(console, "download", Answers(LOST, b"never read"))
    monkeypatch.setattr(Connection, "volume", lambda *_: "log")
    with pytest.raises(libvirt.libvirtError):
        Console(connection, "/log").text()
