"""Which member is asked: the CIB of one that has not joined yet is that of its disk."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from halab.provider.guests.hosts import Hosts
from halab.provider.hypervisor.inventory import MachineView
from halab.provider.hypervisor.machine.presence import Presence
from halab.provisioners.engine.command import Command, Result
from halab.provisioners.engine.errors import ClusterNotRunning, ConnectError
from halab.provisioners.pacemaker.cib import has_joined

NODES = ("node1", "node2", "node3")  # node2 is asked first
_STATE = '<node_state id="{1}" uname="{0}" in_ccm="1" crmd="1796071326"{2}/>'


def cib(node: str, joined: bool) -> str:
    """As node and its pacemaker-based have it, a moment after that began anew, and from a moment later on."""
    states = _STATE.format(node, 2, ' join="member" expected="member"' if joined else "")
    if joined:
        states += _STATE.format("another", 1, ' join="member" expected="member"')
    return f"<cib><configuration/><status>{states}</status></cib>"


JOINED, NOT_YET, STOPPED, MUTE = "joined", "not yet", "stopped", "mute"


def asked(states: dict[str, str], reading: bool = False) -> str:
    """The name of the member that is chosen."""

    class Guest:
        def __init__(self, address: Any, _pace: Any) -> None:
            self.name = address.name

        def run(self, command: Command, timeout_s: float) -> Result:
            if command.argv[0] != "cibadmin":
                return Result(command, 0, 'ID=debian\nVERSION_ID="13"\n', "")
            if (state := states[self.name]) == MUTE:
                raise ConnectError(f"{self.name} runs but does not answer")
            if state == STOPPED:
                return Result(command, 102, "", "")
            return Result(command, 0, cib(self.name, state == JOINED), "")

        def put(self, path: str, content: bytes, mode: int, owner: str) -> None:
            raise AssertionError(path)

    class Inventory:
        def members(self, _cluster: str) -> list[MachineView]:
            return [MachineView(n, n, n, "", "192.0.2.1", f"key {n}", "pen", Presence.RUNNING) for n in NODES]

        def machine(self, uuid: str) -> MachineView:
            return next(view for view in self.members("") if view.uuid == uuid)

    hosts = Hosts(Inventory(), lambda: [Path("/nowhere")], 1.0, dial=Guest)  # type: ignore[arg-type]
    return hosts.cluster("pen", threading.Event(), reading=reading).name


@pytest.mark.parametrize("reading", [True, False])
@pytest.mark.parametrize(
    ("states", "chosen"),
    [
        ((JOINED, JOINED, JOINED), "node2"),
        ((JOINED, NOT_YET, JOINED), "node3"),
        ((JOINED, NOT_YET, NOT_YET), "node1"),
        ((JOINED, STOPPED, MUTE), "node1"),
        ((MUTE, NOT_YET, STOPPED), "node2"),
        ((NOT_YET, NOT_YET, NOT_YET), "node2"),
    ],
)
def test_one_that_has_joined_if_there_is_one(states: tuple[str, ...], chosen: str, reading: bool) -> None:
    assert asked(dict(zip(NODES, states, strict=True)), reading) == chosen


def test_none_that_runs() -> None:
    with pytest.raises(ClusterNotRunning):
        asked(dict.fromkeys(NODES, STOPPED))
    with pytest.raises(ConnectError):
        asked(dict.fromkeys(NODES, MUTE))


@pytest.mark.parametrize("text", ["", "no XML", "<cib/>", cib("node2", joined=False), cib("node1", joined=True)])
def test_what_is_not_the_cluster_s(text: str) -> None:
    assert not has_joined(text, "node2")
