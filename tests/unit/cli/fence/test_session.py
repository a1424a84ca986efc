"""`halab fence --test`: exit codes, and what is told of a trial that fires nothing."""

from __future__ import annotations

import json
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from halab.cli.fence import session
from halab.cli.fence.devices import Device
from halab.cli.fence.firing import Fired, Firing
from halab.cli.fence.trial import Row, Trial
from halab.provisioners.engine.errors import HalabError

NODE1, NODE2 = (Device(f"fence-node{n}", "fence_redfish", "node3") for n in (1, 2))
SBD = Device("fence-sbd", "fence_sbd", "node3")
BACK = "`halab diff` shows what `halab deploy` would bring back"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A lab at which all is well, and which device fired at whom."""
    shots: list[str] = []

    def fire(_: Firing, node: str, _action: str, device: Device) -> Fired:
        shots.append(f"{device.name} {node}")
        return Fired(node, "node1", 1.0, "stopped, started")

    for name, given in {
        "place": SimpleNamespace(state=None),
        "deployed": SimpleNamespace(emulated=False),
        "Guests": SimpleNamespace(
            nodes=[], status=lambda: None, forget=lambda: None, place=SimpleNamespace(state=None)
        ),
        "lab_settings": SimpleNamespace(time_scale=1.0),
        "idlest": "node2",
        "locked": nullcontext(),
    }.items():
        monkeypatch.setattr(session, name, lambda *_, given=given: given)
    monkeypatch.setattr(Firing, "check", lambda *_: None)
    monkeypatch.setattr(Firing, "boot_id", lambda *_: "boot-1")
    monkeypatch.setattr(Firing, "back_s", lambda *_: 33.0)
    monkeypatch.setattr(Firing, "fire", fire)
    return shots


def there(monkeypatch: pytest.MonkeyPatch, devices: list[Device], able: list[Device], fault: str = "") -> None:
    """Which devices the lab has, which of them can fence the node, and what is wrong with each."""
    monkeypatch.setattr(Trial, "look", lambda _: [Row(one, fault=fault) for one in devices])
    monkeypatch.setattr(Firing, "able", lambda *_: able)


def test_each_method_has_fenced_the_node(
    monkeypatch: pytest.MonkeyPatch, told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    there(monkeypatch, [NODE1, NODE2, SBD], [NODE2, SBD])
    assert session.trial("", True, True) == 0
    assert told == ["fence-node2 node2", "fence-sbd node2"]
    assert [row["fault"] for row in json.loads(capsys.readouterr().out)] == ["", "", ""]


def test_a_lab_without_a_device_is_an_error(
    monkeypatch: pytest.MonkeyPatch, told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    there(monkeypatch, [], [])
    for yes in (True, False):
        assert session.trial("", yes, False) == 1
        said = capsys.readouterr().err
        assert "error: the cluster has no fencing device" in said
        assert BACK in said


@pytest.mark.parametrize(("node", "fault"), [("node2", ""), ("", ""), ("", "monitor: no")])
def test_nobody_can_fence_the_node(
    monkeypatch: pytest.MonkeyPatch, told: list[str], capsys: pytest.CaptureFixture[str], node: str, fault: str
) -> None:
    there(monkeypatch, [NODE1], [NODE1] if fault else [], fault)
    assert session.trial(node, True, True) == 1
    said = capsys.readouterr()
    assert told == []
    assert [row["fault"] for row in json.loads(said.out)] == [fault or "cannot fence node2"]
    assert "error: no device that works can fence node2: Each device says why" in said.err
    assert BACK in said.err


def test_a_method_that_cannot_fence_the_node_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    there(monkeypatch, [NODE1, SBD], [SBD])
    assert session.trial("", True, False) == 1
    assert told == ["fence-sbd node2"]
    said = " ".join(capsys.readouterr().out.split())
    assert "cannot fence node2" in said


def test_nobody_is_asked_where_nothing_can_be_fired(monkeypatch: pytest.MonkeyPatch, told: list[str]) -> None:
    there(monkeypatch, [NODE1], [])
    asked: list[Any] = []
    monkeypatch.setattr(session, "_agreed", asked.append)
    assert session.trial("", False, True) == 1
    assert asked == []


def test_without_a_terminal_nothing_is_fired(
    monkeypatch: pytest.MonkeyPatch, told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    there(monkeypatch, [SBD], [SBD])
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: False))
    assert session.trial("", False, False) == 3
    assert "--yes" in capsys.readouterr().err
    assert told == []


@pytest.mark.parametrize(("answer", "code"), [("yes\n", 0), ("Y\n", 0), ("no\n", 3), ("\n", 3), ("", 3)])
def test_a_terminal_is_asked_and_only_a_yes_fires(
    monkeypatch: pytest.MonkeyPatch, told: list[str], capsys: pytest.CaptureFixture[str], answer: str, code: int
) -> None:
    there(monkeypatch, [SBD], [SBD])
    terminal = SimpleNamespace(isatty=lambda: True, readline=lambda: answer)
    monkeypatch.setattr("sys.stdin", terminal)
    assert session.trial("", False, False) == code
    said = capsys.readouterr()
    assert said.err.startswith("Each method fences node2 once; it restarts each time. Go on? [y/N] ")
    assert told == (["fence-sbd node2"] if code == 0 else [])
    assert said.out.count("fence-sbd") == (2 if code == 0 else 1), "what was tried, then what was fired"


@pytest.mark.parametrize("fault", ["", "node2 answers as before"])
def test_by_hand_it_is_told_what_became_of_it(
    monkeypatch: pytest.MonkeyPatch, told: list[str], capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    fired = Fired("node2", "node1", 1.0, "stopped, started", fault, ("fence-node2",))
    monkeypatch.setattr(Firing, "fire", lambda *_: fired)
    assert session.by_hand("node2", "", False, False) == (1 if fault else 0)
    said = capsys.readouterr()
    if fault:
        assert (said.out, said.err) == ("", f"error: node2 was not fenced: {fault}\n")
    else:
        words = "node2 was fenced by fence-node2 in 1.0 s, as node1 had asked. Seen: stopped, started.\n"
        assert (said.out, said.err) == (words, "")


def test_a_name_that_is_no_node_is_refused_by_both(
    monkeypatch: pytest.MonkeyPatch, told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: Firing, name: str) -> None:
        raise HalabError(f"{name} is no node")

    there(monkeypatch, [SBD], [SBD])
    monkeypatch.setattr(Firing, "check", refuse)
    assert session.trial("nobody", True, False) == 1
    assert session.by_hand("nobody", "", False, False) == 1
    assert capsys.readouterr().err == "error: nobody is no node\n" * 2
    assert told == []
