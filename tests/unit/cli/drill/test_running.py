"""How a run begins and ends when the lab, or the disk, does not let it."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from halab.cli.drill import running
from halab.cli.drill.catalogue import DRILLS
from halab.cli.drill.recording import Recorder, Run
from halab.cli.drill.running import Runner
from halab.cli.look.deployed import Deployed
from halab.provisioners.engine.errors import ConnectError, HalabError
from tests.unit.cli.drill.test_facts import MUTE, WELL, Lab, Said


def _corosync(key: str) -> int:
    return 3000 if key else 0


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch, told: list[str], tmp_path: Path) -> Runner:
    """Of a lab that is well and says WELL, until a test has it otherwise."""
    monkeypatch.setattr(running, "look", lambda *_: _report(healthy=True))
    monkeypatch.setattr(running, "Guests", lambda *_: _lab(WELL))
    place: Any = SimpleNamespace(private_key=tmp_path / "key", lab="pen", uri="test:///default")
    return Runner(place, Deployed((), None, ""), 0.001, {}, told.append)


def _lab(said: Said) -> Any:
    lab = Lab(said)
    lab.corosync = _corosync  # type: ignore[method-assign]
    return lab


def _report(healthy: bool) -> Any:
    faults = [] if healthy else [SimpleNamespace(what="node2", text="is off")]
    site, storage = SimpleNamespace(served_by="node1"), SimpleNamespace(mounts=())
    return SimpleNamespace(healthy=healthy, at=time.time(), faults=faults, site=site, storage=storage)


def _run(runner: Runner, folder: Path) -> Run:
    return runner.run(DRILLS["reboot-idle"], folder)


def test_nothing_is_recorded_of_a_lab_that_nobody_could_ask(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(running, "Guests", lambda *_: _lab(MUTE))
    with pytest.raises(ConnectError, match="does not answer"):
        _run(runner, tmp_path / "run")
    assert not (tmp_path / "run").exists(), "the report of the last run is that of another one"


def test_a_lab_that_is_not_well_is_an_error_of_its_drill(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(running, "look", lambda *_: _report(healthy=False))
    run = _run(runner, tmp_path / "run")
    assert [one["text"] for one in run.of("error")] == [
        "The lab is not healthy: a drill needs one that is: node2 is off"
    ]
    with pytest.raises(HalabError, match="node2 is off"):
        runner.refuse_unhealthy()


def test_what_else_was_wrong_is_recorded_too(runner: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*_: Any) -> Any:
        error = HalabError("no effect on node1")
        error.add_note("the site was not heard to the end")
        raise error

    monkeypatch.setattr(running, "listening", broken)
    run = _run(runner, tmp_path / "run")
    assert [one["text"] for one in run.of("error")] == ["no effect on node1. the site was not heard to the end"]


def test_a_disk_that_is_full_is_told(runner: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Recorder, "add", full)
    with pytest.raises(OSError, match="No space left"):
        _run(runner, tmp_path / "run")


def test_how_slow_it_is_is_told_and_recorded(
    runner: Runner, told: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    slow = _report(healthy=True)
    slow.at -= 0.01  # of the 5 ms that this lab's limits leave to a look
    monkeypatch.setattr(running, "look", lambda *_: slow)
    monkeypatch.setattr(running, "listening", lambda *_: (_ for _ in ()).throw(HalabError("enough")))
    about = _run(runner, tmp_path / "run").about
    assert about["slowness"] >= 6
    assert about["whole_limit_s"] == pytest.approx(0.14 * about["slowness"])
    assert any("answers slowly" in line for line in told)
