"""How a snapshot is taken: everybody is asked at once, and nobody waits for a machine without power."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import pytest

from halab.cli.look import hypervisor, services, taking
from halab.cli.look.deployed import Deployed, KnownMachine
from halab.cli.look.place import Place
from halab.cli.look.snapshot import Answer, Power, Site
from halab.provider.hypervisor.machine.presence import Presence
from halab.provisioners.engine.command import Result, cmd
from halab.provisioners.engine.errors import ConnectError, ConnectionLost, HalabError, TimedOut
from halab.provisioners.engine.ssh import SshTransport

HELD_S = 30.0


def machine(name: str) -> KnownMachine:
    return KnownMachine(name, name, "192.0.2.1", "ssh-ed25519 AAAA", "summit", name, "", True)


LAB = Deployed((machine("node1"), machine("node2")), None, "http://192.0.2.9/")


def here(folder: Path) -> Place:
    return Place("summit", "qemu:///system", *(folder / str(number) for number in range(7)))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> threading.Barrier:
    """node1, the site and libvirt answer once all have been asked, node2 never does."""
    all_asked, never = threading.Barrier(4), threading.Event()

    def hear(_: object, known: KnownMachine, *__: object) -> Answer | str:
        all_asked.wait(HELD_S)
        if known.name == "node2":
            never.wait(HELD_S)
        return Answer(time.time(), "uptime 5", "")

    def powers(_uri: str, _lab: str, names: list[str]) -> dict[str, Power]:
        all_asked.wait(HELD_S)
        return {name: Power(Presence.OFF if name == "node2" else Presence.RUNNING) for name in names}

    def site(url: str, _limit_s: float) -> Site:
        all_asked.wait(HELD_S)
        return Site(url)

    monkeypatch.setattr(taking.Ways, "ask", hear)
    monkeypatch.setattr(hypervisor, "powers", powers)
    monkeypatch.setattr(services, "ask_site", site)
    return all_asked


def test_all_are_asked_at_once_and_one_without_power_is_not_waited_for(
    tmp_path: Path, asked: threading.Barrier
) -> None:
    began, loaded = time.monotonic(), threading.Event()
    seen = taking.take(here(tmp_path), LAB, HELD_S, loaded.set)
    assert time.monotonic() - began < HELD_S / 2
    assert not asked.broken
    assert loaded.is_set()
    first, second = seen.machines
    assert (first.silence, first.answer is not None) == ("", True)
    assert (second.silence, second.answer) == ("it is off", None)


def test_where_one_machine_answers_late_another_may_be_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("halab.cli.look.together.SLOWER", 50.0)
    first_has_answered, limit_s = threading.Event(), 1.0

    def hear(_: object, known: KnownMachine, *__: object) -> Answer:
        if known.name == "node2":
            assert first_has_answered.wait(HELD_S)
            time.sleep(1.5 * limit_s)  # beyond the limit
        else:
            time.sleep(0.2)  # what a look takes here
            first_has_answered.set()
        return Answer(time.time(), "uptime 5", "")

    monkeypatch.setattr(taking.Ways, "ask", hear)
    monkeypatch.setattr(hypervisor, "powers", lambda _uri, _lab, names: dict.fromkeys(names, Power(Presence.RUNNING)))
    monkeypatch.setattr(services, "ask_site", lambda url, _: Site(url))
    seen = taking.take(here(tmp_path), LAB, limit_s)
    assert [one.silence for one in seen.machines] == ["", ""]


def test_what_one_without_power_has_still_said_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = threading.Event()

    def hear(*_: object) -> Answer:
        said.set()
        return Answer(time.time(), "uptime 5", "")

    def powers(_uri: str, _lab: str, names: list[str]) -> dict[str, Power]:
        assert said.wait(HELD_S)
        return {name: Power(Presence.PAUSED) for name in names}

    monkeypatch.setattr(taking.Ways, "ask", hear)
    monkeypatch.setattr(hypervisor, "powers", powers)
    monkeypatch.setattr(services, "ask_site", lambda url, _: Site(url))
    seen = taking.take(here(tmp_path), LAB, HELD_S)
    assert [(one.answer, one.silence) for one in seen.machines] == [(None, "it is paused")] * 2


def loaded_by(text: str) -> set[str]:
    """The modules that Python has loaded after these lines."""
    command = [sys.executable, "-c", f"{text}\nimport sys; print(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (TimedOut("node1: sh did not end within 5 s", "sh -s"), "no answer within 5 s"),
        (
            ConnectionLost("node1: the connection broke", "while `sh -s` ran; whether it took effect is unknown (EOF)"),
            "the connection broke while it was asked",
        ),
        (ConnectError("node1: no session", "192.0.2.1: refused"), "192.0.2.1: refused"),
    ],
)
def test_why_a_machine_says_nothing(error: HalabError, told: str) -> None:
    """It was asked, and nothing else: no command that a person never typed, no doubt whether it took effect."""
    transport = create_autospec(SshTransport, instance=True)
    transport.run_all.side_effect = transport.run.side_effect = error
    assert taking.ask(transport, machine("node1"), None, 5.0) == told
    assert taking.glance(transport, 5.0) == told


def test_nothing_is_loaded_that_the_first_question_does_not_need() -> None:
    """Each of these takes as long as a question; they come while the lab answers, or not at all."""
    before = loaded_by("import halab.cli.look.status")
    assert not before & {"requests", "rich.console", "libvirt", "invoke", "halab.cli.look.judgement"}
    with_ssh = loaded_by("from halab.provisioners.engine import ssh; ssh.load()")
    assert "paramiko" in with_ssh
    assert "invoke" not in with_ssh


def test_who_needs_invoke_still_gets_it() -> None:
    assert "invoke" in loaded_by("from halab.provisioners.engine import ssh; ssh.load(); import invoke")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The connections that were made, each a transport that answers."""
    transports: list[Any] = []

    def connection(*_: object) -> Any:
        transports.append(create_autospec(SshTransport, instance=True))
        transports[-1].run_all.return_value = [Result(cmd("look"), 0, "uptime 5", "")]
        return transports[-1]

    monkeypatch.setattr(taking, "connection", connection)
    return transports


def test_looks_share_a_connection_until_its_machine_is_silent(tmp_path: Path, made: list[Any]) -> None:
    node1 = machine("node1")
    with taking.Ways(tmp_path / "key") as ways:
        assert isinstance(ways.ask(node1, None, 5.0), Answer)
        assert isinstance(ways.ask(node1, None, 5.0), Answer)
        (first,) = made
        first.run_all.side_effect = TimedOut("node1: sh did not end within 5 s")
        assert ways.ask(node1, None, 5.0) == "no answer within 5 s"
        first.close.assert_called_once()
        assert isinstance(ways.ask(node1, None, 5.0), Answer)
        _, second = made
        second.close.assert_not_called()
    second.close.assert_called_once()


def test_who_is_still_waited_for_has_a_connection_of_his_own(tmp_path: Path, made: list[Any]) -> None:
    node1, asked, go_on = machine("node1"), threading.Event(), threading.Event()

    def slow(*_: object) -> list[Result]:
        asked.set()
        go_on.wait(HELD_S)
        return [Result(cmd("look"), 0, "uptime 5", "")]

    with taking.Ways(tmp_path / "key") as ways:
        ways.ask(node1, None, 5.0)
        made[0].run_all.side_effect = slow
        late = threading.Thread(target=ways.ask, args=(node1, None, 5.0))
        late.start()
        assert asked.wait(HELD_S)
        ways.ask(node1, None, 5.0)
        assert len(made) == 2
        go_on.set()
        late.join(HELD_S)
        made[0].close.assert_called_once()
        made[1].close.assert_not_called()
    made[1].close.assert_called_once()


def test_a_single_look_leaves_no_connection(tmp_path: Path, made: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hypervisor, "powers", lambda *_: dict.fromkeys(("node1", "node2"), Power(Presence.RUNNING)))
    monkeypatch.setattr(services, "ask_site", lambda url, _limit_s: Site(url))
    taking.take(here(tmp_path), LAB, HELD_S)
    assert len(made) == 2
    for transport in made:
        transport.close.assert_called_once()
    with taking.Ways(tmp_path / "key") as ways:
        for _ in range(2):
            taking.take(here(tmp_path), LAB, HELD_S, ways=ways)
        assert len(made) == 4
