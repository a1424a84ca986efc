"""Whether a write waits for quorum: only where enough machines run to make one."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from halab.provider.guests import regaining
from halab.provisioners.corosync.quorate import NoQuorum
from halab.provisioners.engine.command import Command, Result
from halab.provisioners.engine.errors import Interrupted

_STATUS = "<pacemaker-result><summary><cluster_options/></summary><nodes>{}</nodes></pacemaker-result>"


class Lab:
    """A cluster of so many nodes, of which some machines run; it has quorum after a number of looks."""

    time_scale = 1.0

    def __init__(self, nodes: int, on: int, looks: int) -> None:
        self.hosts = self.inventory = self
        self.nodes, self.on, self.looks = nodes, on, looks

    def cluster(self, name: str, stop: threading.Event, *_: Any, under_dlm: bool = False) -> Any:
        if under_dlm and self.looks:
            self.looks -= 1
            raise NoQuorum(name)
        return self

    def ask(self, command: Command) -> Result:
        return Result(command, 0, _STATUS.format('<node name="n"/>' * self.nodes), "")

    def members(self, name: str) -> list[Any]:
        return [SimpleNamespace(presence=SimpleNamespace(on=number < self.on)) for number in range(self.nodes)]


@pytest.mark.parametrize(("nodes", "on"), [(3, 2), (3, 3), (4, 2), (2, 2)])
def test_who_is_booting_is_waited_for(nodes: int, on: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regaining, "_LOOK_S", 0.01)
    lab, said = Lab(nodes, on, looks=3), list[str]()
    found: object = regaining.host_with_quorum(lab, "summit", threading.Event(), said.append)  # type: ignore[arg-type]
    assert found is lab
    assert said == ["cluster summit has no quorum yet"] * 3


@pytest.mark.parametrize(("nodes", "on"), [(3, 1), (5, 2), (2, 1)])
def test_too_few_are_told_at_once_with_the_remedy(nodes: int, on: int) -> None:
    lab = Lab(nodes, on, looks=9)
    with pytest.raises(NoQuorum, match=r"cluster summit has no quorum.*runbook"):
        regaining.host_with_quorum(lab, "summit", threading.Event(), pytest.fail)  # type: ignore[arg-type]
    assert lab.looks == 8, "asked once"


def test_a_wait_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regaining, "_LOOK_S", 0.01)
    monkeypatch.setattr(regaining, "_JOIN_S", 0.05)
    with pytest.raises(NoQuorum):
        regaining.host_with_quorum(Lab(3, 3, 10**6), "summit", threading.Event(), str)  # type: ignore[arg-type]


def test_a_request_to_stop_ends_it() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Interrupted):
        regaining.host_with_quorum(Lab(3, 3, 9), "summit", stop, str)  # type: ignore[arg-type]
