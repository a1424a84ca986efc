"""`halab cts`: the lab is saved, the suite is run, the lab is as it was."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from halab.cli.checkpoint.commands import Commands
from halab.cli.cts.exerciser import Exerciser
from halab.cli.cts.outcome import Outcome, as_data, is_news, outcome, said, told
from halab.cli.drill.guests import Guests
from halab.cli.drill.session import runner_of
from halab.cli.ending import Ending
from halab.cli.lab.alone import alone
from halab.cli.lab.state import StateUnusable
from halab.cli.look.deployed import NothingDeployed, deployed
from halab.cli.look.health import refuse_unhealthy, when_healthy
from halab.cli.look.place import Place, place
from halab.cli.look.status import look
from halab.constructs.settings import SettingsError
from halab.provider.hypervisor.connection import Connection
from halab.provider.hypervisor.machine.checkpoint import Checkpoints
from halab.provider.run.files import private_directory
from halab.provider.run.folder import LabFolder
from halab.provisioners.engine.errors import HalabError

CHECKPOINT = "before-cts"
FAILED = 3
_HEALTHY_S = 30.0
"""On KVM."""


def main(iterations: int, options: Sequence[str], keep: bool, as_json: bool) -> int:
    """0: nothing was wrong; 3: something was; 1: the suite could not be run."""
    try:
        came, log = _session(iterations, options, keep, lambda line: print(line, file=sys.stderr, flush=True))
    except (HalabError, SettingsError, StateUnusable, NothingDeployed, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if as_json:
        print(json.dumps(as_data(came, str(log)), indent=2))
    return 0 if came.passed else FAILED


def _session(iterations: int, options: Sequence[str], keep: bool, tell: Callable[[str], None]) -> tuple[Outcome, Path]:
    """What it came to, and its log. NothingDeployed, StateUnusable, ConfigError, HalabError."""
    where = place()
    deployed(where.state)
    folder = LabFolder(where.state.parent)
    with Ending(), alone(folder, tell):
        return _alone(where, folder, iterations, options, keep, tell)


def _alone(
    where: Place, folder: LabFolder, iterations: int, options: Sequence[str], keep: bool, tell: Callable[[str], None]
) -> tuple[Outcome, Path]:
    lab = deployed(where.state)
    guests = Guests(where, lab)
    exerciser = Exerciser(guests)
    exerciser.refuse_without_suite()
    report = when_healthy(lambda: look(where), _HEALTHY_S * runner_of(where, tell).stretch)
    refuse_unhealthy(report, "the suite")
    checkpoints = Commands(folder, Checkpoints(Connection(where.uri), where.lab), tell, lab.site_url)
    checkpoints.save(CHECKPOINT)
    log = _file(folder.suite_logs)
    try:
        exerciser.begin(iterations, options)
        came = _followed(exerciser, log, tell)
    finally:
        if keep:
            exerciser.stop()
            tell(f"the lab is left as it is; halab checkpoint restore {CHECKPOINT} brings it back")
        else:
            checkpoints.restore(CHECKPOINT)
            checkpoints.remove(CHECKPOINT)
        guests.forget()
    for line in told(came):
        tell(line)
    tell(f"  {log}")
    return came, log


def _followed(exerciser: Exerciser, log: Path, tell: Callable[[str], None]) -> Outcome:
    """What it came to; its whole log is in the file meanwhile."""
    lines: list[str] = []
    with log.open("w") as file:
        for piece in exerciser.log():
            file.write(piece)
            file.flush()
            for line in said(piece):
                lines.append(line)
                if is_news(line):
                    tell(line)
    return outcome(lines)


def _file(logs: Path) -> Path:
    private_directory(logs)
    return logs / f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}.log"
