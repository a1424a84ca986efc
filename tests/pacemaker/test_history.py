"""The console's history on a real Pacemaker: a resource fails, a node is fenced, and what is decided then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from halab.cli.console.contract_history import Happened, History
from halab.cli.console.history import LAST, Chronicle
from halab.cli.drill.guests import Guests
from halab.cli.look.deployed import Deployed
from halab.cli.look.judgement import judge
from halab.cli.look.snapshot import Answer, Machine, Power, Snapshot
from halab.provider.hypervisor.machine.presence import Presence
from halab.provisioners.engine.command import cmd
from halab.provisioners.engine.item import converge
from halab.provisioners.pacemaker.items import PrimitiveItem
from halab.provisioners.pacemaker.status import STATUS_COMMAND
from halab.provisioners.pacemaker.stonith import Stonith, StonithItem
from tests.pacemaker.cluster import THREE, RealCluster, running, until
from tests.pacemaker.console_stage import Nodes, files
from tests.pacemaker.system import System
from tests.pacemaker.test_cib import alone

pytestmark = pytest.mark.long


@dataclass
class Stage:
    """What the console knows of the cluster, taken anew each time."""

    cluster: RealCluster
    folder: Path
    chronicle: Chronicle

    def told(self) -> History:
        """Once all that answer have ended."""
        names = [name for name, node in self.cluster.nodes.items() if node.process.poll() is None]
        snapshot = Snapshot(
            "pen", 0.0, tuple(self._machine(name, name in names) for name in self.cluster.names), None, None
        )
        self.chronicle.look(judge(snapshot), self._guests)
        return until("end", lambda: self._ended(self.chronicle.told(snapshot)))

    @staticmethod
    def _ended(told: History) -> History | None:
        return None if any(one.asking for one in told.heard) else told

    def _machine(self, name: str, there: bool) -> Machine:
        said = self.cluster.host(name).attempt(STATUS_COMMAND).stdout if there else ""
        answer = Answer(1.0, "uptime 1.0\n", said) if there else None
        power = Power(Presence.RUNNING if there else Presence.OFF)
        return Machine(name, name, self.cluster.nodes[name].address, True, power, answer, "" if there else "it is off")

    def _guests(self) -> Guests:
        return Nodes(files(self.folder), Deployed((), None, ""), cluster=self.cluster)


@pytest.fixture
def stage(debian: System, tmp_path: Path) -> Iterator[Stage]:
    """Three nodes, each with a fencing device, and a resource."""
    with running(debian, tmp_path, THREE) as made:
        for name in made.names:
            device = Stonith(cluster="pen", name=f"fence-{name}", agent="fence_pen", node=name)
            converge(made.host("node1"), StonithItem(), None, device)
        converge(made.host("node1"), PrimitiveItem(), None, alone("web"))
        until("web", lambda: made.runs("web", "node1"))
        yield Stage(made, tmp_path, Chronicle())


def _of(told: History, kind: str) -> list[Happened]:
    return [one for one in told.happened if one.kind == kind]


def test_a_failure_and_a_fencing_are_told_with_their_reasons(stage: Stage) -> None:
    cluster = stage.cluster
    told = stage.told()
    assert [(one.node, one.fault) for one in told.heard] == [(name, "") for name in cluster.names]
    dc = _dc(cluster)
    started = next(one for one in _of(told, "decision") if any(text.startswith("start web on ") for text in one.told))
    assert (started.node, started.title) == (dc, f"{dc} decided: one action")
    assert (_of(told, "failure"), _of(told, "fencing")) == ([], [])

    on = cluster.runs("web", dc)
    cluster.nodes[on].ask("sh", "-euc", "rm /run/Dummy-web.state")
    failed = until("failure", lambda: _of(stage.told(), "failure"))
    assert (failed[0].node, failed[0].title) == (on, f"monitor of web failed on {on}: not running")
    recovered = until("recovery", lambda: _newer(stage.told(), "ecover web on"))
    assert recovered.at is not None
    assert failed[0].at is not None
    assert abs(recovered.at - failed[0].at) < 5

    lost = next(name for name in cluster.names if name != dc)
    cluster.power_off(lost)
    until("success", lambda: [one for one in _of(stage.told(), "fencing") if one.title == f"reboot of {lost}: success"])
    told = stage.told()
    fenced, decided = _of(told, "fencing")[0], _newer(told, f"Fence (reboot) {lost}: ")
    assert decided is not None
    assert f"Fence (reboot) {lost}: peer is no longer part of the cluster" in decided.told
    assert fenced.told[0] == f"pacemaker-controld on {dc} asked for it"
    assert fenced.told[1].endswith(" carried it out")
    assert told.happened.index(fenced) < told.happened.index(decided), "the newest first"
    assert [one.fault for one in told.heard if one.node == lost] == ["its power is off"]
    assert len(_of(told, "decision")) <= LAST
    by_hand = cluster.nodes[dc].run(cmd("sh", "-c", decided.command), 60.0)
    assert by_hand.rc == 0
    assert lost in by_hand.stdout


def _dc(cluster: RealCluster) -> str:
    root = cluster.status("node1")
    found = None if root is None else root.find("summary/current_dc")
    assert found is not None
    return found.get("name", "")


def _newer(told: History, text: str) -> Happened | None:
    """The last decision on it."""
    return next((one for one in _of(told, "decision") if any(text in action for action in one.told)), None)
