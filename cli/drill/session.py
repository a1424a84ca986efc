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
from halab.cli.drill.needs import Here
from halab.cli.drill.page import page
from halab.cli.drill.running import Runner
from halab.cli.drill.several import summary
from halab.cli.drill.story import told
from halab.cli.drill.verdict import ERROR, FAIL, PASS, Verdict, as_data, judge
from halab.cli.ending import Ending
from halab.cli.lab.alone import alone
from halab.cli.lab.state import instances
from halab.cli.lab.this_lab import lab_settings
from halab.cli.look.deployed import deployed
from halab.cli.look.place import Place, place
from halab.provider.hypervisor.connection import Connection
from halab.provider.hypervisor.machine.checkpoint import Checkpoints
from halab.provider.run.files import write_private
from halab.provider.run.folder import LabFolder
from halab.provisioners.engine.errors import HalabError

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


def here() -> Here:
    """What the lab is made for. NothingDeployed, StateUnusable, SettingsError."""
    return Here(len(deployed(place().state).nodes), lab_settings())


def session(drills: Sequence[Drill], wishes: Wishes, tell: Callable[[str], None]) -> int:
    """0: all passed; 3: one failed; 1: one could not be carried out. NothingDeployed, StateUnusable, HalabError."""
    where = place()
    folder = LabFolder(where.state.parent)
    deployed(where.state)
    with Ending(), alone(folder, tell):
        runner = runner_of(where, tell)
        machines = Checkpoints(Connection(where.uri), where.lab)
        checkpoints = Commands(folder, machines, lambda _: None, runner.lab.site_url)
        _save(runner, checkpoints)
        verdicts: list[Verdict] = []
        try:
            _one_after_the_other(drills, wishes, runner, checkpoints, verdicts)
        finally:
            _show(verdicts, wishes, tell)
    return code(verdicts)


def _save(runner: Runner, checkpoints: Commands) -> None:
    """A lab that is not well is not saved: one that was well may stand in its place. HalabError."""
    try:
        runner.refuse_unhealthy()
    except HalabError as error:
        if any(kept.name == CHECKPOINT for kept in checkpoints.list()):
            raise HalabError(
                str(error), f"halab checkpoint restore {CHECKPOINT} brings the lab of before the last drills back."
            ) from error
        raise
    checkpoints.save(CHECKPOINT)


def _one_after_the_other(
    drills: Sequence[Drill], wishes: Wishes, runner: Runner, checkpoints: Commands, verdicts: list[Verdict]
) -> None:
    """Whatever ends it, the lab is well afterwards, or as it was before, unless it is to be kept as it is."""
    try:
        for drill in drills:
            verdicts.append(carried_out(runner, drill, checkpoints.folder))
            failed = verdicts[-1].result != PASS
            if failed and wishes.keep:
                _leave(runner.tell)
                return
            if failed or wishes.restore:
                checkpoints.restore(CHECKPOINT)
    except BaseException:
        if wishes.keep:
            _leave(runner.tell)
        else:
            runner.tell("the lab is brought back to where it was before")
            checkpoints.restore(CHECKPOINT)
            checkpoints.remove(CHECKPOINT)
        raise
    checkpoints.remove(CHECKPOINT)


def _leave(tell: Callable[[str], None]) -> None:
    tell(f"the lab is left as it is; halab checkpoint restore {CHECKPOINT} brings it back")


def _show(verdicts: Sequence[Verdict], wishes: Wishes, tell: Callable[[str], None]) -> None:
    for line in _together(verdicts):
        tell(line)
    if wishes.as_json:
        print(json.dumps([as_data(verdict) for verdict in verdicts], indent=2))
    if wishes.junit:
        wishes.junit.write_text(junit(verdicts))


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
