"""Recorded runs told again: words for a terminal, one HTML file, or data. Nothing is asked of the lab."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from halab.cli.drill.page import page
from halab.cli.drill.recording import Run, read, runs
from halab.cli.drill.session import REPORT
from halab.cli.drill.several import compared, several
from halab.cli.drill.story import told
from halab.cli.drill.verdict import as_data, judge
from halab.cli.look.place import place
from halab.provider.run.files import write_private
from halab.provider.run.folder import LabFolder
from halab.provisioners.engine.errors import ConfigError


def retell(names: Sequence[str], compare: bool, output: Path | None, as_json: bool) -> None:
    """Of the runs with these names (or folders), or of the last one. ConfigError, UnexpectedOutput."""
    drills = LabFolder(place().state.parent).drills
    found = [read(folder) for folder in folders(drills, names)]
    if as_json:
        print(json.dumps([as_data(judge(run)) for run in found], indent=2))
        return
    for run in found:
        for line in told(run, judge(run)):
            print(line)
    target = output or (drills / found[0].name / REPORT if len(found) == 1 else drills / REPORT)
    write_private(target, _html(found, compare))
    print(f"  {target}")


def _html(found: Sequence[Run], compare: bool) -> str:
    if compare:
        if len(found) != 2:
            raise ConfigError("--compare takes two runs", "For example: halab drill report --compare RUN RUN.")
        return compared(*found)
    return page(found[0]) if len(found) == 1 else several(found)


def folders(drills: Path, names: Sequence[str]) -> list[Path]:
    """Folders of recorded runs. A name is a folder's, its end (a drill's name: the last run of it), or a path."""
    there = list(runs(drills))
    if not names:
        if not there:
            raise ConfigError(f"There are no recorded drills in {drills}", "`halab drill run NAME` makes one.")
        return there[-1:]
    return [_folder(name, there) for name in names]


def _folder(name: str, there: Sequence[Path]) -> Path:
    if "/" in name:
        return Path(name)
    matching = [folder for folder in there if name and name in (folder.name, folder.name.partition("-")[2])]
    if not matching:
        raise ConfigError(f"There is no recorded run {name!r}", "There are: " + ", ".join(f.name for f in there))
    return matching[-1]
