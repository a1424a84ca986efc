"""Whether a write waits for DLM: for quorum only where enough machines run to make one, for a fencing in any case."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from halab.provider.guests import regaining
from halab.provisioners.corosync.quorate import QUORATE
from halab.provisioners.corosync.standing import LocksWait, NoQuorum, StandsStill
from halab.provisioners.engine.command import Command, Result
from halab.provisioners.engine.errors import Interrupted

_STATUS = "<pacemaker-result><summary><cluster_options/></summary><nodes>{}</nodes></pacemaker-result>"


class Lab:
    """A cluster of so many nodes, of which some machines run; it has quorum after a number of looks."""

    time_scale = 1.0

    def __init__(self, nodes: int, on: int, looks: int) -> None:
        self.hosts = self.inventory = self
        self.nodes, self.on, self.looks = nodes, on, looks
        self.why: StandsStill = NoQuorum("summit")
        self.votes = 0

    def cluster(self, name: str, stop: threading.Event, *_: Any, under_dlm: bool = False) -> Any:
        if under_dlm and self.looks:
            self.looks -= 1
            raise self.why
        return self

    def machine(self, uuid: str, *_: Any, on_lun: bool = False) -> Any:
        """For libvirt's inventory, and for a host."""
        return SimpleNamespace(cluster="summit", name="node1", look=self.look)

    def look(self, command: Command) -> Result:
        """What a node's Corosync says of its votes, and which lockspaces stand still there."""
        if command == QUORATE:
            return Result(command, self.votes, "", "")
        self.looks -= 1
        return Result(command, 0, "lvm_vg gfs0\n" if self.looks >= 0 else "\n", "")

    def ask(self, command: Command) -> Result:
        return Result(command, 0, _STATUS.format('<node name="n"/>' * self.nodes), "")

    def members(self, name: str) -> list[Any]:
        return [SimpleNamespace(presence=SimpleNamespace(on=number < self.on)) for number in range(self.nodes)]


@pytest.mark.parametrize(("nodes", "on"), [(3, 2), (3, 3), (4, 2), (2, 2)])
def test_who_is_booting_is_waited_for(nodes: int, on: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regaining, "_LOOK_S", 0.01)
    lab, said = Lab(nodes, on, looks=3), list[str]()
    found: object = regaining.member_under_dlm(lab, "summit", threading.Event(), said.append)  # type: ignore[arg-type]
    assert found is lab
    assert said == ["cluster summit has no quorum"] * 3


@pytest.mark.parametrize(("nodes", "on"), [(3, 1), (5, 2), (2, 1)])
def test_too_few_are_told_at_once_with_the_remedy(nodes: int, on: int) -> None:
    lab = Lab(nodes, on, looks=9)
    with pytest.raises(NoQuorum, match=r"cluster summit has no quorum.*runbook"):
        regaining.member_under_dlm(lab, "summit", threading.Event(), pytest.fail)  # type: ignore[arg-type]
    assert lab.looks == 8, "asked once"


def test_a_wait_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regaining, "_LOOK_S", 0.01)
    monkeypatch.setattr(regaining, "_JOIN_S", 0.05)
    with pytest.raises(NoQuorum):
        regaining.member_under_dlm(Lab(3, 3, 10**6), "summit", threading.Event(), str)  # type: ignore[arg-type]


def test_a_request_to_stop_ends_it() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Interrupted):
        regaining.member_under_dlm(Lab(3, 3, 9), "summit", stop, str)  # type: ignore[arg-type]


def test_a_fencing_is_waited_for_however_few_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regaining, "_LOOK_S", 0.01)
    lab, said = Lab(2, 1, looks=3), list[str]()
    lab.why = LocksWait("summit", "node1", ["gfs0"])
    found: object = regaining.member_under_dlm(lab, "summit", threading.Event(), said.append)  # type: ignore[arg-type]
    assert found is lab
    assert said == ["DLM of cluster summit stands still (gfs0)"] * 3


def test_a_machine_whose_dlm_stands_still_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regaining, "_LOOK_S", 0.01)
    lab, said = Lab(3, 2, looks=2), list[str]()
    stop = threading.Event()
    found = regaining.machine_under_dlm(lab, "uuid1", stop, said.append)  # type: ignore[arg-type]
    assert found.name == "node1"
    assert said == ["DLM of cluster summit stands still (lvm_vg, gfs0)"] * 2


@pytest.mark.parametrize(("votes", "looks"), [(2, 9), (1, 9)])
def test_a_machine_without_quorum_is_refused_and_one_without_corosync_is_not(votes: int, looks: int) -> None:
    lab = Lab(3, 1, looks)
    lab.votes = votes
    if votes == 2:
        with pytest.raises(NoQuorum, match="runbook"):
            regaining.machine_under_dlm(lab, "uuid1", threading.Event(), pytest.fail)  # type: ignore[arg-type]
    else:
        found: object = regaining.machine_under_dlm(lab, "uuid1", threading.Event(), pytest.fail)  # type: ignore[arg-type]
        assert found
    assert lab.looks == looks, "DLM is asked by nobody"
