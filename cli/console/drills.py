"""The drills: what there are, those that were carried out, and a new one."""

from __future__ import annotations

from halab.cli.console.contract import DrillKind, DrillRun, Drills
from halab.cli.console.refusing import Refused
from halab.cli.drill.catalogue import DRILLS
from halab.cli.drill.listing import expected
from halab.cli.drill.needs import Here, unfit
from halab.cli.drill.page import page
from halab.cli.drill.recording import read, runs
from halab.cli.drill.story import sentence
from halab.cli.drill.verdict import judge
from halab.cli.lab.state import StateUnusable
from halab.cli.lab.this_lab import lab_settings
from halab.cli.look.deployed import NothingDeployed, deployed
from halab.cli.look.place import Place
from halab.constructs.settings import SettingsError
from halab.provider.run.folder import LabFolder
from halab.provisioners.engine.errors import UnexpectedOutput

_LAST = 8


def drills(place: Place) -> Drills:
    """The kinds that there are; of the runs, the last ones."""
    lab = _here(place)
    shown = tuple(
        DrillKind(one.name, one.does, expected(one), tuple(unfit(one, lab)) if lab else ()) for one in DRILLS.values()
    )
    last = list(runs(LabFolder(place.state.parent).drills))[-_LAST:]
    return Drills(shown, tuple(_run(place, folder.name) for folder in reversed(last)))


def _here(place: Place) -> Here | None:
    """None: there is nothing that can tell. The drills are still shown; to start one says why it cannot."""
    try:
        return Here(len(deployed(place.state).nodes), lab_settings())
    except (NothingDeployed, StateUnusable, SettingsError):
        return None


def _run(place: Place, name: str) -> DrillRun:
    try:
        run = read(LabFolder(place.state.parent).drills / name)
    except UnexpectedOutput as error:  # it is damaged, or of another version
        return DrillRun(name, 0.0, "", error.summary)
    if not run.complete:
        return DrillRun(name, float(run.about["t"]), "", "It is under way, or was ended before it had come to its end.")
    verdict = judge(run)
    return DrillRun(name, float(run.about["t"]), verdict.result, sentence(run, verdict))


def report(place: Place, name: str) -> str:
    """A run's timeline as HTML, without script. Refused: there is none of that name; UnexpectedOutput."""
    folder = LabFolder(place.state.parent).drills
    if name not in {one.name for one in runs(folder)}:
        raise Refused("There is no recorded drill of that name.")
    return page(read(folder / name))


def known(name: str) -> bool:
    """Whether there is a drill of that name."""
    return name in DRILLS
