"""Drills one after the other: a checkpoint before them, verdicts, and the lab restored where that is due."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from halab.cli.checkpoint.commands import Commands
from halab.cli.drill.declaration import Drill
from halab.cli.drill.junit import junit
from halab.cli.drill.page import page
from halab.cli.drill.running import Runner
from halab.cli.drill.several import summary
from halab.cli.drill.story import told
from halab.cli.drill.verdict import ERROR, FAIL, PASS, Verdict, as_data, judge
from halab.cli.lab.state import instances
from halab.cli.lab.this_lab import lab_settings
from halab.cli.look.deployed import deployed
from halab.cli.look.place import Place, place
from halab.provider.hypervisor.connection import Connection
from halab.provider.hypervisor.machine.checkpoint import Checkpoints
from halab.provider.run.files import write_private
from halab.provider.run.folder import LabFolder

CHECKPOINT = "before-drills"
REPORT = "report.html"
_EMULATED = 3.0
"""How much longer an emulated lab may take for what KVM does in a given time."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a session is carried out."""

    restore: bool = False
    keep: bool = False
    as_json: bool = False
    junit: Path | None = None


def nodes_deployed() -> int:
    """How many nodes the lab has. NothingDeployed, StateUnusable."""
    return sum(bool(machine.cluster) for machine in deployed(place().state).machines)


def session(drills: Sequence[Drill], wishes: Wishes, tell: Callable[[str], None]) -> int:
    """0: all passed; 3: one failed; 1: one could not be carried out. NothingDeployed, StateUnusable, HalabError."""
    where = place()
    lab = deployed(where.state)
    runner = runner_of(where, tell)
    folder = LabFolder(where.state.parent)
    checkpoints = Commands(folder, Checkpoints(Connection(where.uri), where.lab), lambda _: None, lab.site_url)
    checkpoints.save(CHECKPOINT)
    verdicts: list[Verdict] = []
    for drill in drills:
        verdict = carried_out(runner, drill, folder)
        verdicts.append(verdict)
        if verdict.result != PASS and wishes.keep:
            tell(f"the lab is left as it is; halab checkpoint restore {CHECKPOINT} brings it back")
            break
        if verdict.result != PASS or wishes.restore:
            checkpoints.restore(CHECKPOINT)
    else:
        checkpoints.remove(CHECKPOINT)
    for line in _together(verdicts):
        tell(line)
    if wishes.as_json:
        print(json.dumps([as_data(verdict) for verdict in verdicts], indent=2))
    if wishes.junit:
        wishes.junit.write_text(junit(verdicts))
    return code(verdicts)


def _together(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Of each drill that was carried out more than once: how often it passed, how long the site was away."""
    for name in dict.fromkeys(verdict.drill for verdict in verdicts):
        same = [verdict for verdict in verdicts if verdict.drill == name]
        if len(same) > 1:
            yield from (f"{name}: {line}" for line in summary(same))


def code(verdicts: Sequence[Verdict]) -> int:
    """The exit code of a session."""
    results = {verdict.result for verdict in verdicts}
    return 1 if ERROR in results else 3 if FAIL in results else 0


def _folder(drills: Path, name: str) -> Path:
    """One that is not there yet: two runs may begin in one second."""
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    for suffix in ("", *(f".{number}" for number in range(2, 100))):
        if not (folder := drills / f"{stamp}{suffix}-{name}").exists():
            return folder
    raise FileExistsError(folder)


def carried_out(runner: Runner, drill: Drill, folder: LabFolder) -> Verdict:
    """One drill, its verdict, and its report beside the recording; all of it is told."""
    recorded = runner.run(drill, _folder(folder.drills, drill.name))
    verdict = judge(recorded)
    report = folder.drills / recorded.name / REPORT
    write_private(report, page(recorded))
    for line in told(recorded, verdict):
        runner.tell(line)
    runner.tell(f"  {report}")
    return verdict


def runner_of(where: Place, tell: Callable[[str], None]) -> Runner:
    """For the deployed lab. NothingDeployed, StateUnusable."""
    found = instances(where.state)
    used = {one.attributes["hypervisor_used"] for one in found if one.type == "halab_machine"}
    emulated = "qemu" in used
    circumstances = {"hypervisor": "emulated" if emulated else "kvm"}
    lab = deployed(where.state)
    stretch = lab_settings().time_scale * (_EMULATED if emulated else 1.0)
    return Runner(where, lab, stretch, circumstances, tell)
