"""How a snapshot is taken: everybody is asked at once, and nobody waits for a machine without power."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from unittest.mock import create_autospec

import pytest

from halab.cli.look import hypervisor, services, taking
from halab.cli.look.deployed import Deployed, KnownMachine
from halab.cli.look.place import Place
from halab.cli.look.snapshot import Answer, Power, Site
from halab.provider.hypervisor.machine.presence import Presence
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

    def hear(known: KnownMachine, *_: object) -> Answer | str:
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

    monkeypatch.setattr(taking, "_hear", hear)
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


def test_what_one_without_power_has_still_said_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = threading.Event()

    def hear(*_: object) -> Answer:
        said.set()
        return Answer(time.time(), "uptime 5", "")

    def powers(_uri: str, _lab: str, names: list[str]) -> dict[str, Power]:
        assert said.wait(HELD_S)
        return {name: Power(Presence.PAUSED) for name in names}

    monkeypatch.setattr(taking, "_hear", hear)
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
